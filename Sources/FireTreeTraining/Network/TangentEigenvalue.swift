import CorrelationTrees
import FireTreeCore

/// An estimate of the largest eigenvalue of a network's tangent kernel at its start, which decides the learning rate, at a cost
/// that does not grow with the data or the width:
///
///     lambda_max(H) ~ lambda_max(K) r
///
/// with K the limit kernel of the points, and r what H has beyond it, as a sum over m neurons with random signs that feed C
/// outputs. K is that of a sample (`PointSample`) where there are many points. Its largest eigenvalue is on average above that
/// of all (it is convex in the weights), most where many are close, and its standard error is added: so it is rarely below. r
/// is measured with fewer neurons, m', and few points.
///
/// What is measured is scaled to the width as the largest eigenvalue of a sample covariance is, (1 + sqrt(C / m_eff))^2 with m_eff
/// proportional to m (Marchenko, Pastur 1967): sqrt(r) - 1 falls by sqrt(m'/m).
public struct TangentEigenvalue: Sendable, Equatable {
  /// The estimate: 0 when all points are 0, or no neuron of any width fires on one.
  public let largest: Double
  /// lambda_max(K), the error of a sample added.
  public let limit: Double
  /// r, for the width of the network.
  public let ratio: Double

  /// How much is computed.
  package struct Effort: Sendable {
    /// The most points whose limit kernel is computed.
    package var limitPoints = 2048
    /// The most points and neurons with which the ratio is measured.
    package var points = 500
    package var neurons = 4096

    package init() {}
  }

  /// Half of what is expected of wide networks. A network of which few neurons fire may have less, down to nothing, but
  /// not for long: they come to fire in training.
  private static let leastRatio = 0.5

  /// Of `network` at its start, with `points` as it sees them.
  ///
  /// The same bits on any number of threads. Throws a usage error when there is no memory for it. Complexity: O(n), and at
  /// most 2 million inner products for the limit kernel and 4 million for the ratio, whatever n and m.
  public static func estimate(
    points: DataPoints, network: Network, workers: Workers
  ) throws(FireTreeError) -> TangentEigenvalue {
    try estimate(points: points, network: network, effort: Effort(), workers: workers)
  }

  package static func estimate(
    points: DataPoints, network: Network, effort: Effort, workers: Workers
  ) throws(FireTreeError) -> TangentEigenvalue {
    let sizes = try points.limitDiagonal(threshold: network.threshold)
    let whole = try Sampled(points, sizes, atMost: effort.limitPoints, network.threshold, workers)
    let few =
      whole.sample.points.count <= effort.points
      ? whole : try Sampled(points, sizes, atMost: effort.points, network.threshold, workers)
    let neurons = min(effort.neurons, network.neuronCount)
    let measured = try few.ratio(of: network, neurons: neurons, workers: workers)
    let narrowing = (Double(neurons) / Double(network.neuronCount)).squareRoot()
    let root = 1 + (measured.squareRoot() - 1) * narrowing
    let ratio = max(root * root, leastRatio)
    return TangentEigenvalue(largest: whole.limit * ratio, limit: whole.limit, ratio: ratio)
  }

  private init(largest: Double, limit: Double, ratio: Double) {
    (self.largest, self.limit, self.ratio) = (largest, limit, ratio)
  }

  /// The limit kernel of a sample of the points.
  private struct Sampled {
    let sample: PointSample
    let points: DataPoints
    let eigenvalue: Double
    /// The eigenvalue and its standard error.
    let limit: Double

    init(
      _ all: DataPoints, _ sizes: [Double], atMost count: Int, _ threshold: Float, _ workers: Workers
    ) throws(FireTreeError) {
      let sample = try PointSample(of: sizes, atMost: count)
      points = sample.points.count == all.count ? all : try all.chosen(sample.points)
      self.sample = sample
      let kernel = try LimitKernel(points: points, threshold: threshold, workers: workers)
      let roots = sample.weights.map { Float($0.squareRoot()) }
      let (eigenvalue, vector) = try Lanczos.largest(
        rows: points.count, columns: 1, tolerance: 1e-3, maximumProducts: 100, wantsVector: true
      ) { (vector) throws(FireTreeError) in
        // The kernel whose rows and columns are multiplied by the roots of the weights.
        var vector = vector
        vector.scaleRows(by: roots)
        var image = try kernel.times(vector)
        image.scaleRows(by: roots)
        return image
      }
      self.eigenvalue = eigenvalue
      limit = eigenvalue > 0 ? eigenvalue * (1 + (vector.map(sample.relativeError) ?? 0)) : 0
    }

    func ratio(of network: Network, neurons: Int, workers: Workers) throws(FireTreeError) -> Double {
      guard eigenvalue > 0 else { return 1 }
      let neurons = min(neurons, network.neuronCount)
      let firing = FiringSet(
        scanning: neurons, of: network.weights, points: points, atLeast: network.threshold.nextUp,
        workers: workers)
      var gram = try points.gramMatrix(workers: workers)
      let roots = sample.weights.map { Float($0.squareRoot()) }
      gram.scaleRows(by: roots)
      gram.scaleColumns(by: roots)
      let kernel = TangentKernel(
        outputWeights: try network.outputWeights.rows(0..<neurons), points: points, firing: firing,
        gram: gram, team: LocalTeam(workers: workers))
      return try kernel.largestEigenvalue() / eigenvalue
    }
  }
}

extension DataPoints {
  /// K_ii = |x_i|^2 P[N(0, 1) > b / |x_i|] of the limit kernel, for every point (n).
  func limitDiagonal(threshold: Float) throws(FireTreeError) -> [Double] {
    let norms = norms()
    var diagonal = try [Double](allocating: norms.count, repeating: 0)
    for (i, norm) in norms.enumerated() where norm > 0 {
      let norm = Double(norm)
      diagonal[i] = norm * norm * NormalDistribution.tail(Double(threshold) / norm)
    }
    return diagonal
  }
}

extension Matrix {
  /// Multiplies row i by `factors[i]`.
  fileprivate mutating func scaleRows(by factors: [Float]) {
    withMutableView { view in
      for r in 0..<view.rows {
        for c in 0..<view.columns { view[r, c] *= factors[r] }
      }
    }
  }

  /// Multiplies column j by `factors[j]`.
  fileprivate mutating func scaleColumns(by factors: [Float]) {
    withMutableView { view in
      for r in 0..<view.rows {
        for c in 0..<view.columns { view[r, c] *= factors[c] }
      }
    }
  }
}
