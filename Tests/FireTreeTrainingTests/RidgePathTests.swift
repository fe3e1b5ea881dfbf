import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

@Suite struct RidgePathTests {
  private let workers = Workers(threads: 2)

  /// Points on the unit circle, some of them twice and three times, and one at the origin.
  private static func points(_ n: Int, seed: UInt64) -> Matrix {
    var random = SeededGenerator(seed: seed)
    let rows = random.unitRows(n, columns: 3)
    var order = Array(0..<n)
    (order[3], order[4], order[9]) = (2, 2, 8)
    var result = rows.chosenRows(order)
    for k in 0..<3 { result[n - 1, k] = 0 }
    return result
  }

  /// Numbers, and classes as ones and zeros; duplicates agree in some and contradict each other in others.
  private static func targets(_ n: Int, outputs: Int, seed: UInt64) -> Matrix {
    var random = SeededGenerator(seed: seed)
    guard outputs > 1 else { return random.matrix(rows: n, columns: 1) }
    var result = Matrix(rows: n, columns: outputs)
    for i in 0..<n { result[i, (i * 7 + i / 3) % outputs] = 1 }
    return result
  }

  /// The error of n regressions, each without one point; means and the unit of the penalty are those of all.
  private func refits(_ points: Matrix, _ targets: Matrix, threshold: Float, ridge: Double) throws -> [Double]
  {
    let n = points.rows,
      kernel = try LimitKernel(points: .dense(points), threshold: threshold, workers: workers)
    let means = (0..<targets.columns).map { c in
      (0..<n).reduce(0.0) { $0 + Double(targets[$1, c]) } / Double(n)
    }
    return try (0..<n).map { left in
      let others = (0..<n).filter { $0 != left }
      let part = try LimitKernel(
        points: .dense(points.chosenRows(others)), threshold: threshold, workers: workers)
      let factor = try #require(
        try CholeskyFactor(part.matrix, addingToDiagonal: ridge * kernel.meanDiagonal, workers: workers))
      let right = others.flatMap { i in means.indices.map { Double(targets[i, $0]) - means[$0] } }
      let alpha = try factor.solve(right, columns: means.count)
      return means.indices.reduce(0.0) { sum, c in
        let found = others.enumerated().reduce(means[c]) {
          $0 + Double(kernel.matrix[left, $1.element]) * alpha[means.count * $1.offset + c]
        }
        return sum + (Double(targets[left, c]) - found) * (Double(targets[left, c]) - found)
          / Double(means.count)
      }
    }
  }

  @Test(arguments: [1, 3], [0, 0.5, 1.85] as [Float]) func errorsAreThoseOfRefits(
    outputs: Int, threshold: Float
  ) throws {
    let n = 24, points = Self.points(n, seed: 71), targets = Self.targets(n, outputs: outputs, seed: 72)
    let kernel = try LimitKernel(points: .dense(points), threshold: threshold, workers: workers)
    let path = try RidgePath(of: kernel, targets: targets)
    #expect(path.elements.map(\.ridge).contains(1e-4) && path.elements.map(\.ridge).contains(10))
    for element in path.elements {
      let errors = try refits(points, targets, threshold: threshold, ridge: element.ridge)
      let expected = ErrorEstimate(of: errors)
      // Duplicates divide the rounding of the means by the ridge.
      #expect(abs(element.error.mean - expected.mean) <= 1e-6 * expected.mean, "\(element)")
      #expect(abs(element.error.standardError - expected.standardError) <= 1e-6 * expected.mean, "\(element)")
    }
    let least = try #require(path.elements.map(\.error.mean).min())
    #expect(path.best?.error.mean == least)
  }

  /// Against a regression on the training points alone, and its predictions.
  @Test func heldOutErrorsAreThoseOfPredictions() throws {
    let n = 40, points = Self.points(n, seed: 73), targets = Self.targets(n, outputs: 2, seed: 74)
    let heldOut = [1, 4, 8, 9, 30, 39], training = (0..<n).filter { !heldOut.contains($0) }
    let kernel = try LimitKernel(points: .dense(points), threshold: 0.5, workers: workers)
    let path = try RidgePath(
      of: kernel, targets: targets, validation: .holdOut(training: training, heldOut: heldOut))
    for element in path.elements {
      let part = DataPoints.dense(points.chosenRows(training))
      let regression = try KernelRidge(
        points: part, targets: targets.chosenRows(training), threshold: 0.5, ridge: element.ridge,
        workers: workers)
      let outputs = try LimitPrediction(
        points: part, coefficients: regression.coefficients, means: regression.means, threshold: 0.5,
        workers: workers
      ).outputs(for: .dense(points.chosenRows(heldOut)))
      let errors = heldOut.enumerated().map { slot, i in
        (0..<2).reduce(0.0) { $0 + square(Double(targets[i, $1] - outputs[slot, $1])) / 2 }
      }
      #expect(
        abs(element.error.mean - ErrorEstimate(of: errors).mean) <= 1e-4 * element.error.mean, "\(element)")
    }
  }

  private func square(_ x: Double) -> Double { x * x }

  /// The grid of six decades grows where its end is the best, in steps of a decade, and nowhere else.
  @Test func theGridGrowsAtItsEdge() throws {
    var random = SeededGenerator(seed: 75)
    let n = 150, points = random.unitRows(n, columns: 2), noise = random.matrix(rows: n, columns: 1)
    let kernel = try LimitKernel(points: .dense(points), threshold: 0, workers: workers)
    let large = try RidgePath(of: kernel, targets: noise)
    #expect(large.elements.first?.ridge == 1e-4 && large.elements.count > 6, "\(large.elements)")
    // In so few dimensions points predict a smooth function nearly exactly.
    var smooth = Matrix(rows: n, columns: 1)
    for i in 0..<n { smooth[i, 0] = points[i, 0] * points[i, 1] }
    let small = try RidgePath(of: kernel, targets: smooth)
    #expect(small.elements.last?.ridge == 10 && small.elements.count > 6, "\(small.elements)")
    for path in [large, small] {
      let ridges = path.elements.map(\.ridge)
      #expect(ridges == RidgePath.decades.filter { $0 >= ridges[0] && $0 <= ridges[ridges.count - 1] })
      let best = try #require(path.best)
      #expect([ridges[0], ridges[ridges.count - 1]].contains(best.ridge))
      for element in path.elements {
        let alone = try RidgePath(
          of: kernel, targets: path == large ? noise : smooth, ridge: element.ridge)
        #expect(alone.elements == [element])
      }
    }
    // Noise and a function of the points together want something between.
    var both = smooth
    for i in 0..<n { both[i, 0] += 0.3 * noise[i, 0] }
    let middle = try RidgePath(of: kernel, targets: both)
    #expect(middle.elements.map(\.ridge) == [1e-4, 1e-3, 1e-2, 0.1, 1, 10], "\(middle.elements)")
  }

  @Test func degenerateProblemsHaveAPath() throws {
    // One point, and targets that are all the same: no error, and the largest penalty of the grid.
    for (points, targets) in [
      (Matrix([[1, 0]]), Matrix([[3]])), (Matrix([[1, 0], [0, 1]]), Matrix([[2, 1], [2, 1]])),
      (Matrix(rows: 3, columns: 2), Matrix([[5], [5], [5]])),
    ] {
      let kernel = try LimitKernel(points: .dense(points), threshold: 0.5, workers: workers)
      let best = try RidgePath(of: kernel, targets: targets).best
      #expect(best == RidgePath.Element(ridge: 10, error: ErrorEstimate(mean: 0, standardError: 0)))
    }
    // A kernel that is no number has none.
    let kernel = try LimitKernel(
      points: .dense(Matrix([[.infinity, 0], [0, 1]])), threshold: 0.5, workers: workers)
    #expect(try RidgePath(of: kernel, targets: Matrix([[0], [1]])).best == nil)
  }

  @Test func estimates() {
    #expect(
      ErrorEstimate(of: [1, 2, 3, 6]) == ErrorEstimate(mean: 3, standardError: (14.0 / 3 / 4).squareRoot()))
    #expect(ErrorEstimate(of: [2]) == ErrorEstimate(mean: 2, standardError: 0))
    #expect(ErrorEstimate(of: []) == ErrorEstimate(mean: 0, standardError: 0))
  }
}

extension Matrix {
  fileprivate func chosenRows(_ indices: [Int]) -> Matrix { Matrix(indices.map { Array(row($0)) }) }
}
