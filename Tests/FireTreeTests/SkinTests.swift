import FireTree
import Foundation
import TestSupport
import Testing

/// Skins in whole trainings, by what was counted: candidates whose ceilings were compared, neurons that were anchored.
@Suite struct SkinTests {
  /// Skins that the model chooses cost at most half more than the best fixed one that makes no more candidates: wider
  /// skins than the model allows are cheaper still, but lists are kept to about four times the firing points.
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
    let chosen = price(problem, rule, skin: nil)
    let fixed = (0..<6).map {
      price(problem, rule, skin: 0.12 * (0..<$0).reduce(1) { x, _ in 1.6 * x })
    }
    let best = fixed.filter { $0.candidates <= chosen.candidates }.map(\.cost).min() ?? 0
    #expect(best > 0 && chosen.cost <= 1.5 * best, "\(chosen) against \(fixed)")
    // The grid reaches from too narrow to too wide.
    #expect(fixed[0].cost > 1.5 * best && fixed[5].candidates > chosen.candidates, "\(fixed)")
  }

  /// The default number of steps: what they cost by the model's prices, in nanoseconds, and the most candidates held.
  private func price(
    _ problem: TrainingProblem, _ rule: UpdateRule, skin: Float?
  ) -> (cost: Double, candidates: Int) {
    let model = SkinModel(points: problem.points, threshold: problem.threshold)
    var engine = Trainee.gram(problem.initialNetwork(), problem.points, rule, fixedSkin: skin)
    var (cost, most) = (0.0, 0)
    for _ in 0..<60 {
      let anchored = engine.step(towards: problem.targets).counts[.neuronsAnchored]
      let candidates = (engine.engine as? GramEngine)?.candidateCount ?? 0
      cost += Double(candidates) * Double(model.candidateCost)
      cost += Double(anchored) * Double(model.anchorCost)
      most = max(most, candidates)
    }
    return (cost, most)
  }
}
