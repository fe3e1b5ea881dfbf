import Glibc

/// The standard normal distribution, as far as thresholds and firing shares need it.
public enum NormalDistribution {
  /// P[N(0, 1) > x]. Relative error below 1e-12 for x up to 20.
  public static func tail(_ x: Double) -> Double { 0.5 * erfc(x / 2.0.squareRoot()) }

  /// The b at which the mean over `norms` of P[N(0, norm^2) > b] is `share`.
  ///
  /// A norm of 0 contributes 1 below b = 0 and 0 from there on. Precondition: `norms` is not empty and
  /// 0 < `share` < 1. Complexity: O(n) evaluations of `tail`, about 100 times.
  public static func threshold(firingShare share: Double, norms: [Float]) -> Double {
    precondition(share > 0 && share < 1 && !norms.isEmpty, "a firing share is between 0 and 1")
    let largest = max(1e-30, Double(norms.max() ?? 1))
    // A normal beyond 40 standard deviations has a tail below the smallest double.
    var (low, high) = (-40 * largest, 40 * largest)
    for _ in 0..<100 where high > low {
      let middle = (low + high) / 2
      if firingShare(threshold: middle, norms: norms) > share { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }

  /// The mean over `norms` of P[N(0, norm^2) > `threshold`]; 0 without norms. Complexity: O(n) evaluations of `tail`.
  public static func firingShare(threshold: Double, norms: [Float]) -> Double {
    norms.reduce(0.0) { $0 + tail(of: Double($1), above: threshold) } / Double(max(norms.count, 1))
  }

  /// The mean over `norms` of norm^2 P[N(0, norm^2) > `threshold`], the mean diagonal of the limit kernel; 0 without norms.
  /// Complexity: O(n) evaluations of `tail`.
  public static func meanDiagonal(threshold: Double, norms: [Float]) -> Double {
    norms.reduce(0.0) { $0 + Double($1) * Double($1) * tail(of: Double($1), above: threshold) }
      / Double(max(norms.count, 1))
  }

  private static func tail(of norm: Double, above threshold: Double) -> Double {
    norm > 0 ? tail(threshold / norm) : (threshold < 0 ? 1 : 0)
  }
}
