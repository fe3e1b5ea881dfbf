import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

@Suite struct KernelRidgeTests {
  private let workers = Workers(threads: 2)
  /// Points of several norms, one of them 0.
  private let points = DataPoints.dense(
    Matrix([[1, 0.5], [0.25, -1], [-0.75, 0.5], [1, -0.5], [0, 0]]))
  private let targets = Matrix([[1, 0], [0, 1], [0, 1], [1, 0], [0, 1]])

  private func fit(_ points: DataPoints, threads: Int = 2) throws -> KernelRidge {
    try KernelRidge(
      points: points, targets: targets, threshold: 0.5, ridge: 0.1, workers: Workers(threads: threads))
  }

  private func prediction(_ fit: KernelRidge, _ points: DataPoints, _ fresh: DataPoints) throws -> Matrix {
    try LimitPrediction(
      points: points, coefficients: fit.coefficients, means: fit.means, threshold: 0.5, workers: workers
    ).outputs(for: fresh)
  }

  private func expect(_ found: Matrix, _ firstOutput: [Float], within bound: Float) {
    #expect(found.rows == firstOutput.count)
    for (i, value) in firstOutput.enumerated() {
      #expect(abs(found[i, 0] - value) <= bound, "\(i): \(found[i, 0]), \(value)")
      // The outputs are 1 in all, as the targets are.
      #expect(abs(found[i, 1] - (1 - value)) <= bound, "\(i): \(found[i, 1])")
    }
  }

  /// Against NumPy: `numpy.linalg.solve` on the kernel with P by `scipy.stats.multivariate_normal.cdf`, for b = 0.5 and rho = 0.1.
  @Test func aSmallRegressionIsThatOfNumPy() throws {
    let fresh = DataPoints.dense(Matrix([[0.5, 0.5], [-1, -1], [3, 0]]))
    for (points, fresh) in [(points, fresh), (sparse(points), sparse(fresh))] {
      let fit = try fit(points)
      #expect(fit.means == [0.4, 0.6])
      let alpha: [Float] = [0.631871, -1.839988, -1.525566, 1.788030, -14.418711]
      for i in 0..<5 {
        #expect(abs(fit.coefficients[i, 0] - alpha[i]) < 2e-5 * abs(alpha[i]), "\(i)")
        #expect(abs(fit.coefficients[i, 0] + fit.coefficients[i, 1]) < 1e-5)
      }
      expect(fit.leftOut, [0.765316, 0.548382, 0.399385, 0.425977, 0.4], within: 1e-5)
      #expect(abs(fit.leaveOneOut.mean - 0.200962) < 1e-5 && abs(fit.loss - 0.167164) < 1e-5)
      expect(try prediction(fit, points, fresh), [0.585053, 0.022616, 2.368846], within: 1e-5)
    }
  }

  private func sparse(_ points: DataPoints) -> DataPoints {
    guard case .dense(let matrix) = points.storage else { return points }
    return .sparse(matrix.sparse)
  }

