/// Data points for products with many weights: dense ones without the columns in which all of them are 0.
///
/// Such columns add nothing to an inner product with finite weights. Images have many (of the first 1,000 digits of
/// MNIST's test set 185 of 784 pixels are the same in all, so 0 once they are centred), one-hot tables and text some.
///
/// Memory: a second copy of the points where at least one column in sixteen is empty, else none.
public struct OccupiedColumns: Sendable {
  /// The points (n x the number of occupied columns, or n x d when next to none is empty or they are sparse).
  private let points: DataPoints
  /// The columns that are left, ascending; nothing when all are.
  private let columns: [Int]?
  /// d.
  private let dimension: Int

  /// Throws a usage error when there is no memory for a copy. Complexity: O(n d) for dense points.
  public init(of points: DataPoints) throws(FireTreeError) {
    dimension = points.dimension
    guard case .dense(let matrix) = points.storage else {
      (self.points, columns) = (points, nil)
      return
    }
    var occupied = [Bool].fixed(matrix.columns, repeating: false)
    matrix.withView { view in
      for row in 0..<view.rows {
        for column in 0..<view.columns where view[row, column] != 0 { occupied[column] = true }
      }
    }
    let columns = occupied.indices.filter { occupied[$0] }
    guard columns.count <= matrix.columns - max(matrix.columns / 16, 1) else {
      (self.points, self.columns) = (points, nil)
      return
    }
    var narrow = try Matrix(allocating: matrix.rows, by: columns.count)
    matrix.withView { view in narrow.withMutableView { view.gather(columns, into: $0) } }
    (self.points, self.columns) = (.dense(narrow), columns)
  }

  /// The number of columns that products run over.
  public var count: Int { points.dimension }

  /// Correlations of weights with a range of points: `result[r, i] = <weights[r], x_i>`.
  ///
  /// Shapes: `weights` R x d, `result` R x `points.count`. Complexity: 2 R flops an element of these points in occupied
  /// columns; memory at most 4 MB, or 64 rows of such columns.
  public func correlate(_ weights: MatrixView, points range: Range<Int>, into result: MutableMatrixView) {
    precondition(weights.columns == dimension, "weights of \(weights.columns) inputs, points of \(dimension)")
    guard let columns else { return points.correlate(weights, points: range, into: result) }
    let tiles = Tiles(of: weights.rows, size: max(64, (1 << 20) / max(columns.count, 1)))
    Scratch.withMatrix(rows: min(tiles.size, weights.rows), columns: columns.count) { scratch in
      for tile in 0..<tiles.count {
        let narrow = scratch.rows(0..<tiles[tile].count)
        weights.rows(tiles[tile]).gather(columns, into: narrow)
        points.correlate(narrow.view, points: range, into: result.rows(tiles[tile]))
      }
    }
  }
}

extension MatrixView {
  /// Copies the chosen columns of every row into `result`.
  fileprivate func gather(_ columns: [Int], into result: MutableMatrixView) {
    columns.withUnsafeBufferPointer { columns in
      for row in 0..<rows {
        let (source, target) = (self.row(row), result.row(row))
        for k in columns.indices { target[k] = source[columns[k]] }
      }
    }
  }
}
