import CKernels

/// How often a random neuron fires on both of two points, P[<w, x> > b and <w, x'> > b] for w ~ N(0, I_d), with what belongs to
/// single points computed once.
///
/// w counts only in the plane of x and x', where it is a standard normal vector. With p = |x|, h = b/p and Q(h) = P[N(0, 1) > h],
/// and the same of x' with q and k,
///
///     P = (Q(h) + Q(k)) / 2 - T(h, tan alpha) - T(k, tan beta)
///
/// by Owen's function T (Owen 1956, formula 3.1), where alpha and beta are a right angle less the angles that the triangle
/// of the origin, x and x' has at x and x'. With g = <x, x'>, D = |x - x'| and S = sqrt(p^2 q^2 - g^2),
///
///     tan(alpha / 2) = (p^2 - g) / (p D + S),    tan(beta / 2) = (q^2 - g) / (q D + S)
///
/// which is what the tables of T are over. For equal norms, and for b = 0, alpha + beta is the angle psi between the points,
/// and P = Q(h) - 2 T(h, tan(psi/2)) with tan(psi/4) = sqrt(1 - cos psi) / (sqrt 2 + sqrt(1 + cos psi)): one table.
///
/// Of a point of norm 0 P is not computed: with it <x, x'> P = 0. Error: that of `OwenTables`, and what the rounding of g changes;
/// that is at most about 1e-4 for points that are all but the same, and below 1e-6 for others. Cosines within 2.5e-7 of 1 and -1
/// count as these, so that equal and opposed points are taken as such.
///
/// Memory: 12 bytes a point, and 1 KB a point unless one table serves all.
public struct JointFiring: Sendable {
  /// b.
  public let threshold: Float
  /// |x_i|^2, 1/|x_i| (0 for a point of norm 0) and Q(b/|x_i|), point by point.
  private let squares: [Float]
  private let inverseNorms: [Float]
  private let tails: [Float]
  /// What the one table is for; nil when each point has a table of its own.
  private let sharing: Sharing?
  private let tables: OwenTables

  private enum Sharing: Equatable {
    /// Points of this norm, within `tolerance`.
    case norm(Double)
    /// All: the threshold is 0.
    case all
  }

  /// Norms that differ by less, relatively, are taken as equal: P then changes by less than 1e-6.
  static let tolerance = 1e-5
  /// Four units in the last place of a float below 1: what is left of a cosine of 1 after rounding.
  private static let snap: Float = 2.5e-7

  /// Of points with these norms. Throws a usage error when there is no memory for them.
  ///
  /// Unless `sharesTable`, equal norms have tables of their own too, so that no point changes the bits of another.
  /// Precondition: the threshold is finite. Complexity: about 320 exponentials a table.
  public init(
    norms: [Float], threshold: Float, sharesTable: Bool = true, workers: Workers
  ) throws(FireTreeError) {
    precondition(threshold.isFinite, "a threshold of \(threshold)")
    self.threshold = threshold
    let sharing =
      sharesTable || threshold == 0 ? Self.sharing(norms: norms, threshold: threshold) : nil
    var heights: [Double] = []
    try heights.makeRoom(for: sharing == nil ? norms.count : 1)
    switch sharing {
    case .all: heights.append(0)
    case .norm(let norm): heights.append(Self.height(threshold, norm: norm))
    case nil: for norm in norms { heights.append(Self.height(threshold, norm: Double(norm))) }
    }
    (squares, inverseNorms, tails) = try Self.parts(of: norms, heights: heights)
    tables = try OwenTables(heights: heights, workers: workers)
    self.sharing = sharing
  }

  /// Number of points.
  public var count: Int { squares.count }

  /// P for one point twice, Q(b/|x_i|).
  public func share(ofPoint index: Int) -> Float { tails[index] }

  private static func sharing(norms: [Float], threshold: Float) -> Sharing? {
    if threshold == 0 { return .all }
    guard let least = norms.min(), let largest = norms.max(), largest > 0 else { return .norm(1) }
    let middle = (Double(least) + Double(largest)) / 2
    return Double(largest) - Double(least) <= tolerance * middle ? .norm(middle) : nil
  }

  /// b / |x|, infinite at the origin, on which a neuron fires when b < 0.
  private static func height(_ threshold: Float, norm: Double) -> Double {
    norm > 0 ? Double(threshold) / norm : (threshold < 0 ? -.infinity : .infinity)
  }

  private static func parts(
    of norms: [Float], heights: [Double]
  ) throws(FireTreeError) -> ([Float], [Float], [Float]) {
    var squares = try [Float](allocating: norms.count, repeating: 0)
    var inverses = try [Float](allocating: norms.count, repeating: 0)
    var tails = try [Float](allocating: norms.count, repeating: 0)
    for (i, norm) in norms.enumerated() {
      squares[i] = norm * norm
      inverses[i] = norm > 0 ? 1 / norm : 0
      tails[i] = Float(NormalDistribution.tail(heights[heights.count == 1 ? 0 : i]))
    }
    return (squares, inverses, tails)
  }

  /// The limit tangent kernel of point `index` and the points `columns` of `others`: `result[j] = g_j P_j`, where `gram[j]` = g_j is
  /// the inner product with point `columns.lowerBound + j`.
  ///
  /// Both must have the same threshold. An element has the same bits whatever else is computed. Complexity:
  /// O(`columns.count`), about 1 ns an element with one table and 3 ns with many.
  public func limitRow(
    ofPoint index: Int, with others: JointFiring, columns: Range<Int>, gram: UnsafePointer<Float>,
    into result: UnsafeMutablePointer<Float>
  ) {
    precondition(threshold == others.threshold, "thresholds differ")
    let first = columns.lowerBound
    tables.withCubics { own in
      others.tables.withCubics { theirs in
        guard !others.serves(inverseNorm: inverseNorms[index]) else {
          return others.inverseNorms.withUnsafeBufferPointer {
            guard let inverses = $0.baseAddress else { return }
            firetree_limit_angles(
              theirs, gram, inverses + first, columns.count, inverseNorms[index], others.tails[first],
              Self.snap, result)
          }
        }
        let stride = others.sharing == nil ? OwenTables.cells : 0
        others.squares.withUnsafeBufferPointer { squares in
          others.tails.withUnsafeBufferPointer { tails in
            guard let squares = squares.baseAddress, let tails = tails.baseAddress else { return }
            firetree_limit_triangles(
              own + (sharing == nil ? index * OwenTables.cells : 0), theirs + first * stride, stride, gram,
              squares + first, tails + first, columns.count, self.squares[index], self.tails[index],
              Self.snap, result)
          }
        }
      }
    }
  }

  /// Whether the one table of these points serves their pairs with a point of such a norm too.
  private func serves(inverseNorm: Float) -> Bool {
    switch sharing {
    case .all: true
    case .norm(let norm): abs(Double(inverseNorm) * norm - 1) <= Self.tolerance
    case nil: false
    }
  }
}
