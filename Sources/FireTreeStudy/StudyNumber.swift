import RealModule

/// Numbers of a study for people, without a formatter and in every locale with a point.
package enum StudyNumber {
  /// `0.0123`, `4.57`, `123`, `1200000`, `1.2e-07`: so many significant digits, trailing zeros left out.
  package static func text(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite else { return value.isNaN ? "-" : value > 0 ? "inf" : "-inf" }
    guard value != 0 else { return "0" }
    let exponent = Int(Double.log10(abs(value)).rounded(.down))
    let places = digits - 1 - exponent
    // A whole power of ten is exact, its reciprocal is not.
    let power = Double.pow(10, abs(places))
    let rounded =
      places >= 0 ? (value * power).rounded() / power : (value / power).rounded() * power
    let text = "\(rounded)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// `12%`, `0.94%`.
  package static func percent(_ share: Double) -> String { text(100 * share) + "%" }

  /// `23 us`, `4.5 ms`, `1.2 s`.
  package static func seconds(_ value: Double) -> String {
    switch value {
    case ..<1e-3: text(value * 1e6) + " us"
    case ..<1: text(value * 1e3) + " ms"
    default: text(value) + " s"
    }
  }

  /// `1,048,576`.
  package static func whole(_ value: Int) -> String {
    var groups: [Substring] = []
    var rest = Substring(String(value.magnitude))
    while rest.count > 3 {
      groups.insert(rest.suffix(3), at: 0)
      rest = rest.dropLast(3)
    }
    return (value < 0 ? "-" : "") + ([rest] + groups).joined(separator: ",")
  }

  /// `0.98 +- 0.03`; `-` when nothing could be fitted.
  package static func exponent(_ law: PowerLaw?) -> String {
    guard let law else { return "-" }
    let places = { (value: Double) in "\((value * 100).rounded() / 100)" }
    return law.margin.isFinite ? "\(places(law.exponent)) ± \(places(law.margin))" : places(law.exponent)
  }
}
