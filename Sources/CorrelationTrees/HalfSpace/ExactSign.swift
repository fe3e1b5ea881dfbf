/// Signs of sums of products of floats, without rounding: what the geometry of the plane rests on.
///
/// A product of two floats is exact in double precision. The sum is taken in double precision first; where that leaves
/// its sign open, it is kept as an expansion, a sum of doubles that do not overlap (Shewchuk 1997, "Adaptive precision
/// floating-point arithmetic and fast robust geometric predicates", GROW-EXPANSION).
package enum ExactSign {
  /// The sign of the sum of `terms`, finite numbers: -1, 0 or 1. Precondition: sums do not overflow.
  package static func sum(_ terms: SIMD8<Double>) -> Int {
    var (total, magnitude) = (0.0, 0.0)
    for k in 0..<8 {
      total += terms[k]
      magnitude += abs(terms[k])
    }
    if abs(total) > magnitude * 0x1p-49 { return total > 0 ? 1 : -1 }
    return magnitude == 0 ? 0 : expansion(terms)
  }

  private static func expansion(_ terms: SIMD8<Double>) -> Int {
    var parts = SIMD8<Double>()
    for k in 0..<8 {
      var carry = terms[k]
      for i in 0..<k {
        // Knuth's two-sum: sum + error = carry + parts[i], exactly.
        let sum = carry + parts[i], other = sum - carry
        parts[i] = (carry - (sum - other)) + (parts[i] - other)
        carry = sum
      }
      parts[k] = carry
    }
    // The parts ascend in magnitude, zeros apart.
    for k in stride(from: 7, through: 0, by: -1) where parts[k] != 0 { return parts[k] > 0 ? 1 : -1 }
    return 0
  }

  /// The sign of <q, b - a>: whether the way from a to b goes along q.
  package static func advance(_ q: SIMD2<Double>, from a: SIMD2<Double>, to b: SIMD2<Double>) -> Int {
    sum(SIMD8(q.x * b.x, q.y * b.y, -q.x * a.x, -q.y * a.y, 0, 0, 0, 0))
  }

  /// The sign of the turn a, b, c: 1 to the left, -1 to the right, 0 on a line.
  package static func turn(_ a: SIMD2<Double>, _ b: SIMD2<Double>, _ c: SIMD2<Double>) -> Int {
    sum(SIMD8(b.x * c.y, -b.x * a.y, -a.x * c.y, -b.y * c.x, b.y * a.x, a.y * c.x, 0, 0))
  }
}
