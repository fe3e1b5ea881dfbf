/// A dense matrix of `Float`, row-major, with value semantics.
///
/// Every row starts on a 64-byte boundary: the stride is the column count rounded up to a multiple of 16, and the
/// padding is zero. Kernels and matrix products work on views (`withView`, `withMutableView`); the subscripts are
/// for everything that is not hot.
public struct Matrix: Sendable {
  public let rows: Int
  public let columns: Int
  /// Distance between the starts of two rows, in floats.
  public let stride: Int
  private var buffer: AlignedBuffer

  /// A matrix of zeros of any size: the one to take where a size grows with the data, the width or the classes.
  ///
  /// Throws a usage error that names the bytes when there is no memory for them. Precondition: both sizes are at least 0.
  public init(allocating rows: Int, by columns: Int) throws(FireTreeError) {
    precondition(rows >= 0 && columns >= 0, "a matrix cannot be \(rows) x \(columns)")
    let size = ByteCount.matrix(rows: rows, columns: columns)
    guard size < ByteCount(.max) else { throw Memory.refusal(of: size) }
    self.rows = rows
    self.columns = columns
    self.stride = Self.stride(columns: columns)
    self.buffer = try AlignedBuffer(count: rows * stride)
  }

  /// A matrix of zeros whose size does not grow with the input. Without memory for it the process ends (`Memory.end`).
  ///
  /// Precondition: both sizes are at least 0.
  public init(rows: Int, columns: Int) {
    self = Memory.demand(try Matrix(allocating: rows, by: columns))
  }

  /// Precondition: all rows have the same length.
  public init(_ rows: [[Float]]) {
    self.init(rows: rows.count, columns: rows.first?.count ?? 0)
    for (r, row) in rows.enumerated() {
      precondition(row.count == columns, "row \(r) has \(row.count) columns, row 0 has \(columns)")
      for (c, value) in row.enumerated() { self[r, c] = value }
    }
  }

  /// The stride that a matrix of so many columns has, in floats.
  public static func stride(columns: Int) -> Int { (columns + 15) & ~15 }

  public subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "index out of range")
      return buffer.base[row * stride + column]
    }
    set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "index out of range")
      makeUnique()
      buffer.base[row * stride + column] = newValue
    }
  }

  /// A copy of one row.
  public func row(_ row: Int) -> [Float] {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    return Array(UnsafeBufferPointer(start: buffer.base + row * stride, count: columns))
  }

  /// The rows in `range`, copied into a matrix of their own. Throws a usage error when there is no memory for it.
  public func rows(_ range: Range<Int>) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: range.count, by: columns)
    withView { source in result.withMutableView { $0.copy(source.rows(range)) } }
    return result
  }

  /// Bytes held.
  public var memoryBytes: Int { rows * stride * MemoryLayout<Float>.stride }

  /// Calls `body` with a view of the whole matrix, valid during the call.
  public func withView<Result, Failure: Error>(
    _ body: (MatrixView) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(MatrixView(base: buffer.base, rows: rows, columns: columns, stride: stride))
  }

  /// Calls `body` with a mutable view of the whole matrix, valid during the call.
  public mutating func withMutableView<Result, Failure: Error>(
    _ body: (MutableMatrixView) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    makeUnique()
    return try body(MutableMatrixView(base: buffer.base, rows: rows, columns: columns, stride: stride))
  }

  /// Calls `body` with views of several matrices, valid during the call.
  public static func withViews<Result>(
    _ a: Matrix, _ b: Matrix, _ c: Matrix, _ body: (MatrixView, MatrixView, MatrixView) -> Result
  ) -> Result {
    a.withView { a in b.withView { b in c.withView { c in body(a, b, c) } } }
  }

  /// Calls `body` with views of two matrices, valid during the call.
  public static func withViews<Result>(
    _ a: Matrix, _ b: Matrix, _ body: (MatrixView, MatrixView) -> Result
  ) -> Result {
    a.withView { a in b.withView { b in body(a, b) } }
  }

  /// Gives the matrix memory of its own, so that no later change has to copy it and end the process without memory.
  ///
  /// Throws a usage error when there is none. Complexity: O(rows columns) when the memory is shared, O(1) otherwise.
  public mutating func unshare() throws(FireTreeError) {
    if !isKnownUniquelyReferenced(&buffer) { buffer = try buffer.copy() }
  }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&buffer) { buffer = Memory.demand(try buffer.copy()) }
  }
}

extension Matrix: Equatable {
  /// Equal shapes and equal values (so a NaN makes a matrix differ from itself).
  public static func == (a: Matrix, b: Matrix) -> Bool {
    guard a.rows == b.rows, a.columns == b.columns else { return false }
    return a.withView { a in
      b.withView { b in
        (0..<a.rows).allSatisfy { r in
          UnsafeBufferPointer(start: a.row(r), count: a.columns)
            .elementsEqual(UnsafeBufferPointer(start: b.row(r), count: b.columns))
        }
      }
    }
  }
}

extension Matrix {
  /// The same elements in memory of their own, which the threads that copy them place.
  ///
  /// Throws a usage error when there is none. Complexity: O(rows columns).
  package func copied(tiles: Tiles, workers: Workers) throws(FireTreeError) -> Matrix {
    var copy = try Matrix(allocating: rows, by: columns)
    withView { view in
      copy.withMutableView { copy in
        workers.forEachShard(of: tiles.count) { copy.rows(tiles[$0]).copy(view.rows(tiles[$0])) }
      }
    }
    return copy
  }
}
