import FireTree

/// What an engine took on one problem of a study.
package struct EngineMeasurement: Sendable {
  package let kind: EngineKind
  /// Why it was not measured; nil when it was.
  package var reason: String?
  /// Seconds from a network in memory to its outputs, the least of several times.
  package var preprocessing = Double.nan
  /// Median seconds of a step after the first.
  package var step = Double.nan
  /// Steps timed.
  package var steps = 0
  /// Share of the pairs that fires after the last step.
  package var firingShare = Double.nan
  /// Share of the neurons that the last step moved.
  package var movedShare = Double.nan
  package var audit = FiringAudit()

  /// How long cells of a study may take.
  package struct Budget: Sendable {
    /// Steps to time.
    package var steps: Int
    /// No further step begins, two timed ones aside, when those so far took so many seconds.
    package var seconds: Double
    /// An engine that is predicted to take longer for preprocessing and three steps is not measured.
    package var predictedSeconds: Double

    package init(steps: Int, seconds: Double, predictedSeconds: Double) {
      self.steps = steps
      self.seconds = seconds
      self.predictedSeconds = predictedSeconds
    }
  }

  /// Measures `kind`, and compares what it takes to fire in the end with a dense pass.
  ///
  /// Throws a failure when a pair is missed or extra beyond rounding.
  package init(_ kind: EngineKind, _ instance: StudyInstance, rate: Float, budget: Budget, workers: Workers)
    throws
  {
    self.kind = kind
    reason = Self.obstacle(kind, instance.shape, budget)
    guard reason == nil else { return }
    let problem = try instance.problem(rate: rate, iterations: budget.steps + 1, workers: workers)
    let session = try Self.build(kind, problem, &preprocessing)
    try takeSteps(session, budget: budget)
    audit = FiringAudit(of: session.engine)
    guard audit.missed == 0 && audit.extra == 0 else {
      throw FireTreeError.failure(
        "engine \(kind.rawValue) with n = \(instance.points.count), m = \(instance.neurons), "
          + "d = \(instance.points.dimension): \(audit.missed) pairs missed, \(audit.extra) extra")
    }
  }

  /// A session, and the least time that its engine was built in. At first memory comes from the system anew, which takes
  /// longer: so it is built at least three times, if that can be waited for, and more often when it takes little time.
  private static func build(
    _ kind: EngineKind, _ problem: TrainingProblem, _ seconds: inout Double
  ) throws -> TrainingSession {
    var (times, session): ([Double], TrainingSession?) = ([], nil)
    while times.isEmpty || times.count < 5 && times.reduce(0, +) < (times.count < 3 ? 1.5 : 0.3) {
      session = nil  // so that its memory is given back outside the measurement
      let made = try TrainingSession(problem, engine: kind)
      times.append(made.preparation["engine"])
      session = made
    }
    seconds = times.min() ?? .nan
    guard let session else { preconditionFailure("the loop runs once") }
    return session
  }

  /// Why `kind` is not measured on a problem of this shape.
  private static func obstacle(_ kind: EngineKind, _ shape: ProblemShape, _ budget: Budget) -> String? {
    if let limitation = kind.type.limitation(for: shape) { return limitation }
    guard kind.type.memory(for: shape).most * 2 <= ByteCount.available else { return "memory" }
    let cost = kind.type.predictedCost(for: shape, machine: .standard(for: shape))
    return cost.total(iterations: 3) > budget.predictedSeconds ? "predicted to take too long" : nil
  }

  /// The first step is not timed: it writes memory for the first time.
  private mutating func takeSteps(_ session: TrainingSession, budget: Budget) throws {
    var times: [Double] = []
    var total = 0.0
    while times.count < budget.steps + 1 && (total < budget.seconds || times.count < 3) {
      let record = try session.step()
      movedShare = Double(record.step?.neuronsMoved ?? 0) / Double(session.problem.configuration.neurons)
      times.append(record.seconds ?? 0)
      total += times.last ?? 0
    }
    step = Array(times.dropFirst()).median
    steps = times.count - 1
    firingShare = session.record.firingShare
  }

  package static let columns = [
    "engine", "status", "preprocess_seconds", "step_seconds", "steps", "firing_share", "moved_share",
    "pairs_compared", "pairs_firing", "ties",
  ]

  /// The fields of `columns`.
  package var fields: [String] {
    let numbers = reason == nil ? [preprocessing, step].map { "\($0)" } : ["", ""]
    let shares = reason == nil ? [firingShare, movedShare].map { "\($0)" } : ["", ""]
    return [kind.rawValue, reason ?? "measured"] + numbers + ["\(steps)"] + shares
      + [audit.compared, audit.firing, audit.ties].map { "\($0)" }
  }

  /// Measures every engine on one problem.
  package static func all(
    _ instance: StudyInstance, budget: Budget, workers: Workers
  ) throws -> [EngineMeasurement] {
    let rate = try instance.learningRate(workers: workers)
    return try EngineKind.allCases.map {
      try EngineMeasurement($0, instance, rate: rate, budget: budget, workers: workers)
    }
  }
}
