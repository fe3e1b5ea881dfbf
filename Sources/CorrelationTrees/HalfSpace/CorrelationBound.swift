import FireTreeCore

/// How far a computed correlation may lie above what exact arithmetic says: the rounding margin of every bound in
/// half-space reporting.
///
/// In any order of summation, with or without fused multiplication, the computed value of an inner product of d terms
/// is within gamma_d |w| |x| of the exact one, gamma_k = k u / (1 - k u), u = 2^-24 (Higham, Accuracy and Stability of
/// Numerical Algorithms, section 3.1), plus d units of underflow. The margin is twice that, for comparisons of two
/// computed values, with d + 8 in place of d for the rounding of the bound itself, which is in double precision.
/// Where products might overflow nothing can be said and the margin is infinite.
package struct CorrelationBound: Sendable {
  private let relative: Double
  private let absolute: Double

  package init(dimension: Int) {
    let u = Double(dimension + 8) * 0x1p-24
    relative = u < 0.5 ? 2 * u / (1 - u) : .infinity
    absolute = Double(dimension + 8) * 0x1p-147
  }

  /// The margin of correlations of vectors of at most these norms; infinite when one is not a number.
  @inline(__always)
  package func margin(_ queryNorm: Double, _ itemNorm: Double) -> Double {
    let product = queryNorm * itemNorm
    guard product < 0x1p126 else { return .infinity }
    return relative * product + absolute
  }
}
