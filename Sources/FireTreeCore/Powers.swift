import Glibc

/// Powers of reals, of the C library.
public enum Powers {
  /// x^y for x of at least 0.
  public static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }

  /// The logarithm to base 2.
  public static func log2(_ x: Double) -> Double { x > 0 ? log(x) / log(2) : -.infinity }
}
