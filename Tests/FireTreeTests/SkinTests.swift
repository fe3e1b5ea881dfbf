import FireTree
import Foundation
import TestSupport
import Testing

/// Skins in whole trainings, by what was counted: candidates whose ceilings were compared, neurons that were anchored.
@Suite struct SkinTests {
  /// Skins that the engine chooses take at most half more work than the best fixed one that makes no more candidates: wider
  /// skins than the engine allows need less, but lists are kept to about four times the firing points.
  @Test(arguments: [UpdateRule.Momentum.none, .nesterov(0.9)], [1000, 4000])
  func chosenSkinsAreNearTheBestFixedOne(momentum: UpdateRule.Momentum, neurons: Int) throws {
    let examples = URL(fileURLWithPath: #filePath).appending(path: "../../../Examples/data").standardized
    let digits = try Dataset(
      contentsOf: examples.appending(path: "t10k-images-idx3-ubyte.gz").path,
      options: DatasetOptions(
        labels: examples.appending(path: "t10k-labels-idx1-ubyte.gz").path, points: 300))
    let problem = try TrainingProblem(
      digits, configuration: TrainingConfiguration(neurons: neurons, momentum: momentum))
    let rule = try problem.trainee(.gram).rule
    let chosen = work(problem, rule, skin: nil)
    let fixed = (0..<6).map { work(problem, rule, skin: 0.12 * (0..<$0).reduce(1) { x, _ in 1.6 * x }) }
    let best = fixed.filter { $0.candidates <= chosen.candidates }.map(\.operations).min() ?? 0
    #expect(best > 0 && chosen.operations <= 1.5 * best, "\(chosen) against \(fixed)")
    // Narrower lists would pass for the best of the narrow ones.
    #expect(chosen.candidates > 2 * chosen.firing && chosen.candidates < 6 * chosen.firing, "\(chosen)")
    // The grid reaches from too narrow to too wide.
    #expect(fixed[0].operations > 1.5 * best && fixed[5].candidates > chosen.candidates, "\(fixed)")
  }

  /// What the default number of steps was counted to do: n d multiply-adds for each neuron that is anchored, and a comparison
  /// for each candidate of a step. And the most candidates held, and the most pairs that fired.
  private func work(
    _ problem: TrainingProblem, _ rule: UpdateRule, skin: Float?
  ) -> (operations: Double, candidates: Int, firing: Int) {
    var engine = Trainee.gram(
      Memory.demand(try problem.initialNetwork()), problem.points, rule, fixedSkin: skin)
    var (operations, most, firing) = (0.0, 0, 0)
    for _ in 0..<60 {
      let anchored = engine.step(towards: problem.targets).counts[.neuronsAnchored]
      let candidates = (engine.engine as? GramEngine)?.candidateCount ?? 0
      operations += Double(anchored * problem.points.storedElements + candidates)
      most = max(most, candidates)
      firing = max(firing, engine.firingPairs)
    }
    return (operations, most, firing)
  }
}
