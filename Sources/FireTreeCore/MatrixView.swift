/// A rectangle of floats somewhere in memory, row-major: what kernels and matrix products read.
///
/// A view owns nothing and is valid only inside the call that handed it out. Views are not bounds-checked in
/// release builds.
public struct MatrixView {
  public let base: UnsafePointer<Float>
  public let rows: Int
  public let columns: Int
  /// Distance between the starts of two rows, in floats.
  public let stride: Int

  @inlinable
  public init(base: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  @inlinable
  public subscript(row: Int, column: Int) -> Float {
    assert(row >= 0 && row < rows && column >= 0 && column < columns)
    return base[row * stride + column]
  }

  @inlinable
  public func row(_ row: Int) -> UnsafePointer<Float> {
    assert(row >= 0 && row < rows)
    return base + row * stride
  }

  @inlinable
  public func rows(_ range: Range<Int>) -> MatrixView {
    assert(range.lowerBound >= 0 && range.upperBound <= rows)
    return MatrixView(
      base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  @inlinable
  public func columns(_ range: Range<Int>) -> MatrixView {
    assert(range.lowerBound >= 0 && range.upperBound <= columns)
    return MatrixView(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }
}

/// A rectangle of floats that kernels and matrix products write. See `MatrixView`.
public struct MutableMatrixView {
  public let base: UnsafeMutablePointer<Float>
  public let rows: Int
  public let columns: Int
  /// Distance between the starts of two rows, in floats.
  public let stride: Int

  @inlinable
  public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// The same rectangle, to read.
  @inlinable
  public var view: MatrixView {
    MatrixView(base: base, rows: rows, columns: columns, stride: stride)
  }

  @inlinable
  public subscript(row: Int, column: Int) -> Float {
    get {
      assert(row >= 0 && row < rows && column >= 0 && column < columns)
      return base[row * stride + column]
    }
    nonmutating set {
      assert(row >= 0 && row < rows && column >= 0 && column < columns)
      base[row * stride + column] = newValue
    }
  }

  @inlinable
  public func row(_ row: Int) -> UnsafeMutablePointer<Float> {
    assert(row >= 0 && row < rows)
    return base + row * stride
  }

  @inlinable
  public func rows(_ range: Range<Int>) -> MutableMatrixView {
    assert(range.lowerBound >= 0 && range.upperBound <= rows)
    return MutableMatrixView(
      base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  @inlinable
  public func columns(_ range: Range<Int>) -> MutableMatrixView {
    assert(range.lowerBound >= 0 && range.upperBound <= columns)
    return MutableMatrixView(
      base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  /// Copies `source`, which has the same shape.
  public func copy(_ source: MatrixView) {
    precondition(source.rows == rows && source.columns == columns, "copying needs equal shapes")
    for r in 0..<rows { row(r).update(from: source.row(r), count: columns) }
  }

  /// Sets every element to `value`.
  public func fill(_ value: Float) {
    for r in 0..<rows { row(r).update(repeating: value, count: columns) }
  }
}
