/// Fields of CSV files (RFC 4180).
package enum CSVField {
  /// The field that holds `text`: in quotes where it would be read as something else without them.
  package static func quoted(_ text: String) -> String {
    let needsQuotes =
      text.utf8.first == 0x20 || text.utf8.last == 0x20
      || text.unicodeScalars.contains { [",", "\"", "\n", "\r"].contains($0) }
    guard needsQuotes else { return text }
    return "\"" + text.unicodeScalars.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
  }
}

extension String {
  /// The text of a field, or nil when it is not UTF-8.
  init?(validating text: UnsafePointer<CChar>, count: Int) {
    self.init(validating: UnsafeRawBufferPointer(start: text, count: count), as: UTF8.self)
  }

  /// The text of a field or token, with replacement characters for what is no UTF-8.
  init(_ text: UnsafePointer<CChar>, count: Int) {
    self = String(decoding: UnsafeRawBufferPointer(start: text, count: count), as: UTF8.self)
  }
}
