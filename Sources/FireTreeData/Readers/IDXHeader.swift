import FireTreeCore

/// The header of an IDX file: 00 00, an element type, the number of dimensions, and their sizes, all
/// big-endian.
enum IDXHeader {
  private static let scalars: [UInt8: ScalarType] = [
    0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
  ]

  /// Throws a data error for a header that is none, or of an empty or impossible array.
  static func read(_ stream: ByteStream) throws(FireTreeError) -> ArrayLayout {
    let magic = try stream.bytes(4)
    guard magic.count == 4 else {
      throw .data(
        file: stream.path, "not an IDX file: expected a header of at least 8 bytes, found \(magic.count)")
    }
    guard magic[0] == 0, magic[1] == 0 else {
      let found = magic.map(hexadecimal).joined(separator: " ")
      throw .data(file: stream.path, "not an IDX file: it starts with \(found), not with 00 00")
    }
    guard let scalar = scalars[magic[2]] else {
      throw .data(file: stream.path, "unknown IDX element type \(hexadecimal(magic[2]))")
    }
    let rank = Int(magic[3])
    guard rank > 0 else { throw .data(file: stream.path, "the IDX header states no dimensions") }
    let sizes = try stream.bytes(4 * rank)
    guard sizes.count == 4 * rank else {
      throw .data(
        file: stream.path,
        "the IDX header ends early: \(counted(rank, "dimension")) stated, \(sizes.count / 4) found")
    }
    let shape = (0..<rank).map { d in sizes[4 * d..<4 * d + 4].reduce(0) { $0 << 8 | Int($1) } }
    guard
      let layout = ArrayLayout(
        scalar: scalar, bigEndian: true, shape: shape, columnMajor: false, headerBytes: 4 + 4 * rank,
        kind: rank >= 3 ? .images : .table)
    else {
      let text = shape.map(String.init).joined(separator: " x ")
      throw .data(
        file: stream.path, shape.contains(0) ? "the array \(text) is empty" : "the array \(text) is too large"
      )
    }
    return layout
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count < 2 ? "0" + digits : digits
  }
}
