import FireTree

/// What one detector took for one instance: to be built, for a query of all pairs, for the move of weights, and for the
/// query after it.
public struct DetectorMeasurement: Sendable {
  public var detector: String
  public var instance: String
  /// n, m, d.
  public var points: Int
  public var neurons: Int
  public var dimension: Int
  public var neuronsMoved: Int
  public var buildSeconds: Double
  public var querySeconds: Double
  public var updateSeconds: Double
  public var secondQuerySeconds: Double
  public var query: OperationCounts
  public var update: OperationCounts
  public var secondQuery: OperationCounts
  public var memoryBytes: Int
  /// Pairs compared with `LinearScan`, in both queries, and those among them that only one of the two reports.
  public var pairsCompared: Int
  public var pairsDifferent: Int
}

/// The detectors side by side on hard instances and on those of training.
public enum DetectorBenchmark {
  /// Families without an orthogonal pair, the same with one planted, and a training of the same sizes.
  ///
  /// N vectors of c log2 N dimensions (`factor`), two at the least. Complexity: O(N^2 d / 64).
  public static func instances(vectors: Int, factor: Double, seed: UInt64) -> [DetectionInstance] {
    let dimension = max(BitFamilies.dimension(vectors: vectors, factor: factor), 2)
    var families = BitFamilies(vectors: vectors, dimension: dimension, expectedPairs: 1, seed: seed)
    families.removePairs(seed: seed)
    var planted = families
    planted.plant(left: vectors / 3, right: vectors / 2, seed: seed)
    return [
      families.instance(named: "no pair"), planted.instance(named: "planted pair"),
      .training(neurons: vectors, points: vectors, dimension: dimension, seed: seed),
    ]
  }

  /// Runs every detector on an instance and compares their answers with those of `LinearScan`.
  ///
  /// Complexity: that of the detectors, one after the other; one is held at a time, beside the pairs that fire.
  public static func run(
    _ instance: DetectionInstance, detectors: [any FiringDetector.Type] = DetectorKind.allCases.map(\.type),
    workers: Workers = .all
  ) -> [DetectorMeasurement] {
    let points = DataPoints.dense(instance.points)
    let expected = [instance.weights, instance.movedWeights].map {
      LinearScan(weights: $0, points: points, workers: workers)
        .firingSet(atLeast: instance.bound, workers: workers).set
    }
    return detectors.map { measure($0, on: instance, expected: expected, workers: workers) }
  }

  private static func measure<Detector: FiringDetector>(
    _: Detector.Type, on instance: DetectionInstance, expected: [FiringSet], workers: Workers
  ) -> DetectorMeasurement {
    let points = DataPoints.dense(instance.points), bound = instance.bound
    var (detector, build) = timed { Detector(weights: instance.weights, points: points, workers: workers) }
    let (first, query) = timed { detector.firingSet(atLeast: bound, workers: workers) }
    let (written, update) = timed {
      detector.update(instance.moved, from: instance.movedWeights, workers: workers)
    }
    let (second, secondQuery) = timed { detector.firingSet(atLeast: bound, workers: workers) }
    return DetectorMeasurement(
      detector: "\(Detector.self)", instance: instance.name, points: instance.points.rows,
      neurons: instance.weights.rows, dimension: instance.weights.columns, neuronsMoved: instance.moved.count,
      buildSeconds: build, querySeconds: query, updateSeconds: update, secondQuerySeconds: secondQuery,
      query: first.counts, update: written, secondQuery: second.counts, memoryBytes: detector.memoryBytes,
      pairsCompared: 2 * instance.points.rows * instance.weights.rows,
      pairsDifferent: first.set.difference(from: expected[0]) + second.set.difference(from: expected[1]))
  }

  private static func timed<Result>(_ body: () -> Result) -> (Result, Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let result = body()
    let (seconds, attoseconds) = (clock.now - start).components
    return (result, Double(seconds) + Double(attoseconds) * 1e-18)
  }
}

extension FiringSet {
  /// Pairs that only one of two sets holds, whatever their correlations. Complexity: O(k) for k pairs.
  public func difference(from other: FiringSet) -> Int { Set(pairs).symmetricDifference(other.pairs).count }

  private var pairs: [UInt64] {
    var pairs: [UInt64] = []
    forEachPair { neuron, point, _ in pairs.append(UInt64(neuron) << 32 | UInt64(point)) }
    return pairs
  }
}
