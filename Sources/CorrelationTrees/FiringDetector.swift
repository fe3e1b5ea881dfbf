import FireTreeCore

/// A data structure that keeps data points x_1 ... x_n and weights w_1 ... w_m under change and reports every pair
/// whose correlation s_ri = <w_r, x_i> reaches a bound (the problem of arXiv 2211.14227).
///
/// All detectors give the same answers; they differ in what a change and a query cost. `LinearScan` is the plain
/// one that others are compared with.
///
/// A pair is reported when `s_ri >= bound`. Training fires at `s_ri > b` and asks for `b.nextUp`, the next float.
///
///     var detector = try DataTree(weights: network.hiddenWeights, points: points, workers: .all)
///     let firing = detector.firingSet(atLeast: threshold.nextUp, workers: .all).set
///     detector.update(7, to: newWeights)
public protocol FiringDetector: Sendable {
  /// Computes all n m correlations. Throws a usage error when there is no memory for them.
  ///
  /// Shapes: `weights` m x d, `points` n x d; m and n fit in 32 bits. Complexity: O(n m d), in tiled matrix products.
  init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError)

  /// The data points as they are now.
  var points: DataPoints { get }
  /// Number of weights, m.
  var neuronCount: Int { get }
  /// Bytes held, the data points left out.
  var memoryBytes: Int { get }
  /// Bytes that a detector of this size will hold at most, computed before anything is allocated.
  static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount

  /// The stored numbers that a query of all pairs looks at and that updates write, expected when pairs fire
  /// independently.
  ///
  /// `share` is the share of pairs that reach the bound, `updated` the number of weights that are updated.
  static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double)

  /// The inner products that building, an update or a query of all pairs computes, expected for weights w ~ N(0, I_d) and
  /// points of unit norm in all directions.
  static func expectedProducts(
    of work: DetectorWork, neurons: Int, points: Int, dimension: Int, share: Double
  ) -> ExpectedProducts

  /// Whether the numbers of one neuron lie far from each other, so that each access is one to memory.
  static var isScattered: Bool { get }

  /// s_ri as stored.
  func correlation(neuron: Int, point: Int) -> Float

  /// Weight `neuron` becomes `weights` (d elements).
  @discardableResult
  mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts

  /// The weights in `neurons`, ascending and distinct, become the rows of those numbers of `weights` (m x d).
  ///
  /// Complexity: that of single updates, but n d a neuron at the speed of a matrix product.
  @discardableResult
  mutating func update(_ neurons: [Int32], from weights: Matrix, workers: Workers) -> OperationCounts

  /// Data point `index` becomes `point` (d elements). `weights` (m x d) are those that the detector has seen.
  ///
  /// Complexity: O(m d).
  @discardableResult
  mutating func replacePoint(
    _ index: Int, with point: [Float], weights: Matrix, workers: Workers
  ) -> OperationCounts

  /// The points on which `neuron` reaches `bound`.
  func points(of neuron: Int, atLeast bound: Float) -> FiringList

  /// The neurons that reach `bound` on `point`.
  func neurons(of point: Int, atLeast bound: Float) -> FiringList

  /// Every pair that reaches `bound`.
  func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts)

  /// Checks the structure from top to bottom and stops the program when it is broken. For tests.
  func _checkInvariants()
}

extension FiringDetector {
  /// Number of data points, n.
  public var pointCount: Int { points.count }

  public static var isScattered: Bool { false }

  /// Those of a detector without structure: a query looks at every pair, an update writes its n correlations.
  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    (Double(neurons) * Double(points), updated * Double(points))
  }
}
