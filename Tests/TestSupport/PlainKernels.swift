import FireTreeCore

/// The kernels of `CKernels.h`, written plainly, in double precision.
public enum PlainKernels {
  public static func multiplyRows(
    of matrix: Matrix, _ rows: [UInt16], columns: [UInt16], coefficients: [Float]
  ) -> [Double] {
    rows.map { row in
      zip(columns, coefficients).reduce(0.0) { $0 + Double($1.1) * Double(matrix[Int(row), Int($1.0)]) }
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

// MARK: - Kinetic training

extension PlainKernels {
  /// What a sum of so many products of numbers of at most 1 in magnitude may differ by from the exact one, in any order.
  public static func tolerance(_ terms: Int, largest: Double = 1) -> Double {
    Double(terms + 1) * Double(terms + 4) * 0x1p-24 * largest
  }

  /// What a countdown has taken at most, the bound's part of that which is in doubt, and what its last step took at most.
  /// `excess` and `growth` are those of its age and number of points.
  public static func taken(
    by countdown: Kernels.Countdown, multiple: Float, excess: Float, ratio: Float, growth: Float,
    scale: Float,
    slowness: Float, rounding: Float
  ) -> (path: Double, doubt: Double, last: Double) {
    let factor = 1 + Double(slowness) + Double(rounding) * Double(countdown.firing)
    let doubt = Double(scale) * Double(excess) * factor
    return (
      Double(multiple) * Double(countdown.taken) * factor + doubt, doubt,
      (Double(ratio) * Double(countdown.taken) + Double(scale) * Double(growth)) * factor
    )
  }

  /// The sums of `alpha` (support) and `shares`, which end before it, and the sum of the magnitudes of both.
  public static func sumCoefficients(
    alpha: [Float], shares: [Float]
  ) -> (coefficients: [Double], magnitude: Double) {
    (
      alpha.indices.map { Double(alpha[$0]) + ($0 < shares.count ? Double(shares[$0]) : 0) },
      (alpha + shares).reduce(0.0) { $0 + Double(abs($1)) }
    )
  }

  /// The positions of limits that do not exceed the path by more than `ahead`, or of a part of them if these are many.
  public static func chosen(_ limits: [Float], path: Double, ahead: Float, enough: Int) -> [Int] {
    let near = limits.indices.filter { Double(limits[$0]) <= path + Double(ahead) }
    guard near.count > enough else { return near }
    let bound = path + Double(ahead) * Double(enough) / Double(near.count)
    return limits.indices.filter { Double(limits[$0]) <= bound }
  }

  /// How far a clock may go before a candidate that was computed as `s` has to be computed again.
  public static func movement(
    allowedAt s: Float, threshold: Float, rounding: Float, tie: Float, reach: Float
  ) -> Double {
    let distance = max(abs(Double(s) - Double(threshold)) - Double(rounding), Double(min(rounding, tie)))
    return distance / Double(reach)
  }

  /// What the last `age` steps up to `now` take: lengths, multiples and turns are those of steps modulo 8.
  public static func sumSteps(
    lengths: [Float], multiples: [Float], turns: [Float], taken: Float, now: Int, age: Int
  ) -> (lengths: Double, takes: Double, length: Double, take: Double) {
    let takes = (0..<8).map {
      min(Double(multiples[$0]) * Double(taken) + Double(turns[$0]), Double(lengths[$0]))
    }
    let slots = (0..<age).map { (now - $0) % 8 }
    return (
      slots.reduce(0.0) { $0 + Double(lengths[$1]) }, slots.reduce(0.0) { $0 + takes[$1] },
      Double(lengths[now % 8]), takes[now % 8]
    )
  }

  public static func squareSums(of matrix: Matrix, _ rows: [UInt16], columns: [UInt16]) -> [Double] {
    columns.map { column in
      rows.reduce(0.0) { sum, row in
        let entry = Double(matrix[Int(row), Int(column)])
        return sum + entry * entry
      }
    }
  }

  /// Reaches that one more entry makes longer, and limits of which it leaves as much less.
  public static func widenReaches(
    by row: [Float], points: [UInt16], path: Float, reaches: [Float], limits: [Float]
  ) -> [(reach: Double, limit: Double)] {
    points.indices.map { q in
      let (before, entry) = (Double(reaches[q]), Double(row[Int(points[q])]))
      let (reach, limit) = ((before * before + entry * entry).squareRoot(), Double(limits[q]))
      guard limits[q] > path else { return (reach, limit) }
      return (reach, Double(path) + (limit - Double(path)) * before / reach)
    }
  }

  /// `tensor` holds the rows of a symmetric matrix up to their own columns; those in `rows` are changed.
  public static func countPairs(
    in tensor: [[Float]], rows: Range<Int>, point: Int, others: [UInt16], unit: Float
  ) -> [[Float]] {
    var result = tensor
    for other in others.map(Int.init) where rows.contains(max(point, other)) {
      result[max(point, other)][min(point, other)] += unit
    }
    return result
  }

  /// The symmetric product of one row, single elements: the sum, and what is added to `result`.
  public static func tensorRow(
    gram: [Float], weights: [Float], values: [Double], x: Double, result: [Double]
  ) -> (Double, [Double]) {
    let products = zip(gram, weights).map { Double($0) * Double($1) }
    return (
      zip(products, values).reduce(0.0) { $0 + $1.0 * $1.1 },
      zip(result, products).map { $0 + $1 * x }
    )
  }

  /// The same for blocks (count x width); `values` and `others` are count x 2 width, `x` and `own` 2 width.
  public static func tensorBlocks(
    gram: [Float], blocks: [[Float]], values: [[Double]], x: [Double], own: [Double], others: [[Double]]
  ) -> (own: [Double], others: [[Double]]) {
    var (own, others) = (own, others)
    for (i, block) in blocks.enumerated() {
      for (b, element) in block.enumerated() {
        let t = Double(gram[i]) * Double(element)
        for side in [b, block.count + b] {
          own[side] += t * values[i][side]
          others[i][side] += t * x[side]
        }
      }
    }
    return (own, others)
  }
}
