import ArgumentParser
import FireTree

struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Predict memory and time of every engine, before anything is allocated.",
    discussion: """
      Says what training on a data file would take, for any width, and which engine auto takes. Times come from a \
      short measurement of this machine, for small problems from a standard machine. Preprocessing is what an engine \
      needs besides its steps; total is the automatic rate, preprocessing, all iterations, and writing the model. Reading \
      and calibration, which plan does too, are measured and said beside.
      """)

  @Argument(help: "Data file with a target.") var data: String
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The most steps; by default 60 of gradient descent, 30 of gauss-newton.", valueName: "n"))
  var iterations: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Momentum of gradient descent, by default 0.9; 0 for none.", valueName: "mu"))
  var momentum: Float?
  @Flag(help: "Print one JSON line an engine.") var json = false
  @OptionGroup(title: "Data") var dataOptions: DataOptions
  @OptionGroup(title: "Training") var training: TrainingOptions

  struct Line: Encodable {
    var engine: String
    var auto: Bool
    var fits: Bool
    var note: String
    var memory_bytes: Int
    var rate_seconds, preprocess_seconds, step_seconds, write_seconds, total_seconds: Double
    var iterations: Int
    var points, dimension, neurons, outputs: Int
    var threshold: Float
    var firing_share: Double
    var threads: Int
  }

  func run() throws {
    let configuration = try training.resolved(engine: .automatic, iterations: iterations, momentum: momentum)
    var setUp = PhaseTimes()
    let problem = try setUp.measure("reading") {
      try TrainingProblem(dataOptions.readTraining(data), configuration: configuration)
    }
    for note in problem.notes { Message.note(note) }
    let plan = setUp.measure("calibration") { problem.plan() }
    Message.note("set-up: \(Format.phases(setUp))")
    if json {
      for candidate in plan.candidates {
        try StandardOutput.write(JSONLines.line(Self.line(candidate, plan, problem)))
      }
    } else {
      try StandardOutput.write(Self.table(plan) + "\n" + plan.reason + "\n")
    }
  }

  private static func table(_ plan: EnginePlan) -> String {
    let rows = plan.candidates.map { candidate in
      [
        candidate.kind.rawValue, size(candidate.memory), Format.seconds(candidate.setUp.rate),
        Format.seconds(candidate.cost.preprocessing), Format.seconds(candidate.cost.step),
        Format.seconds(candidate.setUp.writing), Format.seconds(candidate.total(iterations: plan.iterations)),
        note(candidate, plan),
      ]
    }
    return Format.table(
      [["engine", "memory", "rate", "preprocess", "step", "writing", "total", "note"]] + rows)
  }

  private static func note(_ candidate: EnginePlan.Candidate, _ plan: EnginePlan) -> String {
    switch candidate.verdict {
    case .fits: candidate.kind == plan.choice ? "auto takes it" : "fits"
    case .needsMoreMemory: "more than the \(size(plan.availableMemory)) available"
    case .limited(let limitation): limitation
    }
  }

  /// `3.14 GB`.
  private static func size(_ memory: ByteCount) -> String {
    memory.description.split(separator: " (")[0].description
  }

  private static func line(
    _ candidate: EnginePlan.Candidate, _ plan: EnginePlan, _ problem: TrainingProblem
  ) -> Line {
    Line(
      engine: candidate.kind.rawValue, auto: candidate.kind == plan.choice, fits: candidate.verdict == .fits,
      note: note(candidate, plan), memory_bytes: candidate.memory.bytes,
      rate_seconds: candidate.setUp.rate, preprocess_seconds: candidate.cost.preprocessing,
      step_seconds: candidate.cost.step, write_seconds: candidate.setUp.writing,
      total_seconds: candidate.total(iterations: plan.iterations), iterations: plan.iterations,
      points: problem.points.count, dimension: problem.points.dimension,
      neurons: problem.configuration.neurons, outputs: problem.outputs, threshold: problem.threshold,
      firing_share: plan.firingShare, threads: problem.configuration.workers.threads)
  }
}
