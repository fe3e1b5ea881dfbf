import ArgumentParser
import FireTree
import Foundation

struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark",
    abstract: "Time the steps of engines on a data file.",
    discussion: """
      Every engine starts from the same network and takes the same steps of plain gradient descent, or of Gauss-Newton, one \
      engine after the other. Preprocessing time is what an engine needs from a network in memory to its first outputs. At the end \
      it says which engine auto takes for so many steps, and how its time compares with the fastest and with dense.
      """)

  @Argument(help: "Data file with a target.") var data: String
  @Option(
    help: ArgumentHelp(
      "Engines, separated by commas, auto among them; by default all.", valueName: "engines"),
    transform: BenchmarkCommand.engines)
  var engines: [Automatic<EngineKind>] = EngineKind.allCases.map { .value($0) }
  @Option(parsing: .unconditional, help: ArgumentHelp("Steps to time.", valueName: "n"))
  var steps: Int = 10
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Momentum of gradient descent, by default 0.", valueName: "mu"))
  var momentum: Float?
  @Flag(help: "Print one JSON line an engine.") var json = false
  @OptionGroup(title: "Data") var dataOptions: DataOptions
  @OptionGroup(title: "Training") var training: TrainingOptions

  struct Line: Encodable {
    var engine: String
    var auto: Bool
    var points, dimension, neurons, outputs: Int
    var threshold: Float
    // Those of gradient descent.
    var learning_rate, momentum: Float?
    var threads: Int
    var preprocess_seconds: Double
    var step_seconds_median: Double
    var predicted_preprocess_seconds, predicted_step_seconds: Double
    var step_seconds: [Double]
    var phase_seconds_median: [String: Double]
    var peak_bytes: Int
    var loss: Double
    var losses: [Double]
    var firing_share: Double
    var firing_pairs, neurons_moved: Double
    var counters: [String: Double]
  }

  private static func engines(_ text: String) throws -> [Automatic<EngineKind>] {
    try text.split(separator: ",").map { name in
      guard let engine = Automatic<EngineKind>(argument: String(name)) else {
        let all = Automatic<EngineKind>.allValueStrings.joined(separator: ", ")
        throw ValidationError("There is no engine '\(name)'; the engines are \(all).")
      }
      return engine
    }
  }

  func run() throws {
    guard steps >= 1 else { throw FireTreeError.usage("the steps must be at least 1, not \(steps)") }
    guard !engines.isEmpty else { throw FireTreeError.usage("there is no engine to benchmark") }
    var configuration = try training.resolved(
      engine: .automatic, iterations: steps, momentum: momentum, defaultMomentum: 0)
    configuration.keepsBest = false
    let problem = try TrainingProblem(dataOptions.readTraining(data), configuration: configuration)
    for note in problem.notes { Message.note(note) }
    let plan = problem.plan()
    let kinds = try chosenKinds(plan)
    for kind in kinds { try problem.requireFit(of: kind) }
    // One rule for all, before any engine is made.
    let rule =
      problem.configuration.optimizer == .gaussNewton
      ? nil : try problem.rule(for: try problem.initialNetwork())
    var times: [(kind: EngineKind, seconds: Double)] = []
    if !json { try StandardOutput.write(Self.header) }
    for kind in kinds {
      let line = try Self.measure(kind, problem, plan, rule)
      try StandardOutput.write(json ? JSONLines.line(line) : Self.row(line))
      try StandardOutput.flush()
      times.append((kind, line.preprocess_seconds + Double(steps) * line.step_seconds_median))
    }
    guard let regret = Self.regret(of: plan, times) else { return }
    if json { Message.note(regret) } else { try StandardOutput.write(regret + "\n") }
  }

  /// The engines to time, each once; `auto` stands for the one that the plan takes.
  private func chosenKinds(_ plan: EnginePlan) throws -> [EngineKind] {
    var kinds: [EngineKind] = []
    for engine in engines {
      let kind =
        switch engine {
        case .automatic: try plan.requireChoice()
        case .value(let kind): kind
        }
      if !kinds.contains(kind) { kinds.append(kind) }
    }
    return kinds
  }

  /// What auto takes, and its measured time against the fastest and against dense.
  private static func regret(
    of plan: EnginePlan, _ times: [(kind: EngineKind, seconds: Double)]
  ) -> String? {
    guard let choice = plan.choice, let fastest = times.min(by: { $0.seconds < $1.seconds }) else {
      return nil
    }
    guard let own = times.first(where: { $0.kind == choice })?.seconds else {
      return "auto takes \(choice.rawValue), which was not timed"
    }
    var text = "auto takes \(choice.rawValue): \(compared(own, fastest.seconds, with: fastest.kind.rawValue))"
    if fastest.kind == choice { text = "auto takes \(choice.rawValue), the fastest" }
    if let dense = times.first(where: { $0.kind == .dense })?.seconds, choice != .dense,
      fastest.kind != .dense
    {
      text += ", \(compared(own, dense, with: "dense"))"
    }
    return text + " (preprocessing and \(plan.iterations) steps)"
  }

  /// `2.03 times faster than dense`, or slower.
  private static func compared(_ own: Double, _ other: Double, with name: String) -> String {
    let ratio = max(other, 1e-9) / max(own, 1e-9)
    return String(format: "%.2f", max(ratio, 1 / ratio))
      + " times \(ratio >= 1 ? "faster" : "slower") than \(name)"
  }

  /// Runs one engine.
  private static func measure(
    _ kind: EngineKind, _ problem: TrainingProblem, _ plan: EnginePlan, _ rule: UpdateRule?
  ) throws -> Line {
    PeakMemory.reset()
    let session = try TrainingSession(problem, engine: kind, rule: rule)
    let history = BenchmarkHistory()
    try session.run(observers: [history])
    let (last, configuration) = (session.record, problem.configuration)
    return Line(
      engine: kind.rawValue, auto: kind == plan.choice, points: problem.points.count,
      dimension: problem.points.dimension, neurons: configuration.neurons, outputs: problem.outputs,
      threshold: problem.threshold, learning_rate: rule?.rate, momentum: rule?.momentum.coefficient,
      threads: configuration.workers.threads, preprocess_seconds: session.preparation["engine"],
      step_seconds_median: history.seconds.median,
      predicted_preprocess_seconds: plan[kind].cost.preprocessing,
      predicted_step_seconds: plan[kind].cost.step, step_seconds: history.seconds,
      phase_seconds_median: history.phases.mapValues(\.median), peak_bytes: PeakMemory.bytes, loss: last.loss,
      losses: history.losses, firing_share: last.firingShare, firing_pairs: history.firingPairs.median,
      neurons_moved: history.neuronsMoved.median, counters: history.counters.mapValues(\.median))
  }

  private static let header = Format.table([columns]).self
  private static let columns = [
    "engine      ", "preprocess", "step (median)", "peak memory", "firing share", "neurons moved",
    "        loss",
  ]

  private static func row(_ line: Line) -> String {
    let values = [
      line.engine, Format.seconds(line.preprocess_seconds), Format.seconds(line.step_seconds_median),
      "\(line.peak_bytes / 1_000_000) MB", Format.percent(line.firing_share), "\(Int(line.neurons_moved))",
      Format.significant(line.loss),
    ]
    return Format.table([columns, values]).split(separator: "\n").last.map { "\($0)\n" } ?? ""
  }
}

/// What a benchmark keeps of every step.
private final class BenchmarkHistory: TrainingObserver {
  var losses: [Double] = []
  var seconds: [Double] = []
  var firingPairs: [Double] = []
  var neuronsMoved: [Double] = []
  var phases: [String: [Double]] = [:]
  var counters: [String: [Double]] = [:]

  func observe(_ record: TrainingRecord, session: TrainingSession) {
    losses.append(record.loss)
    guard let step = record.step, let time = record.seconds else { return }
    seconds.append(time)
    firingPairs.append(Double(step.firingPairs))
    neuronsMoved.append(Double(step.neuronsMoved))
    for (phase, time) in step.phases.seconds { phases[phase, default: []].append(time) }
    for (name, count) in step.counts.byName { counters[name, default: []].append(Double(count)) }
  }
}
