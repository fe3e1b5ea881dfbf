/// Rows of which only the nonzero elements are stored (compressed sparse rows).
///
/// Row i has the elements `offsets[i]..<offsets[i + 1]` of `columnIndices` and `values`; within a row the column
/// indices ascend.
public struct SparseRows: Sendable, Equatable {
  /// Number of columns, stored or not.
  public let columns: Int
  /// `rows + 1` ascending positions; the first is 0.
  public private(set) var offsets: [Int]
  public private(set) var columnIndices: [Int32]
  public private(set) var values: [Float]

  /// Precondition: the invariants of the type.
  public init(columns: Int, offsets: [Int], columnIndices: [Int32], values: [Float]) {
    precondition(columns >= 0 && columns <= Int(Int32.max), "\(columns) columns")
    precondition(offsets.first == 0 && offsets.last == values.count && columnIndices.count == values.count)
    self.columns = columns
    self.offsets = offsets
    self.columnIndices = columnIndices
    self.values = values
    for row in 0..<rows {
      precondition(offsets[row] <= offsets[row + 1], "offsets must ascend")
      var previous: Int32 = -1
      for position in offsets[row]..<offsets[row + 1] {
        precondition(columnIndices[position] > previous && Int(columnIndices[position]) < columns)
        previous = columnIndices[position]
      }
    }
  }

  public var rows: Int { offsets.count - 1 }
  public var nonzeros: Int { values.count }

  /// The elements of one row: (column, value), ascending by column.
  public func row(_ row: Int) -> [(column: Int, value: Float)] {
    (offsets[row]..<offsets[row + 1]).map { (Int(columnIndices[$0]), values[$0]) }
  }

  /// Bytes held.
  public var memoryBytes: Int {
    offsets.count * MemoryLayout<Int>.stride + values.count
      * (MemoryLayout<Int32>.stride + MemoryLayout<Float>.stride)
  }

  /// The same rows, every element stored. Throws a usage error when there is no memory for them.
  public func dense() throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: rows, by: columns)
    result.withMutableView { expand(0..<rows, into: $0) }
    return result
  }

  /// Writes the rows in `range` into `result`, every element.
  package func expand(_ range: Range<Int>, into result: MutableMatrixView) {
    result.fill(0)
    for (slot, row) in range.enumerated() {
      for position in offsets[row]..<offsets[row + 1] {
        result[slot, Int(columnIndices[position])] = values[position]
      }
    }
  }

  /// The rows in `range`. Throws a usage error when there is no memory for them.
  public func rows(_ range: Range<Int>) throws(FireTreeError) -> SparseRows {
    let elements = offsets[range.lowerBound]..<offsets[range.upperBound]
    var starts: [Int] = []
    try starts.makeRoom(for: range.count + 1)
    for row in range.lowerBound...range.upperBound { starts.append(offsets[row] - elements.lowerBound) }
    return SparseRows(
      columns: columns, offsets: starts, columnIndices: try Array(copying: columnIndices[elements]),
      values: try Array(copying: values[elements]))
  }

  /// Replaces row `row` by the nonzero elements of `dense`, which has `columns` elements.
  ///
  /// Complexity: O(columns + nonzeros).
  public mutating func replaceRow(_ row: Int, with dense: [Float]) {
    precondition(dense.count == columns, "a row of \(dense.count) elements, not \(columns)")
    let nonzero = dense.indices.filter { dense[$0] != 0 }
    let old = offsets[row]..<offsets[row + 1]
    columnIndices.fixRoom(for: max(0, nonzero.count - old.count))
    values.fixRoom(for: max(0, nonzero.count - old.count))
    columnIndices.replaceSubrange(old, with: nonzero.map(Int32.init))
    values.replaceSubrange(old, with: nonzero.map { dense[$0] })
    for later in (row + 1)..<offsets.count { offsets[later] += nonzero.count - old.count }
  }

  /// Calls `body(offsets, columnIndices, values)` with the arrays in place.
  func withElements<Result>(
    _ body: (UnsafePointer<Int>, UnsafePointer<Int32>, UnsafePointer<Float>) -> Result
  ) -> Result {
    offsets.withUnsafeBufferPointer { offsets in
      columnIndices.withUnsafeBufferPointer { columns in
        values.withUnsafeBufferPointer { values in
          // An array without elements may have no address; then no element is read either.
          guard let offsets = offsets.baseAddress,
            let columns = columns.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Int32>.alignment),
            let values = values.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<Float>.alignment)
          else { preconditionFailure("offsets are never empty") }
          return body(offsets, columns, values)
        }
      }
    }
  }
}
