extension Verification {
  /// Trains `problem` with `kind` and with the dense engine side by side, for the configured iterations, and compares every
  /// state. The training that is verified is the one that `TrainingSession.run` does, but that both take the decisions of the dense
  /// one about a loss that rises (`StepControl`), and go back to the start where `run` may go back to a mark.
  ///
  /// `progress` is called after the comparison of each iteration. Throws a failure when a loss is not finite, and what
  /// `TrainingSession` throws. Complexity: what both engines take, and two dense forward passes a step.
  public static func run(
    _ problem: TrainingProblem, engine kind: EngineKind, progress: (Verification) throws -> Void = { _ in }
  ) throws -> Verification {
    let dense = try TrainingSession(problem, engine: .dense)
    let session = try TrainingSession(problem, engine: kind, rule: dense.rule)
    var result = Verification()
    while true {
      guard session.record.loss.isFinite && dense.record.loss.isFinite else {
        throw FireTreeError.failure(
          "training diverged at iteration \(session.record.iteration): the learning rate \(session.rule.rate) is "
            + "too large")
      }
      try result.compare(
        session.engine, after: session.record.iteration, expecting: dense.record.loss, truth: problem.truth,
        loss: problem.loss)
      try progress(result)
      guard session.record.iteration < problem.configuration.iterations, !session.isConverged else {
        return result
      }
      if problem.configuration.usesGaussNewton {
        try session.step()
        try dense.step()
        continue
      }
      // Both take the same steps, also where they would differ by rounding.
      let decision = dense.decide()
      try session.take(decision)
      try dense.take(decision)
    }
  }
}
