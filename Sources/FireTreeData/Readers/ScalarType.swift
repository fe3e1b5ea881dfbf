/// The element types of binary arrays.
enum ScalarType: Sendable {
  case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float16, float32, float64

  /// Bytes of one element.
  var size: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16, .float16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// Whether elements may have more digits than 32-bit floats.
  var isWide: Bool {
    switch self {
    case .uint32, .int32, .uint64, .int64, .float64: true
    default: false
    }
  }

  /// Decodes `count` elements, which may lie on any address. 64-bit integers are rounded.
  func decode(
    _ source: UnsafeRawPointer, count: Int, bigEndian: Bool, into target: UnsafeMutablePointer<Double>
  ) {
    switch self {
    case .uint8: Self.each(UInt8.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .int8: Self.each(Int8.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .uint16: Self.each(UInt16.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .int16: Self.each(Int16.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .uint32: Self.each(UInt32.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .int32: Self.each(Int32.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .uint64: Self.each(UInt64.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .int64: Self.each(Int64.self, source, count, bigEndian) { target[$0] = Double($1) }
    case .float16:
      Self.each(UInt16.self, source, count, bigEndian) { target[$0] = Double(Float16(bitPattern: $1)) }
    case .float32:
      Self.each(UInt32.self, source, count, bigEndian) { target[$0] = Double(Float(bitPattern: $1)) }
    case .float64: Self.each(UInt64.self, source, count, bigEndian) { target[$0] = Double(bitPattern: $1) }
    }
  }

  @inline(__always)
  private static func each<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ type: Bits.Type, _ source: UnsafeRawPointer, _ count: Int, _ bigEndian: Bool,
    _ body: (Int, Bits) -> Void
  ) {
    for index in 0..<count {
      let bits = source.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
      body(index, bigEndian ? Bits(bigEndian: bits) : Bits(littleEndian: bits))
    }
  }
}