  /// What is left out is what the regression without the point gives, the means and the penalty kept.
  @Test func leavingOutIsLeavingOut() throws {
    var random = SeededGenerator(seed: 41)
    let n = 30, points = random.unitRows(n, columns: 4)
    let targets = random.matrix(rows: n, columns: 2)
    let kernel = try LimitKernel(points: .dense(points), threshold: 0.3, workers: workers)
    let whole = try #require(try KernelRidge(kernel: kernel, targets: targets, ridge: 0.2))
    for left in [0, 7, 29] {
      let others = (0..<n).filter { $0 != left }
      // Targets less the means of all; the penalty in units of the mean diagonal of all.
      let part = try LimitKernel(points: .dense(points.chosen(others)), threshold: 0.3, workers: workers)
      let factor = try #require(
        try CholeskyFactor(part.matrix, addingToDiagonal: 0.2 * kernel.meanDiagonal, workers: workers))
      var right: [Double] = []
      for i in others { for c in 0..<2 { right.append(Double(targets[i, c] - whole.means[c])) } }
      let alpha = try factor.solve(right, columns: 2)
      for c in 0..<2 {
        let sum = others.enumerated().reduce(Double(whole.means[c])) {
          $0 + Double(kernel.matrix[left, $1.element]) * alpha[2 * $1.offset + c]
        }
        #expect(abs(sum - Double(whole.leftOut[left, c])) < 1e-5, "\(left), \(c)")
      }
    }
  }

  @Test func theSameBitsAloneAndOnAnyNumberOfThreads() throws {
    let fits = try [1, 2, 3].map { try fit(points, threads: $0) }
    #expect(Set(fits.map { $0.coefficients.elements }).count == 1)
    #expect(fits[0].leftOut == fits[2].leftOut && fits[0].loss == fits[1].loss)
    var random = SeededGenerator(seed: 42)
    let fresh = random.matrix(rows: 300, columns: 2)
    let outputs = try prediction(fits[0], points, .dense(fresh))
    for i in [0, 1, 255, 256, 299] {
      let alone = try prediction(fits[0], points, .dense(fresh.rows(i..<i + 1)))
      #expect(alone.row(0) == outputs.row(i), "\(i)")
    }
  }

  /// A ridge below the rounding of the kernel is refused, or raised by decades to the first that is not.
  @Test func ridgesMayBeRaised() throws {
    let same = DataPoints.dense(Matrix([[Float]](repeating: [0.6, 0.8], count: 40)))
    let targets = Matrix((0..<40).map { [Float($0 % 2)] })
    func fit(_ ridge: Double, mayRaise: Bool) throws -> KernelRidge {
      try KernelRidge(
        points: same, targets: targets, threshold: 0.5, ridge: ridge, mayRaise: mayRaise, workers: workers)
    }
    let error = #expect(throws: FireTreeError.self) { _ = try fit(1e-25, mayRaise: false) }
    #expect(error?.reason.hasPrefix("the ridge 1e-25 is too small") == true)
    let raised = try fit(1e-25, mayRaise: true)
    #expect(raised.ridge > 1e-20 && raised.ridge < 1e-10)
    #expect(throws: FireTreeError.self) { _ = try fit(raised.ridge / 10, mayRaise: false) }
    #expect(try fit(0.1, mayRaise: true).ridge == 0.1 && fit(100, mayRaise: true).ridge == 100)
  }

  @Test func memoryIsPlanned() {
    let needed = KernelRidge.requiredMemory(points: 10_000, outputs: 10, workers: workers)
    #expect(needed > ByteCount(1_200_000_000) && needed < ByteCount(1_400_000_000))
    #expect(KernelRidge.requiredMemory(points: .max, outputs: 10, workers: workers).bytes == .max)
  }

  @Test func degenerateDataHaveARegression() throws {
    let one = try KernelRidge(
      points: .dense(Matrix([[1, 0]])), targets: Matrix([[3]]), threshold: 0.5, ridge: 1, workers: workers)
    #expect(one.means == [3] && one.coefficients[0, 0] == 0 && one.loss == 0)
    let zeros = DataPoints.dense(Matrix(rows: 3, columns: 2))
    let constant = try KernelRidge(
      points: zeros, targets: Matrix([[1], [2], [6]]), threshold: 0.5, ridge: 0.1, workers: workers)
    #expect(try prediction(constant, zeros, zeros).elements == [[3], [3], [3]])
    // The same points over and over, with targets that contradict each other.
    let same = DataPoints.dense(Matrix([[Float]](repeating: [0.6, 0.8], count: 40)))
    let targets = Matrix((0..<40).map { [Float($0 % 2)] })
    let averaged = try KernelRidge(
      points: same, targets: targets, threshold: 0.5, ridge: 1e-4, workers: workers)
    #expect(abs(try prediction(averaged, same, same)[0, 0] - 0.5) < 1e-3)
  }
}
