import FireTreeCore
import RealModule

/// A problem for a detector: points, weights, a bound, and weights that move.
public struct DetectionInstance: Sendable {
  /// What it is, in a word or two.
  public var name: String
  /// m x d.
  public var weights: Matrix
  /// n x d.
  public var points: Matrix
  /// Pairs are asked for at and above it.
  public var bound: Float
  /// The neurons that move, ascending, and all weights after the move (m x d).
  public var moved: [Int32]
  public var movedWeights: Matrix

  public init(
    name: String, weights: Matrix, points: Matrix, bound: Float, moved: [Int32], movedWeights: Matrix
  ) {
    self.name = name
    self.weights = weights
    self.points = points
    self.bound = bound
    self.moved = moved
    self.movedWeights = movedWeights
  }
}

/// Two families of 0/1 vectors on which orthogonal vectors is believed to be hard: as many random vectors of so few
/// dimensions that nothing but comparing them is known, with none or very few orthogonal pairs.
public struct BitFamilies: Sendable, Equatable {
  /// Vectors x d each, every element 0 or 1.
  public var left: Matrix
  public var right: Matrix
  /// The orthogonal pair that was put in, if any.
  public var planted: VectorPair?

  /// Random families with independent elements, of a density at which `expectedPairs` pairs are orthogonal on average:
  /// of density p, (1 - p^2)^d of all pairs are.
  ///
  /// Precondition: at least one vector and one dimension, `expectedPairs` positive. Complexity: O(N d).
  public init(vectors: Int, dimension: Int, expectedPairs: Double, seed: UInt64) {
    precondition(vectors >= 1 && dimension >= 1 && expectedPairs > 0, "no vectors, or no pairs expected")
    let share = min(expectedPairs / (Double(vectors) * Double(vectors)), 1)
    let density = (1 - Double.pow(share, 1 / Double(dimension))).squareRoot()
    left = Self.random(vectors, dimension, density, CounterGenerator(seed: seed, stream: 100))
    right = Self.random(vectors, dimension, density, CounterGenerator(seed: seed, stream: 101))
  }

  /// c log2 N, rounded up: the dimension in which the conjecture speaks.
  public static func dimension(vectors: Int, factor: Double) -> Int {
    max(1, Int((factor * Double.log2(Double(max(vectors, 2)))).rounded(.up)))
  }

  private static func random(
    _ rows: Int, _ columns: Int, _ density: Double, _ generator: CounterGenerator
  ) -> Matrix {
    var result = Matrix(rows: rows, columns: columns)
    let limit = UInt64(density * 0x1p32)
    result.withMutableView { result in
      for r in 0..<rows {
        for c in 0..<columns {
          let word = generator.words(row: r, block: UInt32(c / 4))[c % 4]
          result[r, c] = UInt64(word) < limit ? 1 : 0
        }
      }
    }
    return result
  }

  /// Gives every orthogonal pair a common 1, so that none is left.
  ///
  /// Complexity: O(N^2 d / 64).
  public mutating func removePairs(seed: UInt64 = 0) {
    let generator = CounterGenerator(seed: seed, stream: 102)
    var (a, b) = (BitRows(left), BitRows(right))
    for i in 0..<a.count {
      for j in 0..<b.count where a.isOrthogonal(i, to: j, of: b) {
        let word = generator.words(row: i, block: UInt32(truncatingIfNeeded: j))[0]
        let column = Int(UInt64(word) * UInt64(left.columns) >> 32)
        (left[i, column], right[j, column]) = (1, 1)
        a.set(i, column)
        b.set(j, column)
      }
    }
    planted = nil
  }

