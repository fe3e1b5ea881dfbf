import FireTreeCore

/// Mean and variance of every column, in Double, from one pass over the rows.
///
/// Sums are of differences to the first row, so that a constant column has variance exactly 0 and a large
/// common offset does no harm.
struct ColumnMoments {
  /// Three sums here; an offset and a scale in what is made of them.
  static let bytesPerColumn = 3 * MemoryLayout<Double>.size + 2 * MemoryLayout<Float>.size

  private let count: Double
  private var isFirst: Bool
  private var origin: [Double]
  private var sums: [Double]
  private var squares: [Double]

  /// Complexity: O(stored elements).
  init(of points: DataPoints) {
    self.init(count: points.count, dimension: points.dimension)
    switch points.storage {
    case .dense(let matrix):
      matrix.withView { view in
        for row in 0..<view.rows where view.columns > 0 { add(view.row(row)) }
      }
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
  init(of values: [Double]) {
    self.init(count: values.count, dimension: 1)
    for var value in values { add(&value) }
  }

  /// The moments of `count` rows, which `add` is called with.
  init(count: Int, dimension: Int) {
    self.count = Double(count)
    isFirst = true
    origin = .fixed(dimension, repeating: 0)
    sums = .fixed(dimension, repeating: 0)
    squares = .fixed(dimension, repeating: 0)
  }

  /// Adds a row.
  mutating func add<Value: BinaryFloatingPoint>(_ values: UnsafePointer<Value>) {
    if isFirst {
      for column in origin.indices { origin[column] = Double(values[column]) }
      isFirst = false
    }
    for column in origin.indices {
      let difference = Double(values[column]) - origin[column]
      sums[column] += difference
      squares[column] += difference * difference
    }
  }

  func mean(_ column: Int) -> Double { count == 0 ? 0 : origin[column] + sums[column] / count }

  /// The variance of the column as a population.
  func variance(_ column: Int) -> Double {
    if count == 0 { return 0 }
    let shift = sums[column] / count
    return max(0, squares[column] / count - shift * shift)
  }

  /// A column whose mean is more than this many standard deviations from 0 loses too much when it is rounded to 32 bits:
  /// more than 1/4096 of its standard deviation.
  private static let farthestMean = 4096.0

  /// The mean, to be taken off in 64 bits, of a column that varies far from 0; else nil.
  func origin(_ column: Int) -> Double? {
    let deviation = variance(column).squareRoot()
    return deviation > 0 && abs(mean(column)) > Self.farthestMean * deviation ? mean(column) : nil
  }
}
