import FireTree
import Testing

/// Every value out of its range is a usage error that names the value.
@Suite struct ConfigurationTests {
  private let data = Dataset(
    source: "x", kind: .table, features: .dense(Matrix([[1, 2], [3, 4]])), target: .values([1, 2]))

  private func reason(_ configuration: TrainingConfiguration) -> String {
    do {
      _ = try TrainingProblem(data, configuration: configuration)
      return "accepted"
    } catch {
      #expect(error.kind == .usage)
      return error.reason
    }
  }

  @Test(arguments: [0, -1, Int.min, Int(Int32.max) + 1, Int.max]) func neurons(value: Int) {
    #expect(reason(.init(neurons: value)) == "neurons must be from 1 to 2147483647, not \(value)")
  }

  @Test func iterations() {
    #expect(reason(.init(iterations: -1)) == "iterations must be at least 0, not -1")
    #expect(reason(.init(iterations: 0)) == "accepted")
  }

  @Test(arguments: [0, -0.1, .nan, .infinity] as [Float]) func learningRates(value: Float) {
    #expect(
      reason(.init(learningRate: .value(value)))
        == "the learning rate must be a positive number, not \(value)")
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func thresholds(value: Float) {
    #expect(reason(.init(threshold: .value(value))) == "the threshold must be a finite number, not \(value)")
  }

  @Test(arguments: [0, 1, -0.5, 1.5, .nan, .infinity] as [Double]) func firingShares(value: Double) {
    #expect(
      reason(.init(threshold: .firingShare(value)))
        == "the firing share must be between 0 and 1, not \(value)")
  }

  @Test(arguments: [1, -0.1, .nan, .infinity] as [Float]) func momenta(value: Float) {
    for momentum in [UpdateRule.Momentum.nesterov(value), .heavyBall(value)] {
      #expect(reason(.init(momentum: momentum)) == "the momentum must be from 0 to below 1, not \(value)")
    }
  }

  @Test(arguments: [-1, .nan, -.infinity] as [Double]) func targetLosses(value: Double) {
    #expect(reason(.init(targetLoss: value)) == "the target loss must be at least 0, not \(value)")
  }

  /// The refusal names the bytes, and comes before anything of that size is made.
  @Test(arguments: EngineKind.allCases) func aWidthBeyondTheMemory(engine: EngineKind) throws {
    let problem = try TrainingProblem(data, configuration: .init(neurons: Int(Int32.max)))
    let error = #expect(throws: FireTreeError.self) { try problem.trainee(engine) }
    let needed = try problem.memory(of: engine).most
    #expect(error?.kind == .usage && needed > ByteCount(100_000_000_000))
    #expect(
      error?.reason.hasPrefix(
        "the engine \(engine.rawValue) with 2147483647 neurons needs \(needed) of memory")
        == true)
  }
}
