import FireTree
import TestSupport
import Testing

/// The one driver of a training.
@Suite struct TrainingSessionTests {
  /// 20 points, 200 neurons, two outputs.
  private static func problem(
    rate: Float? = 0.2, iterations: Int = 6, target: Double? = nil, engine: EngineKind = .weightTree,
    momentum: UpdateRule.Momentum = .none, threshold: Float = 0.5, keepsBest: Bool = true
  ) throws -> TrainingProblem {
    var random = SeededGenerator(seed: 21)
    let points = DataPoints.dense(random.unitRows(20, columns: 10))
    return try TrainingProblem(
      points: points, truth: Supervision(targets: random.matrix(rows: 20, columns: 2)),
      configuration: TrainingConfiguration(
        neurons: 200, engine: .value(engine), threshold: .value(threshold),
        learningRate: rate.map { .value($0) } ?? .automatic, momentum: momentum, iterations: iterations,
        targetLoss: target, keepsBest: keepsBest, seed: 1, start: .independent))
  }

  @Test func stopsAtTheIterationCount() throws {
    let session = try TrainingSession(Self.problem(iterations: 4))
    let history = History()
    #expect(try session.run(observers: [history]) == .iterations && session.stopReason == .iterations)
    let last = session.record
    #expect(last.iteration == 4 && history.records.map(\.iteration) == [0, 1, 2, 3, 4])
    #expect(history.records[0].step == nil && last == history.records[4])
    let report = try #require(last.step)
    #expect(report.phases.seconds.map(\.phase) == ["gradient", "refresh", "query", "outputs"])
    // Every number of a record but those of the step is of the state after it.
    #expect(last.seconds ?? 0 > 0 && last.firingPairs == session.engine.firingPairs)
    #expect(last.firingShare == Double(last.firingPairs) / 4000)
    #expect(report.firingPairs == history.records[3].firingPairs)
    #expect(session.preparation["engine"] > 0 && session.preparation["network"] > 0)
  }

  @Test func stopsAtTheTargetLossOrWhenAnObserverAsks() throws {
    let first = History()
    try TrainingSession(Self.problem()).run(observers: [first])
    let second = try TrainingSession(Self.problem(target: first.losses[3]))
    #expect(try second.run() == .targetLoss && second.record.iteration == 3)
    let history = History()
    history.stopsAfter = 2
    #expect(try TrainingSession(Self.problem()).run(observers: [history]) == .observer)
    #expect(history.records.count == 3)
  }

