import RealModule

/// The law y = c x^e that fits measured pairs best, and how sure its exponent is.
///
/// Least squares on the logarithms. With k pairs and residuals r_i the standard error of the slope is
/// sqrt(sum r_i^2 / (k - 2) / sum (ln x_i - mean)^2), and the exponent lies within t times that of the true one with a
/// confidence of 95%, t the quantile of Student's distribution with k - 2 degrees of freedom, when deviations are
/// independent and normal.
public struct PowerLaw: Sendable, Equatable {
  /// e.
  public let exponent: Double
  /// c.
  public let factor: Double
  /// Half of the 95% interval of the exponent; infinite for two pairs, which say nothing of their own error.
  public let margin: Double
  /// The pairs that were fitted.
  public let count: Int

  /// Nil with fewer than two different x, or when a number is not finite and positive.
  public init?(_ pairs: [(x: Double, y: Double)]) {
    guard pairs.allSatisfy({ $0.x > 0 && $0.y > 0 && $0.x.isFinite && $0.y.isFinite }) else { return nil }
    let count = Double(pairs.count)
    let x = pairs.map { Double.log($0.x) }, y = pairs.map { Double.log($0.y) }
    let meanX = x.reduce(0, +) / count, meanY = y.reduce(0, +) / count
    let spread = x.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
    guard pairs.count >= 2, spread > 1e-12 else { return nil }
    let slope = zip(x, y).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) } / spread
    let residual = zip(x, y).reduce(0.0) {
      let r = $1.1 - meanY - slope * ($1.0 - meanX)
      return $0 + r * r
    }
    exponent = slope
    factor = Double.exp(meanY - slope * meanX)
    self.count = pairs.count
    margin =
      pairs.count > 2
      ? Self.studentQuantile(pairs.count - 2) * (residual / (count - 2) / spread).squareRoot() : .infinity
  }

  /// The lower and the upper end of the 95% interval.
  public var interval: ClosedRange<Double> { (exponent - margin)...(exponent + margin) }

  /// c x^e.
  public func value(at x: Double) -> Double { factor * Double.exp(exponent * Double.log(x)) }

  /// The 97.5% quantile of Student's distribution: a table for 1 to 10 degrees of freedom, from there the expansion of
  /// Cornish and Fisher in 1 / degrees (Abramowitz, Stegun, 26.7.5), which is good to 5e-4.
  package static func studentQuantile(_ degrees: Int) -> Double {
    precondition(degrees >= 1, "a quantile for \(degrees) degrees of freedom")
    let table = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
    guard degrees > table.count else { return table[degrees - 1] }
    let (z, n) = (1.959964, Double(degrees))
    let first = (z * z * z + z) / (4 * n)
    let second = (5 * z * z * z * z * z + 16 * z * z * z + 3 * z) / (96 * n * n)
    let third =
      (3 * z * z * z * z * z * z * z + 19 * z * z * z * z * z + 17 * z * z * z - 15 * z) / (384 * n * n * n)
    return z + first + second + third
  }
}
