import ArgumentParser
import FireTree

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Train with an engine and with dense side by side and compare every loss and every pair.",
    discussion: """
      After every step the engine is compared with a dense forward pass over its own weights: all m n pairs, and the \
      loss. A pair within rounding of the threshold may fall on either side and is counted as a tie; after a tie the \
      two trainings may drift apart, which the loss difference shows. Exit code 1 when a pair is missed or extra, or \
      when the loss is off by more than the tolerance beyond what rounding of the outputs explains.
      """)

  @Argument(help: "Data file with a target.") var data: String
  @Option(help: "The engine to verify; by default every engine but dense.") var engine: EngineKind?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Steps of full-batch gradient descent.", valueName: "n"))
  var iterations: Int = 50
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Momentum; 0 for plain gradient descent.", valueName: "mu"))
  var momentum: Float = 0.9
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Largest relative error of the loss that passes.", valueName: "x"))
  var tolerance: Double = 1e-5
  @OptionGroup(title: "Data") var dataOptions: DataOptions
  @OptionGroup(title: "Training") var training: TrainingOptions

  func run() throws {
    guard tolerance >= 0 else {
      throw FireTreeError.usage("the tolerance must be at least 0, not \(tolerance)")
    }
    let configuration = try training.resolved(
      engine: .value(.dense), iterations: iterations, momentum: momentum)
    let problem = try TrainingProblem(dataOptions.readTraining(data), configuration: configuration)
    for note in problem.notes { Message.note(note) }
    let engines = engine.map { [$0] } ?? EngineKind.allCases.filter { $0 != .dense }
    let failures = try engines.filter { try !verify($0, problem) }
    guard failures.isEmpty else {
      throw FireTreeError.failure("not verified: \(failures.map(\.rawValue).joined(separator: ", "))")
    }
  }

  /// Prints the report of one engine; true when it passed.
  private func verify(_ kind: EngineKind, _ problem: TrainingProblem) throws -> Bool {
    var dense = try problem.makeEngine(.dense)
    var engine = try problem.makeEngine(kind, learningRate: dense.optimizer.learningRate)
    let isShown = Message.isTerminal
    let result = try Verification.run(
      &engine, against: &dense, targets: problem.targets, iterations: iterations,
      workers: problem.configuration.workers
    ) { state in
      if isShown { Message.write("\r\u{1B}[K\(kind.rawValue)  iteration \(state.iterations)/\(iterations)") }
    }
    if isShown { Message.write("\r\u{1B}[K") }
    let audit = result.audit
    let passed = audit.missed == 0 && audit.extra == 0 && result.lossErrorBeyondRounding <= tolerance
    try StandardOutput.write(
      """
      engine \(kind.rawValue): \(passed ? "verified" : "FAILED")
        iterations                \(result.iterations)
        largest loss error        \(Format.significant(result.lossError)) (relative, dense pass over the same weights)
        beyond rounding           \(Format.significant(result.lossErrorBeyondRounding)) (what rounding of the outputs does not explain)
        largest loss difference   \(Format.significant(result.lossDifference)) (relative, dense training side by side)
        pairs compared            \(audit.compared)
        pairs that fire           \(audit.firing)
        pairs missed              \(audit.missed)
        pairs extra               \(audit.extra)
        ties within rounding      \(audit.ties)

      """)
    return passed
  }
}
