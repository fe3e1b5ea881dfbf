import FireTreeCore
import TestSupport
import Testing

/// Kernels whose bits depend on nothing but their own numbers.
@Suite struct SumKernelTests {
  /// Against products in doubles, and bit by bit against each product computed alone.
  @Test func correlationsAreTheSameAloneAndAmongOthers() {
    var random = SeededGenerator(seed: 8)
    for columns in [1, 2, 15, 16, 17, 31, 32, 33, 100] {
      for (rows, count) in [(1, 1), (2, 3), (4, 2), (5, 7), (9, 4)] {
        let (w, x) = (
          random.matrix(rows: rows, columns: columns), random.matrix(rows: count, columns: columns)
        )
        var result = Matrix(rows: rows, columns: count)
        correlate(w, x, into: &result)
        for r in 0..<rows {
          for i in 0..<count {
            let terms = zip(w.row(r), x.row(i)).map { Double($0) * Double($1) }
            let bound = Double(columns + 2) * 0x1p-24 * terms.reduce(0) { $0 + abs($1) }
            #expect(abs(Double(result[r, i]) - terms.reduce(0, +)) <= bound, "\(columns): \(r), \(i)")
            var alone = Matrix(rows: 1, columns: 1)
            correlate(Matrix([w.row(r)]), Matrix([x.row(i)]), into: &alone)
            #expect(alone[0, 0] == result[r, i], "\(columns): \(r), \(i)")
          }
        }
      }
    }
  }

  private func correlate(_ w: Matrix, _ x: Matrix, into result: inout Matrix) {
    result.withMutableView { result in Matrix.withViews(w, x) { Kernels.correlate($0, $1, into: result) } }
  }

  /// Integers by the plain formula; what is no number, or too large, is left out and said.
  @Test func sumsAreRoundedToIntegers() {
    var random = SeededGenerator(seed: 9)
    for columns in [1, 2, 3, 8, 16] {
      let rows = 7
      let scales = (0..<rows).map { Double(sign: .plus, exponent: 40 - 5 * $0, significand: 1) }
      var sums = (0..<rows * columns).map { _ in Double.random(in: -3...3, using: &random) }
      var totals = (0..<rows * columns).map { Int64($0) - 20 }
      let expected = totals.indices.map {
        totals[$0] + Int64((sums[$0] * scales[$0 / columns]).rounded(.toNearestOrEven))
      }
      #expect(
        Kernels.addRounded(sums, scales: scales, rows: rows, columns: columns, limit: 0x1p56, to: &totals))
      #expect(totals == expected, "\(columns) columns")
      for value in [Double.nan, .infinity, -0x1p70] {
        sums[columns] = value
        let before = totals[columns]
        #expect(
          !Kernels.addRounded(sums, scales: scales, rows: rows, columns: columns, limit: 0x1p56, to: &totals))
        #expect(totals[columns] == before)
      }
    }
  }
}