  /// Leaves exactly one orthogonal pair, of the given rows.
  ///
  /// Precondition: at least two dimensions. Complexity: O(N^2 d / 64).
  public mutating func plant(left i: Int, right j: Int, seed: UInt64 = 0) {
    precondition(i >= 0 && i < left.rows && j >= 0 && j < right.rows, "rows \(i) and \(j) are not there")
    precondition(left.columns >= 2, "in one dimension a pair has no place beside others")
    removePairs(seed: seed)
    let columns = 0..<left.columns
    // The two share a 1 now, and end with ones apart, at least one each.
    for c in columns where left[i, c] == 1 { right[j, c] = 0 }
    if columns.allSatisfy({ right[j, $0] == 0 }) {
      let free = columns.first { left[i, $0] == 0 } ?? 0
      (left[i, free], right[j, free]) = (0, 1)
    }
    let ones = (columns.first { left[i, $0] == 1 }, columns.first { right[j, $0] == 1 })
    guard let one = ones.0, let other = ones.1 else { preconditionFailure("a vector of the pair is zero") }
    // What they have lost they may have shared with others.
    for k in 0..<left.rows where k != i && isOrthogonal(k, j) { left[k, other] = 1 }
    for l in 0..<right.rows where l != j && isOrthogonal(i, l) { right[l, one] = 1 }
    planted = VectorPair(left: i, right: j, product: 0)
  }

  private func isOrthogonal(_ i: Int, _ j: Int) -> Bool {
    (0..<left.columns).allSatisfy { left[i, $0] == 0 || right[j, $0] == 0 }
  }

  /// The families as a problem for a detector: the reduction of `OrthogonalVectors`. Every weight moves, to that of
  /// another vector, as in updates without a bound on the drift.
  public func instance(named name: String) -> DetectionInstance {
    let weights = left.negated
    var next = Matrix(rows: left.rows, columns: left.columns)
    for r in 0..<left.rows {
      for c in 0..<left.columns { next[r, c] = weights[(r + 1) % left.rows, c] }
    }
    return DetectionInstance(
      name: name, weights: weights, points: right, bound: OrthogonalVectors.bound,
      moved: Array(0..<Int32(left.rows)), movedWeights: next)
  }
}

extension DetectionInstance {
  /// What training asks of a detector: weights w ~ N(0, I_d), points of unit norm in random directions, a threshold that
  /// the given share of pairs exceeds, and a small step of the neurons that fire somewhere.
  ///
  /// `drift` is the length of a neuron's step. Precondition: 0 < `share` < 1. Complexity: O((m + n) d), and one scan.
  public static func training(
    neurons: Int, points count: Int, dimension: Int, share: Double = 0.02, drift: Float = 0.01, seed: UInt64,
    workers: Workers = .all
  ) -> DetectionInstance {
    let weights = normals(neurons, dimension, CounterGenerator(seed: seed, stream: 103), length: nil)
    let points = normals(count, dimension, CounterGenerator(seed: seed, stream: 104), length: 1)
    let threshold = Float(NormalDistribution.threshold(firingShare: share, norms: [1]))
    let firing = FiringSet(
      scanning: .stored(weights), points: .dense(points), atLeast: threshold.nextUp, workers: workers)
    let step = normals(neurons, dimension, CounterGenerator(seed: seed, stream: 105), length: drift)
    let moved = firing.neurons
    var next = weights
    for neuron in moved.lazy.map(Int.init) {
      for c in 0..<dimension { next[neuron, c] += step[neuron, c] }
    }
    return DetectionInstance(
      name: "training", weights: weights, points: points, bound: threshold.nextUp, moved: moved,
      movedWeights: next)
  }

  /// Rows of independent normals, scaled to a length if one is given.
  private static func normals(
    _ rows: Int, _ columns: Int, _ generator: CounterGenerator, length: Float?
  ) -> Matrix {
    var result = Matrix(rows: rows, columns: columns)
    result.withMutableView { result in
      for r in 0..<rows {
        generator.normals(row: r, into: result.row(r), count: columns)
        guard let length else { continue }
        let norm = Float(DataPointsView.norm(of: UnsafePointer(result.row(r)), count: columns))
        for c in 0..<columns { result[r, c] *= length / max(norm, .leastNormalMagnitude) }
      }
    }
    return result
  }
}
