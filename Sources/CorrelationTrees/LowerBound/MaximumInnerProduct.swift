import FireTreeCore

/// The bichromatic maximum inner product: of two families of vectors, the pair, one of each, with the largest product.
///
/// Any `FiringDetector` finds it by a search over thresholds. No product exceeds the product of the largest norms; from
/// there the bound is halved until something fires, and the largest that fires is the answer. All queries but the last
/// report nothing. Orthogonal vectors are a case of it: with the complement of the left vectors, <1 - a, b> = |b| - <a, b>
/// is as large as |b|, the number of ones, exactly for an orthogonal pair.
public enum MaximumInnerProduct {
  /// Halvings of the bound before it is set to 0, and then to minus infinity.
  private static let halvings = 24

  /// The pair with the largest product as the detector computes it, the first of several; nil when a family is empty.
  ///
  /// Shapes: `left` A x d, `right` B x d, finite. Complexity: at most 26 queries of all pairs; for 0/1 vectors log2 d + 3.
  /// Throws a usage error when the detector has no memory.
  public static func best<Detector: FiringDetector>(
    left: Matrix, right: Matrix, by _: Detector.Type, workers: Workers = .all
  ) throws(FireTreeError) -> PairSearch {
    precondition(
      left.columns == right.columns, "vectors of \(left.columns) and of \(right.columns) dimensions")
    var search = PairSearch()
    guard left.rows > 0, right.rows > 0 else { return search }
    let detector = try Detector(weights: left, points: .dense(right), workers: workers)
    for bound in bounds(left, right) {
      let (set, counts) = detector.firingSet(atLeast: bound, workers: workers)
      search.queries += 1
      search.counts += counts
      if let best = set.best {
        search.pair = best
        break
      }
    }
    return search
  }

  /// Falling bounds; the last lets everything through.
  private static func bounds(_ left: Matrix, _ right: Matrix) -> [Float] {
    let largest = largestNorm(left) * largestNorm(right)
    let ceiling = Float(largest < 0x1p126 ? largest : 0x1p126)
    return (1...halvings).map { ceiling * Float(sign: .plus, exponent: -$0, significand: 1) } + [
      0, -.infinity,
    ]
  }

  private static func largestNorm(_ family: Matrix) -> Double {
    family.withView { family in
      (0..<family.rows).reduce(0.0) {
        max($0, DataPointsView.norm(of: family.row($1), count: family.columns))
      }
    }
  }

  /// The same by all products, in double precision: the plain twin.
  ///
  /// Complexity: A B d multiply-adds.
  public static func bruteForce(left: Matrix, right: Matrix) -> VectorPair? {
    precondition(
      left.columns == right.columns, "vectors of \(left.columns) and of \(right.columns) dimensions")
    var (best, product): (VectorPair?, Double) = (nil, -.infinity)
    Matrix.withViews(left, right) { left, right in
      for a in 0..<left.rows {
        for b in 0..<right.rows {
          var sum = 0.0
          for k in 0..<left.columns { sum += Double(left[a, k]) * Double(right[b, k]) }
          guard best == nil || sum > product else { continue }
          (best, product) = (VectorPair(left: a, right: b, product: Float(sum)), sum)
        }
      }
    }
    return best
  }
}
