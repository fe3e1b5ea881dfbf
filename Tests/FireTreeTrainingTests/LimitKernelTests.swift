import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

import FireTreeTraining

@Suite struct LimitKernelTests {
  private let workers = Workers(threads: 2)
  private let random = SeededGenerator(seed: 31)

  /// Points of many norms; one is 0, two are the same, two are opposed.
  private func mixed(_ n: Int, _ d: Int) -> Matrix {
    var random = random
    var x = random.matrix(rows: n, columns: d)
    for c in 0..<d {
      x[1, c] = 0
      x[3, c] = x[2, c]
      x[4, c] = -2 * x[2, c]
    }
    return x
  }

  private func expected(_ points: DataPoints, _ i: Int, _ j: Int, threshold: Float) -> Double {
    let (x, y) = (points.point(i).map(Double.init), points.point(j).map(Double.init))
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let (p, q) = (dot(x, x).squareRoot(), dot(y, y).squareRoot())
    guard p > 0 && q > 0 else { return 0 }
    let cosine = dot(x, y) / (p * q)
    return dot(x, y)
      * NormalDistribution.jointTail(
        Double(threshold) / p, Double(threshold) / q,
        correlation: abs(cosine) > 1 - 1e-12 ? cosine.rounded() : cosine)
  }

  @Test(arguments: [-0.5, 0, 0.7, 1.85] as [Float]) func elementsAreProductsTimesShares(threshold: Float)
    throws
  {
    var random = random
    for matrix in [mixed(40, 6), random.unitRows(40, columns: 6)] {
      for points in [DataPoints.dense(matrix), .sparse(matrix.sparse)] {
        let kernel = try LimitKernel(points: points, threshold: threshold, workers: workers)
        for i in 0..<points.count {
          for j in 0..<points.count {
            let exact = expected(points, i, j, threshold: threshold)
            #expect(
              abs(Double(kernel.matrix[i, j]) - exact) < 3e-6, "\(i), \(j): \(kernel.matrix[i, j]), \(exact)")
            #expect(kernel.matrix[i, j] == kernel.matrix[j, i])
          }
          #expect(abs(Double(kernel.diagonal[i]) - expected(points, i, i, threshold: threshold)) < 1e-6)
        }
        #expect(abs(kernel.meanDiagonal * 40 - kernel.diagonal.reduce(0.0) { $0 + Double($1) }) < 1e-9)
      }
    }
  }

  /// The kernel is what the tangent kernel of a wide network tends to: 200,000 neurons leave a standard error of
  /// |<x, x'>| sqrt(P / m), at most 1.2e-3 |<x, x'>|.
  @Test(arguments: [-0.5, 0.7] as [Float]) func wideNetworksTendToIt(threshold: Float) throws {
    let points = DataPoints.dense(mixed(8, 3))
    let neurons = 200_000
    let network = try Network(
      neurons: neurons, dimension: 3, outputs: 1, threshold: threshold, seed: 5, form: .seeded)
    let kernel = try LimitKernel(points: points, threshold: threshold, workers: workers)
    let finite = TangentKernel(of: network, points: points, team: LocalTeam(workers: workers))
    let gram = try points.gramMatrix(workers: workers)
    for j in 0..<points.count {
      var unit = Matrix(rows: points.count, columns: 1)
      unit[j, 0] = 1
      let column = try finite.times(unit)
      for i in 0..<points.count {
        #expect(abs(column[i, 0] - kernel.matrix[i, j]) <= 5 * 1.2e-3 * abs(gram[i, j]) + 1e-6, "\(i), \(j)")
      }
    }
  }

  @Test func largestEigenvalueIsThatOfADenseSolution() throws {
    var random = random
    for (n, matrix) in [(1, mixed(30, 5)), (17, mixed(30, 5)), (300, random.unitRows(300, columns: 20))] {
      let points = DataPoints.dense(try matrix.rows(0..<n))
      let kernel = try LimitKernel(points: points, threshold: 0.8, workers: workers)
      var dense = SymmetricMatrix(order: n)
      for i in 0..<n { for j in 0...i { dense[i, j] = Double(kernel.matrix[i, j]) } }
      let values = try dense.eigenvalues()
      let largest = try #require(values.last)
      #expect(values[0] > -1e-5 * largest)
      let found = try kernel.largestEigenvalue(tolerance: 1e-7, maximumIterations: 2000)
      #expect(abs(found - largest) < 1e-4 * largest, "\(n): \(found), \(largest)")
      try #expect(kernel.largestEigenvalue() <= largest * (1 + 1e-5))
    }
    let zeros = DataPoints.dense(Matrix(rows: 3, columns: 2))
    try #expect(LimitKernel(points: zeros, threshold: 1, workers: workers).largestEigenvalue() == 0)
  }

  @Test func productsAreThoseOfTheMatrix() throws {
    var random = random
    let points = DataPoints.dense(random.unitRows(300, columns: 8))
    let kernel = try LimitKernel(points: points, threshold: 0.5, workers: workers)
    let vector = random.matrix(rows: 300, columns: 3)
    let product = try kernel.times(vector)
    for i in stride(from: 0, to: 300, by: 37) {
      for c in 0..<3 {
        let sum = (0..<300).reduce(0.0) { $0 + Double(kernel.matrix[i, $1]) * Double(vector[$1, c]) }
        #expect(abs(Double(product[i, c]) - sum) < 1e-5)
      }
    }
  }

  /// Blocks between fresh points and others, in any company and on any number of threads.
  @Test func crossBlocksAgreeAndKeepTheirBits() throws {
    var random = random
    for (train, fresh) in [
      (mixed(300, 7), mixed(33, 7)), (random.unitRows(300, columns: 7), random.unitRows(33, columns: 7)),
      (random.unitRows(300, columns: 7), mixed(33, 7)),
    ] {
      for isSparse in [false, true] {
        func points(_ matrix: Matrix) -> DataPoints { isSparse ? .sparse(matrix.sparse) : .dense(matrix) }
        let block = try LimitKernel.cross(points(fresh), points(train), threshold: 0.6, workers: workers)
        let single = try LimitKernel.cross(
          points(fresh), points(train), threshold: 0.6, workers: Workers(threads: 1))
        #expect(block == single)
        for i in 0..<fresh.rows {
          let alone = try LimitKernel.cross(
            points(try fresh.rows(i..<i + 1)), points(train), threshold: 0.6, workers: workers)
          #expect(alone.row(0) == block.row(i), "row \(i)")
        }
        let own = try LimitKernel.cross(points(train), points(train), threshold: 0.6, workers: workers)
        let kernel = try LimitKernel(points: points(train), threshold: 0.6, workers: workers)
        // The square root of a rounding, for points that are the same.
        #expect(own.distance(to: kernel.matrix) < 2e-4)
      }
    }
  }

  @Test func theSameBitsOnAnyNumberOfThreads() throws {
    let points = DataPoints.dense(mixed(700, 9))
    let kernels = try [1, 2, 3].map {
      try LimitKernel(points: points, threshold: 0.4, workers: Workers(threads: $0))
    }
    #expect(kernels[0].matrix == kernels[1].matrix && kernels[1].matrix == kernels[2].matrix)
    try #expect(kernels[0].largestEigenvalue() == kernels[2].largestEigenvalue())
  }
}
