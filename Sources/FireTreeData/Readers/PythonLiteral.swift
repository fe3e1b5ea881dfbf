/// The small part of Python's literals that NPY headers use.
struct PythonLiteral {
  enum Value {
    case string(String)
    case bool(Bool)
    case tuple([Int])
    /// A list; what is in it is not looked at.
    case list
  }

  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  /// The dictionary that the whole text is, or nil.
  mutating func dictionary() -> [String: Value]? {
    var entries: [String: Value] = [:]
    guard take("{") else { return nil }
    while !take("}") {
      guard let key = string(), take(":"), let value = value(), entries[key] == nil else { return nil }
      entries[key] = value
      if !take(",") {
        guard take("}") else { return nil }
        break
      }
    }
    skipBlanks()
    return position == text.count ? entries : nil
  }

  private mutating func value() -> Value? {
    if takeWord("True") { return .bool(true) }
    if takeWord("False") { return .bool(false) }
    if take("[") { return list() }
    if take("(") { return tuple().map(Value.tuple) }
    return string().map(Value.string)
  }

  /// Up to the bracket that closes the list, those in strings aside.
  private mutating func list() -> Value? {
    var depth = 1
    while depth > 0, position < text.count {
      if text[position] == 0x27 || text[position] == 0x22 {
        guard string() != nil else { return nil }
        continue
      }
      if text[position] == 0x5B { depth += 1 }
      if text[position] == 0x5D { depth -= 1 }
      position += 1
    }
    return depth == 0 ? .list : nil
  }

  private mutating func tuple() -> [Int]? {
    var sizes: [Int] = []
    while !take(")") {
      guard let size = number() else { return nil }
      sizes.append(size)
      if !take(",") {
        // One element without a comma is no tuple.
        guard sizes.count > 1, take(")") else { return nil }
        break
      }
    }
    return sizes
  }

  private mutating func number() -> Int? {
    skipBlanks()
    let start = position
    while position < text.count, (0x30...0x39).contains(text[position]) { position += 1 }
    return Int(String(decoding: text[start..<position], as: UTF8.self))
  }

  private mutating func string() -> String? {
    skipBlanks()
    guard position < text.count, text[position] == 0x27 || text[position] == 0x22 else { return nil }
    guard let end = text[(position + 1)...].firstIndex(of: text[position]) else { return nil }
    defer { position = end + 1 }
    return String(decoding: text[(position + 1)..<end], as: UTF8.self)
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard position < text.count, UInt32(text[position]) == character.value else { return false }
    position += 1
    return true
  }

  private mutating func takeWord(_ word: String) -> Bool {
    skipBlanks()
    guard text[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  private mutating func skipBlanks() {
    while position < text.count, [0x20, 0x09, 0x0A].contains(text[position]) { position += 1 }
  }
}
