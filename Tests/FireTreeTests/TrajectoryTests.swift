import FireTree
import Foundation
import TestSupport
import Testing

/// The contract of exactness: every engine's losses are those of dense training.
@Suite struct TrajectoryTests {
  // Unoptimised builds, which check assertions, compare at a size that they can manage.
  #if DEBUG
    private static let (points, neurons, iterations) = (200, 200, 20)
  #else
    private static let (points, neurons, iterations) = (1000, 2000, 100)
  #endif

  @Test(arguments: [GradientDescent.Momentum.none, .nesterov(0.9)])
  func lossesOfTheTreesAreThoseOfDense(momentum: GradientDescent.Momentum) throws {
    let examples = URL(fileURLWithPath: #filePath).appending(path: "../../../Examples/data").standardized
    let digits = try Dataset(
      contentsOf: examples.appending(path: "t10k-images-idx3-ubyte.gz").path,
      options: DatasetOptions(
        labels: examples.appending(path: "t10k-labels-idx1-ubyte.gz").path, points: Self.points))
    let problem = try TrainingProblem(
      digits, configuration: TrainingConfiguration(neurons: Self.neurons, momentum: momentum))
    var dense = try problem.makeEngine(.dense)
    let rate = dense.optimizer.learningRate
    let expected = try losses(of: &dense, targets: problem.targets, iterations: Self.iterations)
    let last = Self.iterations
    #expect(expected.count == last + 1 && expected[last] < expected[0] / 2)
    for kind in EngineKind.allCases where kind != .dense {
      var engine = try problem.makeEngine(kind, learningRate: rate)
      let found = try losses(of: &engine, targets: problem.targets, iterations: Self.iterations)
      let differences = zip(found, expected).map { abs($0 - $1) / $1 }
      #expect(differences.count == last + 1 && differences.allSatisfy { $0 <= 1e-5 }, "\(kind) \(momentum)")
    }
  }
}
