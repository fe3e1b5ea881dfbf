import FireTreeCore
import TestSupport
import Testing

/// The kernels of kinetic training against their plain twins, for all small sizes around the widths of vectors and
/// unrolling.
///
/// A sum of k products of numbers of at most 1 in magnitude is within k gamma_k of the exact one in any order
/// (`tolerance`); kernels on doubles are given whole numbers and compared bit by bit.
@Suite struct KineticKernelTests {
  /// Calls `body` with numbers as a matrix of one column, kept without padding.
  private func withColumn<Result>(_ column: [Float], _ body: (MatrixView) -> Result) -> Result {
    Matrix([column]).withView {
      body(MatrixView(base: $0.row(0), rows: column.count, columns: 1, stride: 1))
    }
  }

  @Test func productsWithASingleColumn() {
    var random = SeededGenerator(seed: 21)
    for count in 0...21 {
      let (column, number) = (random.floats(19), random.floats(1))
      let rows = random.indices(count, below: 19)
      var result = [Float](repeating: .nan, count: count + 1)
      withColumn(column) {
        Kernels.shortProducts(number, with: $0, rows: rows, count: count, scale: -0.3, into: &result)
      }
      let expected = PlainKernels.products(
        number, with: Matrix(column.map { [$0] }), rows: rows.map(Int.init), scale: -0.3)
      for t in 0..<count {
        #expect(abs(Double(result[t]) - expected[t]) <= PlainKernels.tolerance(1), "\(count)")
      }
      #expect(result[count].isNaN, "nothing is written behind the result")
    }
  }

  /// Every number of points that fire, of every support; sums of two numbers are those of doubles, rounded.
  @Test func sumsOfCoefficients() {
    var random = SeededGenerator(seed: 22)
    for support in 0...40 {
      for firing in 0...support {
        let alpha = random.floats(support), shares = random.floats(firing)
        var result = [Float](repeating: .nan, count: support + 1)
        let magnitude = Kernels.sumCoefficients(
          alpha: alpha, shares: shares, firing: firing, support: support, into: &result)
        let expected = PlainKernels.sumCoefficients(alpha: alpha, shares: shares)
        let rounded = expected.coefficients.map { Float($0) }
        #expect(Array(result.dropLast()) == rounded, "\(firing) of \(support)")
        #expect(abs(Double(magnitude) - expected.magnitude) <= PlainKernels.tolerance(support + firing))
        #expect(result[support].isNaN, "nothing is written behind the result")
      }
    }
  }

  /// Every number of points that fire, of every support; sums of two numbers are those of doubles, rounded.
  @Test func settlingCoefficients() {
    var random = SeededGenerator(seed: 28)
    for support in 0...40 {
      for firing in 0...support {
        let (padded, weight) = ((support + 7) / 8 * 8, Float.random(in: -1...1, using: &random))
        let (alpha, sums) = (random.floats(support), random.floats(19))
        // No points behind those that fire are read.
        let points = random.indices(firing, below: 19)
        var shares = [Float](repeating: .nan, count: padded + 1)
        var result = [Float](repeating: .nan, count: padded + 1)
        let zeros = [Float](repeating: 0, count: padded - support)
        let magnitude = Kernels.settle(
          sums: sums, weight: weight, points: points, alpha: alpha + zeros, firing: firing, support: support,
          shares: &shares, coefficients: &result)
        let expected = points.prefix(firing).map { weight * sums[Int($0)] }
        #expect(shares.dropLast() == (expected + [Float](repeating: 0, count: padded - firing))[...])
        let plain = PlainKernels.sumCoefficients(alpha: alpha, shares: expected)
        #expect(
          result.dropLast() == (plain.coefficients.map { Float($0) } + zeros)[...], "\(firing) of \(support)")
        #expect(abs(Double(magnitude) - plain.magnitude) <= PlainKernels.tolerance(support + firing))
        #expect(result[padded].isNaN && shares[padded].isNaN, "nothing is written behind the results")
      }
    }
  }

  @Test func sumsOfSquares() {
    var random = SeededGenerator(seed: 24)
    let matrix = random.matrix(rows: 37, columns: 41)
    for count in 0...20 {
      for terms in 0...20 {
        let rows = random.indices(terms, below: 37), columns = random.indices(count, below: 41)
        var result = [Float](repeating: .nan, count: count + 1)
        matrix.withView {
          Kernels.squareSums(of: $0, rows, terms: terms, columns: columns, count: count, into: &result)
        }
        let expected = PlainKernels.squareSums(of: matrix, rows, columns: columns)
        for q in 0..<count {
          #expect(
            abs(Double(result[q]) - expected[q]) <= PlainKernels.tolerance(terms), "\(count) x \(terms)")
        }
        #expect(result[count].isNaN, "nothing is written behind the result")
      }
    }
  }

  /// Reaches are not shorter than the exact ones and limits not farther, both by little; limits that are due stay.
  @Test(arguments: [0, 0x1p-10, 1, 1000] as [Float]) func wideningReaches(path: Float) {
    var random = SeededGenerator(seed: 25)
    var moved = 0
    // Entries of 0 too, and small ones.
    let sizes: [Float] = [0, 0x1p-12, 1, 1]
    for count in 0...40 {
      let row = random.floats(20).enumerated().map { $1 * sizes[$0 % 4] }
      let points = random.indices(count, below: 20)
      let reaches = (0..<count).map { _ in Float.random(in: 0x1p-10...2, using: &random) }
      let limits = (0..<count).map { _ -> Float in
        switch Int.random(in: 0..<6, using: &random) {
        case 0: -.infinity
        case 1: path * (1 - 0x1p-24)
        case 2: path
        case 3: path * (1 + 0x1p-23)
        case 4: path + Float.random(in: 0...0x1p-8, using: &random)
        default: path + Float.random(in: 0...9, using: &random)
        }
      }
      var newReaches = reaches + [.nan], newLimits = limits + [.nan]
      let least = Kernels.widenReaches(
        by: row, points: points, count: count, path: path, reaches: &newReaches, limits: &newLimits)
      let expected = PlainKernels.widenReaches(
        by: row, points: points, path: path, reaches: reaches, limits: limits)
      for q in 0..<count {
        let (reach, limit) = (Double(newReaches[q]), Double(newLimits[q]))
        #expect(reach >= expected[q].reach && reach <= expected[q].reach * (1 + 0x1p-20), "\(count)")
        guard limits[q] > path else {
          #expect(newLimits[q] == limits[q], "\(count)")
          continue
        }
        let lowest = expected[q].limit - Double(limits[q]) * 0x1p-19
        #expect(limit <= expected[q].limit && limit >= lowest, "\(count)")
        moved += 1
      }
      #expect(least == newLimits.dropLast().min() ?? .infinity, "\(count)")
      #expect(newReaches[count].isNaN && newLimits[count].isNaN, "nothing is written behind the result")
    }
    #expect(moved > 200)
  }
}
