import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// The kernel of one output for a width that grows.
@Suite struct FiniteKernelTests {
  private static let starts: [(InitialWeights.Distribution, InitialWeights.Start)] = [
    (.gaussian, .independent), (.gaussian, .paired), (.hadamard, .paired),
  ]

  private func points(_ count: Int, isSparse: Bool = false) -> DataPoints {
    var random = SeededGenerator(seed: 6)
    let x = random.unitRows(count, columns: 12)
    return isSparse ? .sparse(x.sparse) : .dense(x)
  }

  /// Column by column that of a network of the same width and one output, whatever the steps that led there and the threads.
  @Test(arguments: starts, [false, true])
  func equalsTheTangentKernel(of start: (InitialWeights.Distribution, InitialWeights.Start), isSparse: Bool)
    throws
  {
    let points = points(25, isSparse: isSparse)
    for threshold in [Float(-0.3), 0, 1.2] {
      let network = try Network(
        neurons: 1400, dimension: 12, outputs: 1, threshold: threshold, seed: 9, initial: start.0,
        start: start.1)
      let expected = TangentKernel(of: network, points: points, team: LocalTeam())
      for (threads, steps) in [(1, [1400]), (2, [100, 700, 1400]), (3, [0, 1, 2, 1399, 1400])] {
        let initial = InitialWeights(
          seed: 9, rows: 5000, columns: 12, distribution: start.0, start: start.1)
        var kernel = try FiniteKernel(
          initial, points: points, threshold: threshold, workers: Workers(threads: threads))
        for width in steps { try kernel.grow(to: width) }
        let found = try kernel.kernel().matrix
        for column in [0, 7, 24] {
          var unit = Matrix(rows: 25, columns: 1)
          unit[column, 0] = 1
          let image = try expected.times(unit)
          for row in 0..<25 { #expect(abs(found[row, column] - image[row, 0]) < 1e-6) }
        }
      }
    }
  }

  @Test func tendsToTheLimit() throws {
    let points = points(20)
    let limit = try LimitKernel(points: points, threshold: 0.7, workers: .all).matrix
    let initial = InitialWeights(
      seed: 1, rows: 200_000, columns: 12, distribution: .gaussian, start: .independent)
    var kernel = try FiniteKernel(initial, points: points, threshold: 0.7, workers: .all)
    var distances: [Float] = []
    for width in [200, 20_000, 200_000] {
      try kernel.grow(to: width)
      distances.append(try kernel.kernel().matrix.distance(to: limit))
    }
    // As 1 / sqrt(m): of 400 elements the largest is some three standard errors away.
    #expect(distances[0] > 0.03 && distances[1] < 0.015 && distances[2] < 0.005)
  }
}
