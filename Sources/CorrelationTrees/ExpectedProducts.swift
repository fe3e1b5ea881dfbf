import FireTreeCore

/// The inner products that a detector is expected to compute, for the prediction of an engine's time.
public struct ExpectedProducts: Sendable, Equatable {
  /// Pairs whose correlation is computed in tiled matrix products.
  public var pairs: Double
  /// Products and distances of a weight (d elements) with single vectors: balls that a query or an update meets.
  public var weightVectors: Double
  /// The same of a data point (its stored elements).
  public var pointVectors: Double

  public init(pairs: Double, weightVectors: Double = 0, pointVectors: Double = 0) {
    self.pairs = pairs
    self.weightVectors = weightVectors
    self.pointVectors = pointVectors
  }
}

/// What happens to a detector.
public enum DetectorWork: Sendable {
  /// It is built.
  case building
  /// So many weights are updated.
  case updating(Double)
  /// All pairs are asked for.
  case querying
}

extension FiringDetector {
  /// Those of a detector that stores correlations: all when it is built, n for an updated weight, none for a query.
  public static func expectedProducts(
    of work: DetectorWork, neurons: Int, points: Int, dimension: Int, share: Double
  ) -> ExpectedProducts {
    switch work {
    case .building: ExpectedProducts(pairs: Double(neurons) * Double(points))
    case .updating(let updated): ExpectedProducts(pairs: updated * Double(points))
    case .querying: ExpectedProducts(pairs: 0)
    }
  }
}
