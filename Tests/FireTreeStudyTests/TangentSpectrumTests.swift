import FireTree
import FireTreeStudy
import TestSupport
import Testing

@Suite struct TangentSpectrumTests {
  private let workers = Workers(threads: 2)

  private func kernel(_ network: Network, _ points: DataPoints) -> TangentKernel {
    TangentKernel(of: network, points: points, team: LocalTeam(workers: workers))
  }

  /// Three neurons on two points: the first fires on both, the second on the first, the third nowhere.
  @Test func workedByHand() throws {
    let points = DataPoints.dense(Matrix([[1, 0], [0.6, 0.8]]))
    let network = Network(
      hiddenWeights: Matrix([[2, 1], [3, -3], [-1, -1]]), outputWeights: Matrix([[1], [-1], [1]]),
      threshold: 0.5)
    let matrix = kernel(network, points).matrix()
    // H_11 = 2/3, H_12 = 0.6/3, H_22 = 1/3; det = 2/9 - 0.04, trace 1.
    #expect(abs(matrix[0, 0] - 2.0 / 3) < 1e-7 && abs(matrix[1, 1] - 1.0 / 3) < 1e-7)
    #expect(abs(matrix[0, 1] - 0.2) < 1e-7 && matrix[1, 0] == matrix[0, 1])
    let root = (0.25 - (2.0 / 9 - 0.04)).squareRoot()
    let spectrum = try Spectrum(of: matrix)
    #expect(abs(spectrum.smallest - (0.5 - root)) < 1e-7 && abs(spectrum.largest - (0.5 + root)) < 1e-7)
  }

  @Test(arguments: [1, 2, 3, 10]) func equalToItsProducts(outputs: Int) throws {
    for seed in UInt64(0)..<4 {
      var random = SeededGenerator(seed: seed)
      let points = DataPoints.dense(random.unitRows(9, columns: 5))
      let network = try Network(
        neurons: 300, dimension: 5, outputs: outputs, threshold: 0.8, seed: seed, workers: workers)
      let kernel = kernel(network, points)
      let matrix = kernel.matrix()
      var largest = 0.0
      for column in 0..<matrix.order {
        var unit = Matrix(rows: 9, columns: outputs)
        unit[column / outputs, column % outputs] = 1
        let image = try kernel.times(unit)
        for row in 0..<matrix.order {
          let difference = abs(matrix[row, column] - Double(image[row / outputs, row % outputs]))
          largest = max(largest, difference)
        }
      }
      // Sums of at most 300 terms of at most 1/300 in single precision.
      #expect(largest < 1e-5, "outputs \(outputs) seed \(seed)")
      let spectrum = try Spectrum(of: matrix)
      let estimate = try kernel.largestEigenvalue(tolerance: 1e-6, maximumIterations: 1000)
      // A Rayleigh quotient lies below, and close eigenvalues keep it there for long.
      #expect(estimate < spectrum.largest * (1 + 1e-5) && estimate > 0.95 * spectrum.largest)
      #expect(spectrum.smallest > -1e-6)
    }
  }

  /// What many neurons tend to: each element of H is a mean of m bounded terms.
  @Test func theKernelOfAnInfiniteWidth() throws {
    var random = SeededGenerator(seed: 5)
    var rows = random.unitRows(6, columns: 4)
    // Norms other than 1, a point that is another one twice as long, and a point at the origin.
    for c in 0..<4 { (rows[1, c], rows[2, c], rows[3, c]) = (1.5 * rows[1, c], 2 * rows[0, c], 0) }
    let points = DataPoints.dense(rows)
    let neurons = 200_000
    let network = try Network(
      neurons: neurons, dimension: 4, outputs: 1, threshold: 1, seed: 1, workers: workers)
    let found = kernel(network, points).matrix()
    let expected = TangentKernel.expected(points: points, threshold: 1, workers: workers)
    for i in 0..<6 {
      for j in 0..<6 {
        // Five standard deviations of a mean of values in {0, <x_i, x_j>}, |<x_i, x_j>| <= 4.
        let deviation = 5 * 4 * (expected[i, i] == 0 ? 0 : 0.5) / Double(neurons).squareRoot()
        #expect(abs(found[i, j] - expected[i, j]) <= deviation, "\(i) \(j)")
      }
    }
  }

  @Test func nothingFires() throws {
    let points = DataPoints.dense(Matrix([[1, 0], [0, 1]]))
    let network = try Network(neurons: 5, dimension: 2, outputs: 1, threshold: 100, seed: 0)
    let spectrum = try Spectrum(of: kernel(network, points).matrix())
    #expect(spectrum == Spectrum(smallest: 0, largest: 0))
    #expect(try Spectrum(of: SymmetricMatrix(order: 0)) == Spectrum(smallest: 0, largest: 0))
  }
}