  @Test(arguments: EngineKind.allCases) func divergenceNamesTheLearningRate(kind: EngineKind) throws {
    let session = try TrainingSession(Self.problem(rate: 5000, iterations: 100, engine: kind))
    let error = #expect(throws: FireTreeError.self) { try session.run() }
    #expect(
      error?.kind == .failure && error?.reason.contains("the learning rate 5000.0 is too large") == true)
    #expect(error?.reason.hasPrefix("training diverged at iteration 1 (loss ") == true)
  }

  /// Step by step from outside, or all at once: the same bits. So is what is verified.
  @Test(arguments: EngineKind.allCases) func stepsFromOutsideAreTheSame(kind: EngineKind) throws {
    let problem = try Self.problem(rate: nil, iterations: 8, engine: kind, momentum: .nesterov(0.9))
    let (whole, single) = (try TrainingSession(problem), try TrainingSession(problem))
    let history = History()
    try whole.run(observers: [history])
    for _ in 0..<8 { try single.step() }
    #expect(whole.record.loss == single.record.loss && whole.outputs() == single.outputs())
    // Verification trains by the rule of the dense session, which is that of any other.
    #expect(try TrainingSession(problem, engine: .dense).rule == whole.rule)
    let verification = try Verification.run(problem, engine: kind)
    #expect(verification.passes(tolerance: 1e-5) && verification.iterations == 8)
    let states = [whole.finishState(), single.finishState()]
    #expect(states[0] == states[1] && states[0].iteration == 8)
  }

  /// The rule does not depend on the engine, and so not on the order in which engines are made.
  @Test func theRuleIsTheSameForEveryEngine() throws {
    let rules = try EngineKind.allCases.map {
      try TrainingSession(Self.problem(rate: nil, engine: $0)).rule
    }
    #expect(Set(rules.map(\.rate)).count == 1 && rules[0].rate > 0 && rules[0].rate != 1)
  }

  /// A gradient of some other loss, at some of the points.
  @Test func anyGradientCanBeFollowed() throws {
    let session = try TrainingSession(Self.problem())
    let before = session.outputs(.chosen([3, 7]))
    let record = try session.step(Matrix([[1, 0], [0, 0]]), of: .chosen([3, 7]))
    #expect(record.iteration == 1 && session.outputs(.chosen([3])).row(0)[0] < before[0, 0])
  }

  /// An observer can validate: the session knows the problem, and outputs on other points.
  @Test func anObserverCanValidate() throws {
    final class Validation: TrainingObserver {
      var losses: [Double] = []
      func observe(_ record: TrainingRecord, session: TrainingSession) {
        let outputs = Memory.demand(try session.engine.denseOutputs(at: session.problem.points))
        losses.append(session.problem.loss.value(outputs: outputs, truth: session.problem.truth))
      }
    }
    let (validation, history) = (Validation(), History())
    try TrainingSession(Self.problem()).run(observers: [validation, history])
    #expect(validation.losses.count == 7)
    for (own, loss) in zip(validation.losses, history.losses) { #expect(abs(own - loss) <= 1e-5 * loss) }
  }

  // MARK: - The lowest loss

  /// A rate at which the loss falls and then rises: training ends at the lowest that was marked, to the bit.
  @Test(arguments: EngineKind.allCases) func trainingGoesBackToTheLowestLoss(kind: EngineKind) throws {
    // Heavy momentum overshoots: the loss swings.
    let swinging = try Self.problem(
      rate: 0.4, iterations: 34, engine: kind, momentum: .heavyBall(0.97), keepsBest: false)
    let history = History()
    let last = try TrainingSession(swinging)
    try last.run(observers: [history])
    // The first mark is that of the first step from the tenth on with a loss below that of the start.
    var (marked, best) = (0, history.losses[0])
    for k in 1..<34 where k - marked >= max(10, marked / 2) && history.losses[k] < best {
      (marked, best) = (k, history.losses[k])
    }
    #expect(marked >= 10 && best < history.losses[34], "\(history.losses)")
    #expect(last.record.iteration == 34 && last.record.loss == history.losses[34])

    let keeping = try Self.problem(rate: 0.4, iterations: 34, engine: kind, momentum: .heavyBall(0.97))
    let session = try TrainingSession(keeping)
    try session.run()
    #expect(session.record == history.records[marked].without(seconds: session.record))
    #expect(session.notes.contains { $0.hasPrefix("went back to iteration \(marked), ") })
    // The state is that of a training that ends there.
    let short = try Self.problem(
      rate: 0.4, iterations: marked, engine: kind, momentum: .heavyBall(0.97), keepsBest: false)
    let other = try TrainingSession(short)
    try other.run()
    #expect(
      session.outputs() == other.outputs() && session.finishState().network == other.finishState().network)
  }

  @Test func withoutAHigherLossNothingGoesBack() throws {
    let session = try TrainingSession(Self.problem(iterations: 25))
    try session.run()
    #expect(session.record.iteration == 25 && !session.notes.contains { $0.hasPrefix("went back") })
    #expect(session.goBack() && session.record.iteration == 20)
  }

  // MARK: - Bad input

  @Test func pointsAndTargetsThatAreNoNumbers() throws {
    for value in [Float.nan, .infinity] {
      var (x, y) = (Matrix([[1, 2], [3, 4]]), Matrix([[1], [2]]))
      x[1, 0] = value
      let points = #expect(throws: FireTreeError.self) {
        try TrainingProblem(points: .dense(x), truth: .init(targets: y), configuration: .init(neurons: 3))
      }
      #expect(points?.kind == .data)
      (x[1, 0], y[0, 0]) = (1, value)
      let targets = #expect(throws: FireTreeError.self) {
        try TrainingProblem(points: .dense(x), truth: .init(targets: y), configuration: .init(neurons: 3))
      }
      #expect(targets?.kind == .data)
    }
  }

  /// A target beyond what sums of the outputs hold is refused, one within is trained towards.
  @Test func targetsOutOfReach() throws {
    let x = Matrix([[1, 0], [0, 1]])
    let largest = Float(Network.largestOutput(neurons: 100, norm: 1, threshold: 0.5))
    #expect(largest == 256 * 4096 / 10 * 1.5)
    let configuration = TrainingConfiguration(neurons: 100, threshold: .value(0.5), iterations: 20)
    let error = #expect(throws: FireTreeError.self) {
      try TrainingProblem(
        points: .dense(x), truth: .init(targets: Matrix([[1], [-1.01 * largest]])),
        configuration: configuration)
    }
    #expect(error?.kind == .data && error?.reason.hasPrefix("data point 2: the target -158859.") == true)
    let session = try TrainingSession(
      TrainingProblem(
        points: .dense(x), truth: .init(targets: Matrix([[1], [-0.9 * largest]])),
        configuration: configuration))
    let start = session.record.loss
    try session.run()
    #expect(session.record.loss < 1e-3 * start)
    // All is 0 at points of norm 0 without a threshold.
    _ = try TrainingProblem(
      points: .dense(Matrix([[0]])), truth: .init(targets: Matrix([[1]])),
      configuration: TrainingConfiguration(neurons: 3, threshold: .value(0)))
  }

  /// A training that ends above its start says so.
  @Test func aLossThatRoseIsSaid() throws {
    let session = try TrainingSession(Self.problem(rate: 12, iterations: 1, keepsBest: false))
    let start = session.record.loss
    try session.run()
    let (end, note) = (session.record.loss, try #require(session.notes.last))
    #expect(
      end > start && note == "the loss rose from \(start) to \(end): the learning rate 12.0 may be too large")
  }

  /// An audit that fails ends the training.
  @Test func anAuditIsDoneWhenItIsDue() throws {
    let observer = AuditObserver(every: 2)
    try TrainingSession(Self.problem(iterations: 5)).run(observers: [observer])
    #expect(observer.total.compared == 3 * 4000 && observer.total.missed == 0)
  }
}

extension TrainingRecord {
  /// The record with the times of another, which differ from run to run.
  fileprivate func without(seconds other: TrainingRecord) -> TrainingRecord {
    var result = self
    result.seconds = other.seconds
    if let phases = other.step?.phases { result.step?.phases = phases }
    return result
  }
}
