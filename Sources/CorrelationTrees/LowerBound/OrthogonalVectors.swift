import FireTreeCore

/// The orthogonal vectors problem: given two families of 0/1 vectors, is there a pair, one of each, without a common 1?
///
/// The conjecture (OVC; Williams 2005, who derives it from the strong exponential time hypothesis): for every e > 0 there
/// is a c so that no algorithm decides it for N vectors of d = c log N dimensions in time N^(2 - e).
///
/// Any `FiringDetector` decides it. With the left vectors a, negated, for weights, the right vectors b for points, and
/// the threshold -1/2, a pair fires exactly when <-a, b> > -1/2, that is, when <a, b> = 0: inner products of 0/1 vectors
/// are whole numbers, and exact in single precision up to 2^24 dimensions.
public enum OrthogonalVectors {
  /// Pairs are orthogonal at and above it.
  public static let bound: Float = -0.5

  /// The first orthogonal pair, by rows of `left`, then of `right`, found by a detector.
  ///
  /// Shapes: `left` A x d, `right` B x d, every element 0 or 1. Precondition: that, and d of at most 2^24.
  /// Complexity: at once, one query of A B pairs; one by one, A updates and queries with one weight at the most.
  public static func firstPair<Detector: FiringDetector>(
    left: Matrix, right: Matrix, by _: Detector.Type, use: DetectorUse = .atOnce, workers: Workers = .all
  ) throws(FireTreeError) -> PairSearch {
    requireBits(left, right)
    switch use {
    case .atOnce: return try atOnce(left, right, by: Detector.self, workers)
    case .oneByOne: return try oneByOne(left, right, by: Detector.self, workers)
    }
  }

  private static func atOnce<Detector: FiringDetector>(
    _ left: Matrix, _ right: Matrix, by _: Detector.Type, _ workers: Workers
  ) throws(FireTreeError) -> PairSearch {
    let detector = try Detector(weights: left.negated, points: .dense(right), workers: workers)
    let (set, counts) = detector.firingSet(atLeast: bound, workers: workers)
    var search = PairSearch()
    (search.queries, search.counts) = (1, counts)
    // Every pair that is reported has the product 0, so the best is the first.
    search.pair = set.best
    return search
  }

  private static func oneByOne<Detector: FiringDetector>(
    _ left: Matrix, _ right: Matrix, by _: Detector.Type, _ workers: Workers
  ) throws(FireTreeError) -> PairSearch {
    var detector = try Detector(
      weights: Matrix(rows: 1, columns: left.columns), points: .dense(right), workers: workers)
    var search = PairSearch()
    for a in 0..<left.rows {
      search.counts += detector.update(0, to: left.row(a).map { 0 - $0 })
      let list = detector.points(of: 0, atLeast: bound)
      search.counts += list.counts
      search.updates += 1
      search.queries += 1
      if let point = list.indices.first {
        search.pair = VectorPair(left: a, right: Int(point), product: list.correlations[0])
        return search
      }
    }
    return search
  }

  /// The first orthogonal pair by comparing all, 64 dimensions at a time: the plain twin. nil when there is none.
  ///
  /// Complexity: O(A B d / 64) operations on words.
  public static func bruteForce(left: Matrix, right: Matrix) -> VectorPair? {
    requireBits(left, right)
    let (left, right) = (BitRows(left), BitRows(right))
    for a in 0..<left.count {
      if let b = (0..<right.count).first(where: { left.isOrthogonal(a, to: $0, of: right) }) {
        return VectorPair(left: a, right: b, product: 0)
      }
    }
    return nil
  }

  static func requireBits(_ left: Matrix, _ right: Matrix) {
    precondition(
      left.columns == right.columns, "vectors of \(left.columns) and of \(right.columns) dimensions")
    precondition(left.columns <= 1 << 24, "sums of more than 2^24 ones are not exact")
    for family in [left, right] {
      family.withView { family in
        for r in 0..<family.rows {
          for c in 0..<family.columns {
            precondition(family[r, c] == 0 || family[r, c] == 1, "element \(c) of vector \(r) is not 0 or 1")
          }
        }
      }
    }
  }
}

/// 0/1 vectors as words of 64 bits, one vector after the other.
struct BitRows {
  let count: Int
  private let width: Int
  private var words: [UInt64]

  init(_ matrix: Matrix) {
    count = matrix.rows
    width = (matrix.columns + 63) / 64
    words = [UInt64].fixed(count * width, repeating: 0)
    matrix.withView { matrix in
      for r in 0..<matrix.rows {
        for c in 0..<matrix.columns where matrix[r, c] != 0 { set(r, c) }
      }
    }
  }

  mutating func set(_ row: Int, _ column: Int) {
    words[row * width + column / 64] |= 1 << UInt64(column % 64)
  }

  /// Complexity: O(d / 64).
  func isOrthogonal(_ row: Int, to other: Int, of others: BitRows) -> Bool {
    (0..<width).allSatisfy { words[row * width + $0] & others.words[other * width + $0] == 0 }
  }
}
