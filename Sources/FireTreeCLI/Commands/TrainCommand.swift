import ArgumentParser
import FireTree

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a network on a data file and write the model.")

  @Argument(help: "Data file: CSV, LIBSVM, IDX or NPY, plain or gzipped.") var data: String
  @Option(help: ArgumentHelp("Where the model is written.", valueName: "file")) var out: String =
    "model.safetensors"
  @Option(help: "What computes the steps; all give the same answer. auto takes the fastest that fits.")
  var engine: Automatic<EngineKind> = .automatic
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The most steps; by default 60 of gradient descent, 30 of gauss-newton.", valueName: "n"))
  var iterations: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Momentum of gradient descent, by default 0.9; 0 for none.", valueName: "mu"))
  var momentum: Float?
  @Option(parsing: .unconditional, help: ArgumentHelp("Stop early at this loss.", valueName: "loss"))
  var targetLoss: Double?
  @Option(help: ArgumentHelp("Write one JSON line a step to this file.", valueName: "file"))
  var log: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Compare all pairs with a dense forward pass every n steps.", valueName: "n"))
  var audit: Int?
  @Flag(help: "Write seeded weights as a matrix into the model.") var fullWeights = false
  @Flag(
    inversion: .prefixedNo,
    help:
      "Go back to the lowest loss of those that were kept, every ten steps or more, when the last one is higher."
  ) var keepBest = true
  @Flag(
    inversion: .prefixedNo,
    help:
      "Drop the momentum when the loss rises, halve the rate when it rises far; by default with the automatic rate."
  ) var adaptive: Bool?
  @Option(
    help:
      "By which error gauss-newton and --neurons inf choose what is left to them: leaving one point out, the default, or holding a quarter out."
  ) var tune: LimitTuning.Method?
  @OptionGroup(title: "Data") var dataOptions: DataOptions
  @OptionGroup(title: "Training") var training: TrainingOptions

  func run() throws {
    var configuration = try training.resolved(
      engine: engine.choice, iterations: iterations, momentum: momentum, targetLoss: targetLoss,
      allowsInfiniteWidth: true)
    try checkOptions(for: configuration.predictor)
    if let tune { configuration.tuning = tune }
    configuration.keepsBest = keepBest
    configuration.adapts = adaptive
    if adaptive != nil, configuration.optimizer == .gaussNewton {
      throw FireTreeError.usage(
        "--adaptive has no meaning with --optimizer gauss-newton, whose steps have no rate")
    }
    let auditor = try audit.map { try Self.auditor(every: $0) }
    try OutputPaths.check(outputs: [out, log], inputs: [data, dataOptions.labels])
    try AtomicFile.requireWritable(out)
    guard configuration.predictor == .network else { return try trainLimit(configuration) }
    let stepLog = try log.map { try StepLog(path: $0) }
    let progress = ProgressLine(iterations: configuration.iterations)
    var setUp = PhaseTimes()
    let problem = try prepare(configuration, progress, &setUp)
    for note in problem.notes { Message.note(note) }
    let session = try progress.during("set-up") { try TrainingSession(problem) { progress.begin($0) } }
    for note in session.notes { Message.note(note) }
    for (phase, seconds) in session.setUp.seconds { setUp.add(seconds, to: phase) }
    Message.note("set-up: \(Format.phases(setUp))")
    stepLog?.setUp = setUp
    Message.note(
      "training \(problem.configuration.neurons) neurons on \(problem.points.count) points of "
        + "\(problem.points.dimension) inputs, engine \(session.kind.rawValue), \(Self.method(of: session))"
    )
    if session.record.firingPairs == 0 {
      Message.note("no neuron fires on any point, so nothing can be learned: lower the threshold")
    }
    Interrupt.catchOnce()
    var observers: [any TrainingObserver] = [progress]
    if let stepLog { observers.append(stepLog) }
    if let auditor { observers.append(auditor) }
    let notes = session.notes.count
    let result = Result { try session.run(observers: observers) }
    progress.finish()
    let (reason, last) = (try result.get(), session.record)
    for note in session.notes[notes...] { Message.note(note) }
    var end = PhaseTimes()
    let heldPoints = try progress.during("writing") {
      try end.measure("writing") {
        let model = session.finish()
        try model.write(to: out, fullWeights: fullWeights)
        return fullWeights ? 0 : model.heldPoints
      }
    }
    if heldPoints > 0 {
      Message.note(
        "the model holds the \(heldPoints) training points; --full-weights writes the weights themselves")
    }
    stepLog?.finish(end)
    if let total = auditor?.total {
      Message.note("audit: \(total.compared) pairs compared, \(total.firing) fire, none missed")
    }
    Message.note("stopped by \(reason == .observer ? Interrupt.name : reason.rawValue); wrote \(out)")
    try StandardOutput.write(
      "iterations \(last.iteration)  loss \(Format.significant(last.loss))  "
        + "firing share \(Format.percent(last.firingShare))\n")
    if reason == .observer {
      try StandardOutput.flush()
      throw ExitCode(Interrupt.exitCode)
    }
    if stepLog?.hasFailed == true { throw ExitCode(ExitCodes.failure) }
  }

  /// `learning rate 2.5`, or `gauss-newton`.
  private static func method(of session: TrainingSession) -> String {
    session.problem.configuration.optimizer == .gaussNewton
      ? "gauss-newton" : "learning rate \(session.rule.rate)"
  }

  private static func auditor(every interval: Int) throws -> AuditObserver {
    guard interval >= 1 else {
      throw FireTreeError.usage("the audit interval must be at least 1, not \(interval)")
    }
    return AuditObserver(every: interval)
  }
}
