import FireTreeCore

/// The kernels of `CKernels.h`, written plainly, in double precision.
public enum PlainKernels {
  public static func combineRows(
    of matrix: Matrix, _ rows: [UInt16], coefficients: [Float], columns: [UInt16]
  ) -> [Double] {
    columns.map { column in
      zip(rows, coefficients).reduce(0.0) { $0 + Double($1.1) * Double(matrix[Int($1.0), Int(column)]) }
    }
  }

  public static func products(
    _ vector: [Float], with matrix: Matrix, rows: [Int], scale: Float = 1
  ) -> [Double] {
    rows.map { row in
      Double(scale) * (0..<matrix.columns).reduce(0.0) { $0 + Double(vector[$1]) * Double(matrix[row, $1]) }
    }
  }

  public static func addRows(
    of matrix: Matrix, _ rows: [Int], coefficients: [Float], to vector: [Float]
  ) -> [Double] {
    vector.indices.map { column in
      zip(rows, coefficients).reduce(Double(vector[column])) {
        $0 + Double($1.1) * Double(matrix[$1.0, column])
      }
    }
  }

  /// The sums (points x outputs) and how many values exceed the threshold.
  public static func addExcess(
    to sums: [[Double]], weights: [Float], points: [UInt16], values: [Float], threshold: Float
  ) -> ([[Double]], Int) {
    var (sums, found) = (sums, 0)
    for (point, value) in zip(points, values) where value > threshold {
      found += 1
      for c in weights.indices { sums[Int(point)][c] += Double(weights[c] * (value - threshold)) }
    }
    return (sums, found)
  }
}
