import ArgumentParser
import FireTree

// Training with `--neurons inf`.

extension TrainCommand {
  /// Throws a usage error that names an option without meaning for the width, where it is not as by default.
  func checkOptions(for predictor: TrainingConfiguration.Predictor) throws {
    guard predictor == .limitKernel else {
      if tune != nil, training.optimizer != .gaussNewton {
        throw FireTreeError.usage(
          "--tune is for --optimizer gauss-newton and --neurons inf: descent is not tuned")
      }
      return
    }
    let unset = try TrainCommand.parse(["--", "data"])
    if let (name, _) = zip(optionsOfDescent, unset.optionsOfDescent).first(where: { $0 != $1 })?.0 {
      throw FireTreeError.usage(
        "--\(name) has no meaning with --neurons inf, which takes no steps and has no neurons")
    }
  }

  /// Options of networks alone, with their values as text. The seed is not among them: a script may give one to all trainings.
  private var optionsOfDescent: [(name: String, value: String)] {
    [
      ("engine", "\(engine)"), ("optimizer", "\(training.optimizer)"),
      ("iterations", "\(iterations as Int?)"), ("momentum", "\(momentum as Float?)"),
      ("momentum-kind", "\(training.momentumKind)"), ("learning-rate", "\(training.learningRate)"),
      ("target-loss", "\(targetLoss as Double?)"), ("adaptive", "\(adaptive as Bool?)"),
      ("no-keep-best", "\(keepBest)"), ("outputs", "\(training.outputs)"), ("initial", "\(training.initial)"),
      ("start", "\(training.start)"), ("weights", "\(training.weights)"), ("full-weights", "\(fullWeights)"),
      ("audit", "\(audit as Int?)"), ("log", "\(log as String?)"),
    ]
  }

  /// Reads the data and makes them ready, tuned where something is left to that.
  func prepare(
    _ configuration: TrainingConfiguration, _ progress: ProgressLine, _ phases: inout PhaseTimes
  ) throws -> TrainingProblem {
    let dataset = try progress.during("reading") {
      try phases.measure("reading") { try dataOptions.readTraining(data) }
    }
    let phase = configuration.needsTuning() ? "tuning" : "preprocessing"
    return try progress.during(phase) {
      try phases.measure(phase) {
        try TrainingProblem(dataset, configuration: configuration) { candidate, count in
          progress.begin("tuning: candidate \(candidate) of \(count)")
        }
      }
    }
  }

  /// Fits the limit kernel and writes the model.
  func trainLimit(_ configuration: TrainingConfiguration) throws {
    let progress = ProgressLine(iterations: 0)
    var phases = PhaseTimes()
    let problem = try prepare(configuration, progress, &phases)
    for note in problem.notes { Message.note(note) }
    Message.note(
      "fitting the limit kernel to \(problem.points.count) points of \(problem.points.dimension) inputs")
    let fit = try progress.during("fitting") { try phases.measure("fitting") { try LimitFit(problem) } }
    for note in fit.notes { Message.note(note) }
    try progress.during("writing") { try phases.measure("writing") { try fit.model.write(to: out) } }
    Message.note("times: \(Format.phases(phases))")
    Message.note("wrote \(out), which holds the \(problem.points.count) training points")
    try StandardOutput.write(
      "ridge \(Format.significant(fit.regression.ridge))  loss \(Format.significant(fit.regression.loss))  "
        + "\(Self.text(of: try fit.leaveOneOut()))\n")
  }

  private static func text(of evaluation: Evaluation) -> String {
    switch evaluation {
    case .classification: "leave-one-out accuracy \(Format.fraction(evaluation.accuracy ?? 0))"
    case .regression(let r2, let rmse):
      "leave-one-out R2 \(Format.fraction(r2))  RMSE \(Format.significant(rmse))"
    }
  }
}
