/// The JSON of model headers: strings, whole numbers, arrays and objects.
///
/// Stricter than a general decoder where a header must not be ambiguous: a key that comes twice is malformed,
/// and so are numbers that are not whole. Nothing of Foundation is needed, which keeps the library small.
enum JSON: Equatable {
  case string(String)
  case integer(Int)
  case array([JSON])
  case object([String: JSON])

  var string: String? {
    if case .string(let value) = self { return value }
    return nil
  }
  var integer: Int? {
    if case .integer(let value) = self { return value }
    return nil
  }
  var array: [JSON]? {
    if case .array(let value) = self { return value }
    return nil
  }
  var object: [String: JSON]? {
    if case .object(let value) = self { return value }
    return nil
  }

  /// Nil when the text is malformed, or nested more than 8 deep.
  init?(parsing text: some Collection<UInt8>) {
    var parser = JSONParser(text: Array(text))
    guard let value = parser.value(depth: 0), parser.isAtEnd() else { return nil }
    self = value
  }

  /// The text without blanks, keys in order: equal values have equal texts.
  var text: String {
    switch self {
    case .string(let value): Self.escaped(value)
    case .integer(let value): String(value)
    case .array(let values): "[\(values.map(\.text).joined(separator: ","))]"
    case .object(let entries):
      "{\(Self.ordered(entries).joined(separator: ","))}"
    }
  }

  private static func ordered(_ entries: [String: JSON]) -> [String] {
    entries.sorted { $0.key < $1.key }.map { "\(escaped($0.key)):\($0.value.text)" }
  }

  private static func escaped(_ string: String) -> String {
    var result = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

private struct JSONParser {
  let text: [UInt8]
  var position = 0

  private static let deepest = 8

  init(text: [UInt8]) { self.text = text }

  mutating func isAtEnd() -> Bool {
    skipBlanks()
    return position == text.count
  }

  mutating func value(depth: Int) -> JSON? {
    guard depth < Self.deepest else { return nil }
    if take(0x7B) { return object(depth: depth) }
    if take(0x5B) { return array(depth: depth) }
    if take(0x22) { return string().map(JSON.string) }
    return integer()
  }

  private mutating func object(depth: Int) -> JSON? {
    var entries: [String: JSON] = [:]
    if take(0x7D) { return .object(entries) }
    repeat {
      guard take(0x22), let key = string(), take(0x3A), let value = value(depth: depth + 1) else {
        return nil
      }
      guard entries.updateValue(value, forKey: key) == nil else { return nil }
    } while take(0x2C)
    return take(0x7D) ? .object(entries) : nil
  }

  private mutating func array(depth: Int) -> JSON? {
    var values: [JSON] = []
    if take(0x5D) { return .array(values) }
    repeat {
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
    } while take(0x2C)
    return take(0x5D) ? .array(values) : nil
  }

  private mutating func integer() -> JSON? {
    let start = position
    if position < text.count && text[position] == 0x2D { position += 1 }
    while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
    return Int(String(decoding: text[start..<position], as: UTF8.self)).map(JSON.integer)
  }

  /// The rest of a string whose opening quote was taken.
  private mutating func string() -> String? {
    var bytes: [UInt8] = []
    while position < text.count {
      let byte = text[position]
      position += 1
      switch byte {
      case 0x22: return String(validating: bytes, as: UTF8.self)
      case 0x5C:
        guard let scalar = escape() else { return nil }
        bytes.append(contentsOf: String(scalar).utf8)
      case 0..<0x20: return nil
      default: bytes.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard position < text.count else { return nil }
    let byte = text[position]
    position += 1
    switch byte {
    case 0x22, 0x5C, 0x2F: return Unicode.Scalar(byte)
    case 0x62: return "\u{08}"
    case 0x66: return "\u{0C}"
    case 0x6E: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75: return unicodeEscape()
    default: return nil
    }
  }

  /// What follows `\u`: a code point, or the two halves of one.
  private mutating func unicodeEscape() -> Unicode.Scalar? {
    guard let unit = codeUnit() else { return nil }
    guard (0xD800..<0xDC00).contains(unit) else { return Unicode.Scalar(unit) }
    guard position + 1 < text.count, text[position] == 0x5C, text[position + 1] == 0x75 else { return nil }
    position += 2
    guard let low = codeUnit(), (0xDC00..<0xE000).contains(low) else { return nil }
    return Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
  }

  private mutating func codeUnit() -> UInt32? {
    guard position + 4 <= text.count else { return nil }
    var unit: UInt32 = 0
    for byte in text[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    position += 4
    return unit
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard position < text.count, text[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipBlanks() {
    while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
  }
}
