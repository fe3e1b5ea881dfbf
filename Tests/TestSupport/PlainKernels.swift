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

// MARK: - Kinetic training

extension PlainKernels {
  public static func combineQuads(
    of matrix: Matrix, _ rows: [UInt16], _ quads: [SIMD4<Float>], columns: [UInt16]
  ) -> [[Double]] {
    columns.map { column in
      (0..<4).map { lane in
        zip(rows, quads).reduce(0.0) {
          $0 + Double($1.1[lane]) * Double(matrix[Int($1.0), Int(column)])
        }
      }
    }
  }

  /// The inner products of `vector` with rows of `now`, less those of `then`.
  public static func historyProducts(
    _ vector: [Float], now: Matrix, then: Matrix?, points: [UInt16], scale: Float
  ) -> [Double] {
    points.map { point in
      var sum = 0.0
      for (c, weight) in vector.enumerated() {
        var difference = Double(now[Int(point), c])
        if let then { difference -= Double(then[Int(point), c]) }
        sum += Double(weight) * difference
      }
      return Double(scale) * sum
    }
  }

  public static func residuals(
    _ now: Matrix, minus then: Matrix, direction: Matrix, change: Matrix, times: (Float, Float), scale: Float,
    norms: [Float]
  ) -> [[Double]] {
    (0..<now.rows).map { i in
      (0..<now.columns).map { c in
        let foretold = Double(times.0) * Double(direction[i, c]) + Double(times.1) * Double(change[i, c])
        return Double(scale) * Double(norms[i]) * (Double(now[i, c]) - Double(then[i, c]) - foretold)
      }
    }
  }

  public static func excessSums(of values: [Float], cuts: [Float]) -> [Double] {
    cuts.map { cut in values.reduce(0.0) { $0 + max(Double($1) - Double(cut), 0) } }
  }

  public static func selectExpired(
    bins: [UInt16], deadlines: [UInt8], reserves: [Float], ages: [UInt8], errors: [Float]
  ) -> [Int] {
    bins.indices.filter { q in
      let bin = Int(bins[q])
      return ages[bin / 16] > deadlines[q] || errors[bin].isNaN || errors[bin] > reserves[q]
    }
  }

  /// `times` holds three rows of sixteen.
  public static func futureMargins(
    of quads: [SIMD4<Float>], points: [UInt16], inverseNorms: [Float], threshold: Float, times: Matrix,
    margins: [Float]
  ) -> [Double] {
    (0..<16).map { k in
      zip(quads, points).reduce(Double(margins[k])) { least, candidate in
        let (quad, inverse) = (candidate.0, Double(inverseNorms[Int(candidate.1)]))
        let distance = Double(quad.x) - Double(threshold)
        let toward = distance > 0 ? -inverse : inverse
        /// How far the value has come at a time, toward the threshold: along two directions together, and along a third.
        func movement(_ k: Int) -> (Double, Double) {
          guard k >= 0 else { return (0, 0) }
          let (p, q) = (Double(quad.y) * Double(times[0, k]), Double(quad.z) * Double(times[1, k]))
          return ((p + q) * toward, Double(quad.w) * Double(times[2, k]) * toward)
        }
        let (now, before) = (movement(k), movement(k - 1))
        return min(least, abs(distance) * inverse - max(now.0, before.0) - max(now.1, before.1))
      }
    }
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
