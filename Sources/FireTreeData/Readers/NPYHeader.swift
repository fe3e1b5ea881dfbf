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
      if case .list? = entries["descr"] {
        throw .data(
          file: path, "a structured array, of named fields: save its fields as the columns of a plain array")
      }
      throw .data(file: path, "the NPY header has no element type (descr)")
    }
    guard let (scalar, bigEndian) = scalar(description) else {
      let supported = "bool, integers of 8 to 64 bits and floats of 16 to 64 bits are"
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
      "i8": .int64, "b1": .uint8, "f2": .float16, "f4": .float32, "f8": .float64,
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
