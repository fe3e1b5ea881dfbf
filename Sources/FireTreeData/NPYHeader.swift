import FireTreeCore

/// The header of a NumPy array file: a magic string, a version, a length, and a Python dictionary.
enum NPYHeader {
  private static let longest = 1 << 20

  /// Throws a data error for each part that is malformed, and for element types that are no numbers.
  static func read(_ stream: ByteStream) throws(FireTreeError) -> ArrayLayout {
    let start = try stream.bytes(8)
    guard start.count == 8, start.starts(with: [0x93] + "NUMPY".utf8) else {
      throw .data(file: stream.path, "not an NPY file: the magic string is missing")
    }
    guard (1...3).contains(start[6]), start[7] == 0 else {
      throw .data(
        file: stream.path, "NPY version \(start[6]).\(start[7]) is not supported (1.0, 2.0 and 3.0 are)")
    }
    let lengthBytes = try stream.bytes(start[6] == 1 ? 2 : 4)
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= longest else {
      throw .data(file: stream.path, "an NPY header of \(length) bytes is too long")
    }
    let text = try stream.bytes(length)
    guard lengthBytes.count >= 2, text.count == length else {
      throw .data(
        file: stream.path, "the NPY header ends early: expected \(length) bytes, found \(text.count)")
    }
    var literal = PythonLiteral(text)
    guard let entries = literal.dictionary() else {
      throw .data(file: stream.path, "the NPY header is not a dictionary of descr, fortran_order and shape")
    }
    return try layout(entries, stream.path, headerBytes: 8 + lengthBytes.count + length)
  }

  private static func layout(
    _ entries: [String: PythonLiteral.Value], _ path: String, headerBytes: Int
  ) throws(FireTreeError) -> ArrayLayout {
    guard case .string(let description)? = entries["descr"] else {
      throw .data(file: path, "the NPY header has no element type (descr), or a structured one")
    }
    guard let (scalar, bigEndian) = scalar(description) else {
      let supported = "integers of 8 to 64 bits, float32 and float64 are"
      throw .data(file: path, "NPY elements of type \(quoted(description)) are not supported (\(supported))")
    }
    guard case .bool(let columnMajor)? = entries["fortran_order"] else {
      throw .data(file: path, "the NPY header's fortran_order is neither True nor False")
    }
    guard case .tuple(let shape)? = entries["shape"] else {
      throw .data(file: path, "the NPY header's shape is not a tuple of sizes")
    }
    let isImages = shape.count >= 3 && scalar == .uint8
    guard
      let layout = ArrayLayout(
        scalar: scalar, bigEndian: bigEndian, shape: shape, columnMajor: columnMajor,
        headerBytes: headerBytes,
        kind: isImages ? .images : .table)
    else {
      let text = shape.map(String.init).joined(separator: " x ")
      if shape.isEmpty { throw .data(file: path, "the array is a single number, not rows of them") }
      throw .data(
        file: path, shape.contains(0) ? "the array \(text) is empty" : "the array \(text) is too large")
    }
    return layout
  }

  private static func scalar(_ description: String) -> (ScalarType, bigEndian: Bool)? {
    let types: [String: ScalarType] = [
      "u1": .uint8, "i1": .int8, "u2": .uint16, "i2": .int16, "u4": .uint32, "i4": .int32, "u8": .uint64,
      "i8": .int64, "f4": .float32, "f8": .float64,
    ]
    guard let order = description.first, let type = types[String(description.dropFirst())] else { return nil }
    switch order {
    case "<", "=": return (type, false)
    case ">": return (type, true)
    case "|" where type.size == 1: return (type, false)
    default: return nil
    }
  }
}

/// The small part of Python's literals that NPY headers use.
struct PythonLiteral {
  enum Value {
    case string(String)
    case bool(Bool)
    case tuple([Int])
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
    if take("(") { return tuple().map(Value.tuple) }
    return string().map(Value.string)
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
