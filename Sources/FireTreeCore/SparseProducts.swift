/// Products of sparse rows with dense matrices.
///
/// Sixteen dense rows are transposed at a time, so that a coordinate of all sixteen is one cache line and one
/// stored element costs one sixteen-wide multiply-add.
enum SparseProducts {
  private typealias Lane = SIMD16<Float>
  private static let width = 16

  /// `result[r, i] = <dense[r], points[points.lowerBound + i]>`; `result` is `dense.rows` x `points.count`.
  ///
  /// Complexity: 2 nnz R flops for R dense rows, and R d for the transposition.
  static func correlate(
    _ dense: MatrixView, with sparse: SparseRows, points: Range<Int>, into result: MutableMatrixView
  ) {
    withPanel(columns: dense.columns) { panel in
      for first in Swift.stride(from: 0, to: dense.rows, by: width) {
        let group = first..<min(first + width, dense.rows)
        load(dense.rows(group), into: panel)
        sparse.withElements { offsets, columns, values in
          for (i, point) in points.enumerated() {
            var sum = Lane()
            for position in offsets[point]..<offsets[point + 1] {
              sum += panel[Int(columns[position])] * values[position]
            }
            for (lane, r) in group.enumerated() { result[r, i] = sum[lane] }
          }
        }
      }
    }
  }

  /// `result[r] += sum_i coefficients[r, i] * points[points.lowerBound + i]`; `result` is R x d.
  ///
  /// Complexity: 2 nnz R flops, and 2 R d for the transpositions.
  static func accumulate(
    _ coefficients: MatrixView, times sparse: SparseRows, points: Range<Int>, into result: MutableMatrixView
  ) {
    withPanel(columns: result.columns) { panel in
      for first in Swift.stride(from: 0, to: result.rows, by: width) {
        let group = first..<min(first + width, result.rows)
        load(result.rows(group).view, into: panel)
        sparse.withElements { offsets, columns, values in
          for (i, point) in points.enumerated() {
            var scale = Lane()
            for (lane, r) in group.enumerated() { scale[lane] = coefficients[r, i] }
            for position in offsets[point]..<offsets[point + 1] {
              panel[Int(columns[position])] += scale * values[position]
            }
          }
        }
        for (lane, r) in group.enumerated() {
          let row = result.row(r)
          for column in 0..<result.columns { row[column] = panel[column][lane] }
        }
      }
    }
  }

  private static func withPanel(columns: Int, _ body: (UnsafeMutablePointer<Lane>) -> Void) {
    Memory.demand(try Memory.ask(for: columns, of: Lane.self))
    let panel = UnsafeMutablePointer<Lane>.allocate(capacity: max(columns, 1))
    panel.initialize(repeating: Lane(), count: max(columns, 1))
    defer { panel.deallocate() }
    body(panel)
  }

  private static func load(_ rows: MatrixView, into panel: UnsafeMutablePointer<Lane>) {
    for lane in 0..<rows.rows {
      let row = rows.row(lane)
      for column in 0..<rows.columns { panel[column][lane] = row[column] }
    }
  }
}
