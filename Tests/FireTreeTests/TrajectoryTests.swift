import FireTree
import Foundation
import TestSupport
import Testing

/// The contract of exactness: losses are those of dense training, until a pair comes within rounding of the threshold.
@Suite struct TrajectoryTests {
  // Unoptimised builds, which check assertions, compare at a size that they can manage.
  #if DEBUG
    private static let (points, neurons, iterations) = (200, 200, 20)
  #else
    private static let (points, neurons, iterations) = (500, 1000, 100)
  #endif

  /// After a parting both go on from the engine's network: without momentum the dense training is made anew, with momentum
  /// both are, from rest. So nearly every step is judged.
  @Test(
    arguments: [EngineKind.dataTree, .weightTree, .gram, .weights, .kinetic],
    [UpdateRule.Momentum.none, .nesterov(0.9)])
  func lossesAreThoseOfDense(kind: EngineKind, momentum: UpdateRule.Momentum) throws {
    let examples = URL(fileURLWithPath: #filePath).appending(path: "../../../Examples/data").standardized
    let digits = try Dataset(
      contentsOf: examples.appending(path: "t10k-images-idx3-ubyte.gz").path,
      options: DatasetOptions(
        labels: examples.appending(path: "t10k-labels-idx1-ubyte.gz").path, points: Self.points))
    let problem = try TrainingProblem(
      digits, configuration: TrainingConfiguration(neurons: Self.neurons, momentum: momentum))
    var dense = try problem.trainee(.dense)
    let rate = dense.rule.rate
    var engine = try problem.trainee(kind, rate: rate)
    let first = dense.loss(problem.targets)
    let run = Companions(
      &engine, beside: &dense, targets: problem.targets, steps: Self.iterations,
      reuniting: { engine, dense in
        let network = engine.network
        dense = EngineKind.dense.make(network, problem.points, rate: rate, momentum: momentum)
        if momentum != .none {
          engine = kind.make(network, problem.points, rate: rate, momentum: momentum)
        }
      })
    #expect(engine.loss(problem.targets) < first / 2)
    #expect(run.together >= Self.iterations / 2 && run.largestDifference <= 1e-5, "\(run)")
    #expect(run.partings.allSatisfy { $0.isTie() && $0.excess <= 1e-5 }, "\(run)")
  }
}
