import FireTree
import Foundation
import TestSupport
import Testing

/// The contract of exactness: losses are those of dense training, until a pair comes within rounding of the threshold.
///
/// Where the processor's matrix products have the same bits in every position, those of the trees are dense's own to the
/// end.
@Suite struct TrajectoryTests {
  // Unoptimised builds, which check assertions, compare at a size that they can manage.
  #if DEBUG
    private static let (points, neurons, iterations) = (200, 200, 20)
  #else
    private static let (points, neurons, iterations) = (1000, 2000, 100)
  #endif

  @Test(arguments: [UpdateRule.Momentum.none, .nesterov(0.9)])
  func lossesOfTheTreesAreThoseOfDense(momentum: UpdateRule.Momentum) throws {
    let examples = URL(fileURLWithPath: #filePath).appending(path: "../../../Examples/data").standardized
    let digits = try Dataset(
      contentsOf: examples.appending(path: "t10k-images-idx3-ubyte.gz").path,
      options: DatasetOptions(
        labels: examples.appending(path: "t10k-labels-idx1-ubyte.gz").path, points: Self.points))
    let problem = try TrainingProblem(
      digits, configuration: TrainingConfiguration(neurons: Self.neurons, momentum: momentum))
    let dense = try problem.trainee(.dense)
    let rate = dense.rule.rate
    for kind in [EngineKind.dataTree, .weightTree] {
      var (engine, other) = (try problem.trainee(kind, rate: rate), dense)
      let first = dense.loss(problem.targets)
      let run = Companions(
        &engine, beside: &other, targets: problem.targets, threshold: problem.threshold,
        steps: Self.iterations)
      let last = other.loss(problem.targets)
      #expect(last < first / 2)
      #expect(run.together >= 5 && run.largestDifference <= 1e-5, "\(kind) \(momentum) \(run)")
      #expect(run.ties.allSatisfy { abs($0) <= 1e-5 }, "\(kind) \(momentum) \(run)")
      #expect(run.largestDifferenceOfAll <= 1e-3, "\(kind) \(momentum) \(run)")
    }
  }
}
