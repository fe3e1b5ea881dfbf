import FireTree
import Foundation
import TestSupport
import Testing

/// The contract of design: every engine's losses are those of dense training.
@Suite struct TrajectoryTests {
  @Test(arguments: [GradientDescent.Momentum.none, .nesterov(0.9)])
  func lossesOfTheTreesAreThoseOfDense(momentum: GradientDescent.Momentum) throws {
    let examples = URL(fileURLWithPath: #filePath).appending(path: "../../../Examples/data").standardized
    let digits = try Dataset(
      contentsOf: examples.appending(path: "t10k-images-idx3-ubyte.gz").path,
      options: DatasetOptions(
        labels: examples.appending(path: "t10k-labels-idx1-ubyte.gz").path, points: 1000))
    let problem = try TrainingProblem(
      digits, configuration: TrainingConfiguration(neurons: 2000, momentum: momentum, iterations: 100))
    var dense = try problem.makeEngine(.dense)
    let rate = dense.optimizer.learningRate
    let expected = try losses(of: &dense, targets: problem.targets, iterations: 100)
    #expect(expected.count == 101 && expected[100] < expected[0] / 10)
    for kind in EngineKind.allCases where kind != .dense {
      var engine = try problem.makeEngine(kind, learningRate: rate)
      let found = try losses(of: &engine, targets: problem.targets, iterations: 100)
      let differences = zip(found, expected).map { abs($0 - $1) / $1 }
      #expect(differences.count == 101 && differences.allSatisfy { $0 <= 1e-5 }, "\(kind) \(momentum)")
    }
  }
}
