import CKernels
import Glibc

/// Owen's function by table, for many heights h:
///
///     T(h, a) = 1/(2 pi) int_0^(arctan a) exp(-h^2 / (2 cos^2 u)) du
///
/// the probability of a standard normal vector in the plane to lie beyond the line at distance h, within the angle arctan a from
/// its foot. (Owen: "Tables for computing certain bivariate normal probabilities", 1956.) It is odd in a and even in h.
///
/// A table is over t = tan(arctan(a) / 2), in which T is smooth on [-1, 1] and whose ends are a = -infinity and infinity: t comes
/// from square roots alone, without an arc tangent. Each of 64 cells has the cubic with T's values and slopes at its ends.
/// Error: below 5e-8 and the rounding of a float for h = 0 and |h| from 0.35 on, 1e-6 from 0.1 on; for smaller heights up to 1e-4,
/// but only within the last cells, 0.9 < |t| < 1.
///
/// Memory: 1 KB a height.
public struct OwenTables: Sendable {
  /// Those of height k from position `k * cells` on.
  private let cubics: [firetree_cubic]

  static let cells = Int(FIRETREE_OWEN_CELLS)

  /// Of every height, infinite ones included: there T is 0. Throws a usage error when there is no memory for them.
  ///
  /// Complexity: 321 exponentials a height.
  public init(heights: [Double], workers: Workers) throws(FireTreeError) {
    let zero = firetree_cubic(constant: 0, linear: 0, square: 0, cube: 0)
    var cubics = try Array(allocating: heights.count * Self.cells, repeating: zero)
    cubics.withUnsafeMutableBufferPointer { cubics in
      guard let base = cubics.baseAddress else { return }
      // Each shard writes the tables of its own heights.
      nonisolated(unsafe) let first = base
      let tiles = Tiles(of: heights.count, size: 64)
      workers.forEachShard(of: tiles.count) { tile in
        for k in tiles[tile] where heights[k].isFinite {
          Self.fill(first + k * Self.cells, height: heights[k])
        }
      }
    }
    self.cubics = cubics
  }

  /// Number of heights.
  public var count: Int { cubics.count / Self.cells }

  /// Calls `body` with all cubics in place.
  func withCubics<Result>(_ body: (UnsafePointer<firetree_cubic>) -> Result) -> Result {
    cubics.withUnsafeBufferPointer { cubics in
      guard let base = cubics.baseAddress else { preconditionFailure("tables of no height") }
      return body(base)
    }
  }

  /// Integrates dT/dt cell by cell.
  private static func fill(_ cubics: UnsafeMutablePointer<firetree_cubic>, height: Double) {
    let width = 1 / Double(cells)
    var (start, startSlope) = (0.0, slope(0, height: height) * width)
    for cell in 0..<cells {
      // Gauss's rule on four points: for smooth integrands exact far beyond a float.
      let middle = (Double(cell) + 0.5) * width
      let rise = zip(nodes, weights).reduce(0.0) { sum, rule in
        let (node, weight) = rule
        let both =
          slope(middle - node * width / 2, height: height) + slope(middle + node * width / 2, height: height)
        return sum + weight * both
      }
      let delta = rise * width / 2
      let endSlope = slope(Double(cell + 1) * width, height: height) * width
      cubics[cell] = firetree_cubic(
        constant: Float(start), linear: Float(startSlope),
        square: Float(3 * delta - 2 * startSlope - endSlope), cube: Float(startSlope + endSlope - 2 * delta))
      (start, startSlope) = (start + delta, endSlope)
    }
  }

  private static let nodes = [0.339_981_043_584_856_3, 0.861_136_311_594_052_6]
  private static let weights = [0.652_145_154_862_546_1, 0.347_854_845_137_453_9]

  /// dT/dt, where cos u = (1 - t^2) / (1 + t^2) and du = 2 / (1 + t^2) dt.
  private static func slope(_ t: Double, height: Double) -> Double {
    let square = 1 + t * t
    let cosine = (1 - t * t) / square
    // At t = 1 the exponent has no end, except at height 0.
    let exponent = height == 0 ? 0 : -height * height / (2 * cosine * cosine)
    return exp(exponent) / (.pi * square)
  }
}
