import FireTreeCore

/// Mean and variance of every column, in Double, from one pass over the rows.
///
/// Sums are of differences to the first row, so that a constant column has variance exactly 0 and a large
/// common offset does no harm.
struct ColumnMoments {
  /// Three sums here; an offset and a scale in what is made of them.
  static let bytesPerColumn = 3 * MemoryLayout<Double>.size + 2 * MemoryLayout<Float>.size

  private var count: Double
  private var origin: [Double]
  private var sums: [Double]
  private var squares: [Double]

  /// Complexity: O(stored elements).
  init(of points: DataPoints) {
    self.init(count: points.count, dimension: points.dimension)
    switch points {
    case .dense(let matrix): matrix.withView { add($0) }
    case .sparse(let rows):
      for position in rows.values.indices {
        let value = Double(rows.values[position])
        let column = Int(rows.columnIndices[position])
        sums[column] += value
        squares[column] += value * value
      }
    }
  }

  /// The moments of one column.
  init(of values: [Float]) {
    self.init(count: values.count, dimension: 1)
    values.withUnsafeBufferPointer { values in
      guard let base = values.baseAddress else { return }
      add(MatrixView(base: base, rows: values.count, columns: 1, stride: 1))
    }
  }

  private init(count: Int, dimension: Int) {
    self.count = Double(count)
    origin = Array(repeating: 0, count: dimension)
    sums = origin
    squares = origin
  }

  private mutating func add(_ view: MatrixView) {
    guard view.rows > 0 else { return }
    for column in 0..<view.columns { origin[column] = Double(view[0, column]) }
    for row in 0..<view.rows {
      let values = view.row(row)
      for column in 0..<view.columns {
        let difference = Double(values[column]) - origin[column]
        sums[column] += difference
        squares[column] += difference * difference
      }
    }
  }

  func mean(_ column: Int) -> Double { count == 0 ? 0 : origin[column] + sums[column] / count }

  /// The variance of the column as a population.
  func variance(_ column: Int) -> Double {
    if count == 0 { return 0 }
    let shift = sums[column] / count
    return max(0, squares[column] / count - shift * shift)
  }
}
