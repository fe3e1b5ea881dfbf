/// The element types of binary arrays.
enum ScalarType: Sendable {
  case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64

  /// Bytes of one element.
  var size: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
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

/// What the header of a binary array says of the elements that follow it.
struct ArrayLayout {
  var scalar: ScalarType
  var bigEndian: Bool
  /// At least one dimension, each at least 1, whose product times the element size is an `Int`.
  private(set) var shape: [Int]
  /// The first index varies fastest (Fortran order).
  var columnMajor: Bool
  /// Bytes before the elements.
  var headerBytes: Int
  var kind: Dataset.Kind

  /// Nil when the sizes do not make a non-empty array that memory could address.
  init?(
    scalar: ScalarType, bigEndian: Bool, shape: [Int], columnMajor: Bool, headerBytes: Int, kind: Dataset.Kind
  ) {
    guard !shape.isEmpty, !shape.contains(0), checkedProduct(shape + [8]) != nil else { return nil }
    self.scalar = scalar
    self.bigEndian = bigEndian
    self.shape = shape
    self.columnMajor = columnMajor
    self.headerBytes = headerBytes
    self.kind = kind
  }

  /// Points: the first dimension.
  var rows: Int { shape[0] }
  /// Elements of a point: the product of the other dimensions.
  var columns: Int { shape.dropFirst().reduce(1, *) }
  var elementBytes: Int { rows * columns * scalar.size }

  /// `60000 x 28 x 28`.
  var shapeText: String { shape.map(String.init).joined(separator: " x ") }

  /// Where the elements of a column-major array's c-th column, in file order, go in the flattened point.
  func flattenedColumns() -> [Int] {
    let rest = Array(shape.dropFirst())
    return (0..<columns).map { fileColumn in
      var (remaining, position, step) = (fileColumn, 0, columns)
      for size in rest {
        step /= size
        position += remaining % size * step
        remaining /= size
      }
      return position
    }
  }
}
