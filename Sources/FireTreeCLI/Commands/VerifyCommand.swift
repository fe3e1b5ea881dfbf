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

      One row an engine. loss error: the largest, relative to a dense pass over the same weights. beyond rounding: what \
      rounding of the outputs does not explain of it. loss difference: the largest, relative to dense training beside it.
      """)

  @Argument(help: "Data file with a target.") var data: String
  @Option(help: "The engine to verify; by default every engine but dense.") var engine: EngineKind?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The most steps; by default 50 of gradient descent, 30 of gauss-newton.", valueName: "n"))
  var iterations: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Momentum of gradient descent, by default 0.9; 0 for none.", valueName: "mu"))
  var momentum: Float?
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
      engine: .value(.dense), iterations: iterations ?? (training.optimizer == .gaussNewton ? 30 : 50),
      momentum: momentum)
    let problem = try TrainingProblem(dataOptions.readTraining(data), configuration: configuration)
    Interrupt.catchOnce()
    for note in problem.notes { Message.note(note) }
    let engines = engine.map { [$0] } ?? EngineKind.allCases.filter { $0 != .dense }
    let failures = try engines.filter { try !verify($0, problem, isFirst: $0 == engines.first) }
    guard failures.isEmpty else {
      throw FireTreeError.failure("not verified: \(failures.map(\.rawValue).joined(separator: ", "))")
    }
  }

  /// Column heads, as wide as the columns.
  private static let columns = [
    "            engine", " verdict", "steps", " loss error", "beyond rounding", "loss difference",
    "pairs compared", "       fire", "missed", "extra", "    ties",
  ]

  /// Prints the row of one engine, the first below a head; true when it passed.
  private func verify(_ kind: EngineKind, _ problem: TrainingProblem, isFirst: Bool) throws -> Bool {
    let progress = VerificationProgress(kind, iterations: problem.configuration.iterations)
    let result = try Verification.run(problem, engine: kind) { try progress.show($0) }
    progress.clear()
    let (audit, passed) = (result.audit, result.passes(tolerance: tolerance))
    let row = [
      kind.rawValue, passed ? "verified" : "FAILED", "\(result.iterations)",
      Format.significant(result.lossError), Format.significant(result.lossErrorBeyondRounding),
      Format.significant(result.lossDifference), "\(audit.compared)", "\(audit.firing)", "\(audit.missed)",
      "\(audit.extra)", "\(audit.ties)",
    ]
    let lines = Format.table([Self.columns, row]).split(separator: "\n")
    for line in lines.dropFirst(isFirst ? 0 : 1) { try StandardOutput.write("\(line)\n") }
    try StandardOutput.flush()
    return passed
  }
}

/// What of a verification is shown while it runs: one line on a terminal that is rewritten, a line a minute elsewhere.
private final class VerificationProgress {
  private let kind: EngineKind
  private let iterations: Int
  private let clock = ContinuousClock()
  private var shown: ContinuousClock.Instant

  init(_ kind: EngineKind, iterations: Int) {
    (self.kind, self.iterations) = (kind, iterations)
    shown = clock.now
  }

  func show(_ state: Verification) throws {
    guard !Interrupt.isRequested else { throw ExitCode(Interrupt.exitCode) }
    let text = "\(kind.rawValue)  iteration \(state.iterations)/\(iterations)"
    if Message.isTerminal {
      Message.write("\r\u{1B}[K\(text)")
    } else if clock.now - shown >= .seconds(60) {
      shown = clock.now
      Message.note(text)
    }
  }

  func clear() { if Message.isTerminal { Message.write("\r\u{1B}[K") } }
}
