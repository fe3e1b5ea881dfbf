import FireTree
import TestSupport
import Testing

/// What a training says of itself at its end.
@Suite struct TrainingWarningsTests {
  private func notes(
    targets: (Int) -> Float = { Float($0 % 5) - 2 }, isolated: Bool = false,
    _ change: (inout TrainingConfiguration) -> Void
  ) throws -> [String] {
    var random = SeededGenerator(seed: 3)
    let x = random.unitRows(60, columns: 6)
    let y = Matrix((0..<60).map { [targets($0)] })
    var configuration = TrainingConfiguration(
      neurons: 400, engine: .value(.dense), threshold: .value(0.7), learningRate: .value(0.05),
      momentum: .none, iterations: 40)
    change(&configuration)
    let problem = try TrainingProblem(
      points: .dense(x), truth: Supervision(targets: y), configuration: configuration)
    let session = try TrainingSession(problem)
    try session.run()
    return problem.notes + session.notes
  }

  @Test func aLossThatStillFalls() throws {
    let found = try notes { _ in }.filter { $0.hasPrefix("the loss still falls, by ") }
    #expect(found.count == 1 && found[0].hasSuffix("try --iterations 400, or --optimizer gauss-newton"))
    // Not where it was stopped for another reason, or has fallen to next to nothing.
    #expect(try !notes { $0.targetLoss = 1e9 }.contains { $0.hasPrefix("the loss still falls") })
    #expect(try !notes { $0.optimizer = .gaussNewton }.contains { $0.hasPrefix("the loss still falls") })
  }

  @Test func aConstant() throws {
    let found = try notes { $0.learningRate = .value(1e-6) }
    #expect(found.contains { $0.contains(" is no better than that of a constant, ") })
    #expect(!found.contains { $0.hasPrefix("the loss still falls") })
    #expect(try !notes { _ in }.contains { $0.contains("no better than that of a constant") })
  }

  @Test func nothingToLearn() throws {
    let found = try notes(targets: { _ in 1.5 }) { _ in }
    #expect(found.contains { $0.hasPrefix("all points have the same target") })
    #expect(!found.contains { $0.hasPrefix("the loss still falls") })
    #expect(try !notes { _ in }.contains { $0.hasPrefix("all points have the same target") })
  }

  @Test func aFiringShareThatCollapses() {
    var record = TrainingRecord(iteration: 20, loss: 3, firingPairs: 5, firingShare: 0.001)
    func lines() -> [String] {
      TrainingWarnings().lines(
        for: record, reason: .iterations, share: 0.05, constant: 10, optimizer: .automatic)
    }
    #expect(lines().count == 1 && lines()[0].hasPrefix("the firing share has collapsed from 0.05 to 0.001: "))
    record.firingShare = 0.006
    #expect(lines().isEmpty)
    (record.firingPairs, record.firingShare) = (0, 0)
    #expect(lines().count == 1 && lines()[0].hasPrefix("no neuron fires on any point any more"))
    record.iteration = 0
    #expect(lines().isEmpty)
  }
}
