import FireTreeCore
import Glibc

/// Decimal numbers as data files spell them.
///
/// The whole text must be a number, blanks around it aside. Hexadecimal is none. `nan` and `inf`, and what
/// overflows, come back as the non-finite numbers they are, so that the caller can say so.
enum NumberText {
  /// Precondition: `text[count]` is readable and no part of a number.
  @inline(__always)
  static func float(_ text: UnsafePointer<CChar>, count: Int) -> Float? {
    guard count > 0, !isHexadecimal(text) else { return nil }
    var end: UnsafeMutablePointer<CChar>?
    let value = strtof(text, &end)
    return consumed(text, count, end) ? value : nil
  }

  /// Precondition: as for `float`.
  static func double(_ text: UnsafePointer<CChar>, count: Int) -> Double? {
    guard count > 0, !isHexadecimal(text) else { return nil }
    var end: UnsafeMutablePointer<CChar>?
    let value = strtod(text, &end)
    return consumed(text, count, end) ? value : nil
  }

  static func double(_ text: String) -> Double? {
    text.withCString { double($0, count: text.utf8.count) }
  }

  // Made once and never freed, hence safe to share.
  private nonisolated(unsafe) static let plainLocale = newlocale(1 << LC_NUMERIC, "C", nil)

  /// Runs `body` with numbers read as files spell them, with a point, whatever locale the program has set.
  static func withPlainLocale<Result>(
    _ body: () throws(FireTreeError) -> Result
  ) throws(FireTreeError) -> Result {
    let previous = uselocale(plainLocale)
    defer { uselocale(previous) }
    return try body()
  }

  /// How a class that is a number is called: `3` for 3, 3.0 and +3.
  static func canonicalName(_ number: Double) -> String {
    if let whole = Int(exactly: number), abs(number) < 0x1p53 { return String(whole) }
    return "\(number)"
  }

  /// The same of a spelling; where 64 bits do not tell neighbouring whole numbers apart, the spelling itself.
  static func canonicalName(_ spelling: String) -> String {
    guard let number = double(spelling), abs(number) < 0x1p53 else { return spelling }
    return canonicalName(number)
  }

  /// Whether the text becomes a number with a point in the place of its comma.
  static func hasDecimalComma(_ text: String) -> Bool {
    text.utf8.contains(0x2C) && double(String(text.map { $0 == "," ? "." : $0 })) != nil
  }

  @inline(__always)
  private static func consumed(
    _ text: UnsafePointer<CChar>, _ count: Int, _ end: UnsafeMutablePointer<CChar>?
  ) -> Bool {
    guard let end else { return false }
    var used = UnsafePointer(end) - text
    if used == 0 { return false }
    while used < count && (text[used] == 0x20 || text[used] == 0x09) { used += 1 }
    return used == count
  }

  @inline(__always)
  private static func isHexadecimal(_ text: UnsafePointer<CChar>) -> Bool {
    var digit = text
    if digit.pointee == 0x2B || digit.pointee == 0x2D { digit += 1 }
    return digit.pointee == 0x30 && digit[1] | 0x20 == 0x78
  }
}
