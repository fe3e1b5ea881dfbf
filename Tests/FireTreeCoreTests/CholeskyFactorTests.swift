import FireTreeCore
import TestSupport
import Testing

@Suite struct CholeskyFactorTests {
  /// B B^T + 1/10 of small whole numbers, so that its elements are exact: B has half as many columns, and most eigenvalues are 0.1.
  private func matrix(_ n: Int) -> Matrix {
    var random = SeededGenerator(seed: UInt64(n))
    let b = random.wholeMatrix(rows: n, columns: n / 2 + 1, range: -1...1)
    var result = Matrix(rows: n, columns: n)
    b.withView { b in
      result.withMutableView { LinearAlgebra.multiply(b, b, transposing: .right, into: $0) }
    }
    return result
  }

  @Test(arguments: [1, 2, 3, 31, 255, 256, 257, 600]) func solutionsSatisfyTheEquations(n: Int) throws {
    let matrix = matrix(n), shift = 0.1
    let factor = try #require(
      try CholeskyFactor(matrix, addingToDiagonal: shift, workers: Workers(threads: 2)))
    for columns in [1, 3, 40] {
      let right = (0..<n * columns).map { Double(($0 * 37) % 101) / 101 - 0.5 }
      let x = try factor.solve(right, columns: columns)
      for i in stride(from: 0, to: n, by: max(1, n / 20)) {
        for c in stride(from: 0, to: columns, by: 7) {
          let product = (0..<n).reduce(shift * x[i * columns + c]) {
            $0 + Double(matrix[i, $1]) * x[$1 * columns + c]
          }
          #expect(abs(product - right[i * columns + c]) < 1e-9, "\(n): \(i), \(c)")
        }
      }
    }
    // The inverse's diagonal by solving for unit vectors.
    let diagonal = factor.inverseDiagonal()
    #expect(diagonal.count == n)
    for i in stride(from: 0, to: n, by: max(1, n / 10)) {
      var unit = [Double](repeating: 0, count: n)
      unit[i] = 1
      let column = try factor.solve(unit, columns: 1)
      #expect(abs(column[i] - diagonal[i]) < 1e-9 * diagonal[i], "\(n): \(i)")
    }
  }

  @Test func theSameBitsOnAnyNumberOfThreads() throws {
    let matrix = matrix(700)
    let right = (0..<700 * 50).map { Double($0 % 17) }
    let results = try [1, 2, 3].map { threads in
      let factor = try #require(
        try CholeskyFactor(matrix, addingToDiagonal: 0.1, workers: Workers(threads: threads)))
      return (try factor.solve(right, columns: 50), factor.inverseDiagonal())
    }
    #expect(results[0] == results[1] && results[1] == results[2])
  }

  /// One wrong number, or none, in a solution is seen.
  @Test func wrongSolutionsAreSeen() throws {
    let factor = try #require(
      try CholeskyFactor(matrix(60), addingToDiagonal: 0.1, workers: Workers(threads: 1)))
    let right = (0..<180).map { Double($0 % 7) - 3 }
    let solution = try factor.solve(right, columns: 3)
    try factor.check(solution, right, columns: 3)
    for (position, value) in [(0, solution[0] * 1.001 + 1e-3), (100, 0), (179, .nan), (50, .infinity)] {
      var wrong = solution
      wrong[position] = value
      let error = #expect(throws: FireTreeError.self) { try factor.check(wrong, right, columns: 3) }
      #expect(error?.kind == .failure)
    }
  }

  @Test func whatIsNotPositiveDefiniteHasNoFactor() throws {
    let workers = Workers(threads: 1)
    #expect(try CholeskyFactor(Matrix([[1, 2], [2, 1]]), addingToDiagonal: 0, workers: workers) == nil)
    #expect(try CholeskyFactor(Matrix([[1, 2], [2, 1]]), addingToDiagonal: 1.01, workers: workers) != nil)
    #expect(try CholeskyFactor(matrix(600), addingToDiagonal: -0.1, workers: workers) == nil)
    #expect(try CholeskyFactor(Matrix([[.nan]]), addingToDiagonal: 0, workers: workers) == nil)
    let none = try #require(
      try CholeskyFactor(Matrix(rows: 0, columns: 0), addingToDiagonal: 0, workers: workers))
    #expect(try none.solve([], columns: 0) == [] && none.inverseDiagonal() == [])
  }
}
