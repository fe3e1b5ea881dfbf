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
