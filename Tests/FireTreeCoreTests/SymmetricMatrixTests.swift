import FireTreeCore
import TestSupport
import Testing

@Suite struct SymmetricMatrixTests {
  private func matrix(_ rows: [[Double]]) -> SymmetricMatrix {
    var matrix = SymmetricMatrix(order: rows.count)
    for i in rows.indices { for j in 0...i { matrix[i, j] = rows[i][j] } }
    return matrix
  }

  /// The plain twin: Jacobi's rotations, until nothing is left beside the diagonal.
  static func jacobi(_ rows: [[Double]]) -> [Double] {
    var a = rows
    let n = a.count
    for _ in 0..<60 {
      var off = 0.0
      for p in 0..<n {
        for q in 0..<p where a[p][q] != 0 {
          off += a[p][q] * a[p][q]
          let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
          let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot(), s = t * c
          for k in 0..<n { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
          for k in 0..<n { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
        }
      }
      if off < 1e-30 { break }
    }
    return (0..<n).map { a[$0][$0] }.sorted()
  }

  @Test func workedByHand() throws {
    #expect(try matrix([]).eigenvalues() == [])
    #expect(try matrix([[-3]]).eigenvalues() == [-3])
    // (2, 1; 1, 2) has 1 and 3; a matrix of ones has n and zeros.
    let two = try matrix([[2, 1], [1, 2]]).eigenvalues()
    #expect(zip(two, [1.0, 3.0]).allSatisfy { abs($0.0 - $0.1) < 1e-14 })
    let ones = try matrix([[1, 1, 1], [1, 1, 1], [1, 1, 1]]).eigenvalues()
    #expect(zip(ones, [0.0, 0.0, 3.0]).allSatisfy { abs($0.0 - $0.1) < 1e-14 })
  }

  @Test(arguments: [1, 2, 3, 7, 8, 9, 31, 32, 33, 65]) func equalToRotations(order: Int) throws {
    for seed in UInt64(0)..<3 {
      var random = SeededGenerator(seed: seed)
      var rows = [[Double]](repeating: [Double](repeating: 0, count: order), count: order)
      for i in 0..<order {
        for j in 0...i {
          rows[i][j] = Double.random(in: -1..<1, using: &random)
          rows[j][i] = rows[i][j]
        }
      }
      let found = try matrix(rows).eigenvalues(), expected = Self.jacobi(rows)
      // A backward error of a few units in the last place of the norm, which is at most the order.
      let error = zip(found, expected).map { abs($0.0 - $0.1) }.max() ?? 0
      #expect(found.count == order && error <= 1e-14 * Double(order * order), "order \(order) seed \(seed)")
    }
  }

  @Test func whatIsNotFiniteIsRefused() {
    for value in [Double.nan, .infinity] {
      let error = #expect(throws: FireTreeError.self) { try matrix([[1], [value, 1]]).eigenvalues() }
      #expect(error?.kind == .failure)
    }
  }
}
