/// One training: the only place where an engine is made, and what every command and program drives.
///
///     let problem = try TrainingProblem(dataset, configuration: TrainingConfiguration(neurons: 20_000))
///     let session = try TrainingSession(problem)
///     try session.run()
///     try session.finish().write(to: "digits.safetensors")
///
/// It chooses the engine, knows the rule of its steps before the engine is made, takes steps one at a time (`step`) or all
/// of them (`run`), keeps the state of the lowest loss, and gives the model at the end. It is driven from one thread.
public final class TrainingSession {
  public enum StopReason: String, Sendable {
    case iterations
    case targetLoss = "target loss"
    case observer
  }

  public let problem: TrainingProblem
  /// The engine, by name.
  public let kind: EngineKind
  /// How every step moves the weights.
  public let rule: UpdateRule
  /// One line for each choice that was made.
  public private(set) var notes: [String]
  /// Seconds of what came before the first step: "network", "rate" and "engine".
  public let preparation: PhaseTimes
  /// The state as it is now.
  public private(set) var record: TrainingRecord
  /// Why `run` has ended.
  public private(set) var stopReason: StopReason?

  private var running: any TrainingEngine
  private let start: Double
  /// The state of the mark; nil when there is none.
  private var best: TrainingRecord?
  private let keepsBest: Bool
  /// Bytes that a mark may take.
  private let markMemory: ByteCount
  private var isFinished = false

  /// A loss that has grown this many times over its start counts as diverged.
  static let divergenceFactor = 1e3
  /// The lowest loss is marked at most so often, in steps.
  static let markInterval = 10

  /// Makes an engine for `problem`, at iteration 0: the configured one, or `kind`. `rule` takes the place of the configured
  /// one, to spare another look for the automatic learning rate.
  ///
  /// Throws a usage error when the engine does not fit this machine or does not follow the rule, a failure when OpenBLAS
  /// computes wrongly on this processor. Complexity: that of the
  /// engine's `init`, of `TrainingProblem.rule`, and of `EnginePlan` for an automatic engine.
  public init(
    _ problem: TrainingProblem, engine kind: EngineKind? = nil, rule: UpdateRule? = nil
  ) throws(FireTreeError) {
    try LinearAlgebra.check()
    var (notes, preparation): ([String], PhaseTimes) = ([], PhaseTimes())
    if let kind {
      try problem.requireFit(of: kind)
      self.kind = kind
    } else {
      let choice = try problem.chooseEngine()
      self.kind = choice.kind
      notes += choice.reason.map { [$0] } ?? []
    }
    let (form, note) = try problem.weights(for: self.kind)
    notes += note.map { [$0] } ?? []
    let network = try preparation.measure("network") { () throws(FireTreeError) in
      try problem.initialNetwork()
    }
    if let rule {
      self.rule = rule
    } else {
      self.rule = try preparation.measure("rate") { () throws(FireTreeError) in try problem.rule(for: network)
      }
    }
    running = try Self.makeEngine(
      self.kind, TrainingState(network: consume network, form: form), problem, self.rule, &preparation)
    (self.problem, self.preparation) = (problem, preparation)
    let memory = try problem.memory(of: self.kind)
    markMemory = memory.mark
    let hasRoom = memory.most + memory.mark <= problem.availableMemory
    keepsBest = problem.configuration.keepsBest && hasRoom
    if problem.configuration.keepsBest && !hasRoom {
      notes.append("the state of the lowest loss is not kept: that would take \(memory.mark) more")
    }
    self.notes = notes
    start = problem.loss.value(outputs: running.outputs(.all), truth: problem.truth)
    record = TrainingRecord(
      iteration: running.iteration, loss: start, firingPairs: running.firingPairs,
      firingShare: Self.share(of: running))
  }

  /// Throws a usage error, before anything is allocated, for a rule that the engine does not follow.
  private static func makeEngine(
    _ kind: EngineKind, _ state: consuming TrainingState, _ problem: TrainingProblem, _ rule: UpdateRule,
    _ preparation: inout PhaseTimes
  ) throws(FireTreeError) -> any TrainingEngine {
    if let limitation = kind.type.limitation(of: rule) {
      throw .usage("the engine \(kind.rawValue): \(limitation)")
    }
    let (clock, begin) = (ContinuousClock(), ContinuousClock().now)
    let engine = try kind.type.init(
      state, points: problem.points, expecting: rule,
      team: LocalTeam(workers: problem.configuration.workers))
    preparation.add((clock.now - begin).seconds, to: "engine")
    return engine
  }

  private static func share(of engine: any TrainingEngine) -> Double {
    Double(engine.firingPairs) / (Double(engine.points.count) * Double(engine.neuronCount))
  }

  /// The engine as it is now, to look at.
  public var engine: any TrainingEngine { running }

  /// f_i as it is now, one row a selected point of the training.
  public func outputs(_ points: PointSelection = .all) -> Matrix { running.outputs(points) }

  /// f on points that it is not trained on, as the network sees them (n' x C). Precondition: as many inputs as the points
  /// of the training. Throws a usage error when there is no memory for them. Complexity: 2 n' m d flops.
  public func outputs(at fresh: DataPoints) throws(FireTreeError) -> Matrix {
    try running.outputs(at: fresh)
  }

  // MARK: - Steps

  /// Takes a step along the gradient of the problem's loss.
  @discardableResult
  public func step() throws(FireTreeError) -> TrainingRecord {
    try step(problem.loss.gradient(outputs: running.outputs(.all), truth: problem.truth), of: .all)
  }

  /// Takes a step along `gradient`, that of any loss at the outputs of `points`, one row a selected point; that of the others
  /// is 0.
  ///
  /// Precondition: the session has not been finished. Throws as `TrainingEngine.advance`.
  @discardableResult
  public func step(_ gradient: Matrix, of points: PointSelection) throws(FireTreeError) -> TrainingRecord {
    precondition(!isFinished, "the session has given its state away")
    let (clock, begin) = (ContinuousClock(), ContinuousClock().now)
    let report = try running.advance(StepInput(gradient: gradient, points: points, rule: rule))
    record.loss = problem.loss.value(outputs: running.outputs(.all), truth: problem.truth)
    record.iteration = running.iteration
    record.seconds = (clock.now - begin).seconds
    record.step = report
    record.firingPairs = running.firingPairs
    record.firingShare = Self.share(of: running)
    return record
  }

  /// Trains until the configured iterations, the target loss or an observer says stop, and goes back to the lowest loss
  /// that was marked when the last one is higher.
  ///
  /// Throws `FireTreeError.failure` that names the learning rate when the loss is not finite or has grown a thousandfold;
  /// what observers throw.
  @discardableResult
  public func run(observers: [any TrainingObserver] = []) throws -> StopReason {
    let configuration = problem.configuration
    while true {
      try requireConvergence()
      for observer in observers { try observer.observe(record, session: self) }
      if record.iteration >= configuration.iterations { return end(.iterations) }
      if let target = configuration.targetLoss, record.loss <= target { return end(.targetLoss) }
      if observers.contains(where: \.wantsStop) { return end(.observer) }
      markIfBest()
      try step()
    }
  }

  private func end(_ reason: StopReason) -> StopReason {
    stopReason = reason
    if let best, best.loss < record.loss { goBack() }
    if record.loss > start {
      note(
        "the loss rose from \(start) to \(record.loss): the learning rate \(rule.rate) may be too large")
    }
    return reason
  }

  private func note(_ line: String) {
    if notes.last != line { notes.append(line) }
  }

  private func requireConvergence() throws(FireTreeError) {
    let loss = record.loss
    guard !loss.isFinite || loss > Self.divergenceFactor * max(start, 1e-30) else { return }
    guard record.iteration > 0 else {
      throw .failure(
        "the initial network's loss is \(loss): the threshold, the weights or the data are too large")
    }
    throw .failure(
      "training diverged at iteration \(record.iteration) (loss \(loss), at the start \(start)): "
        + "the learning rate \(rule.rate) is too large")
  }

  // MARK: - The lowest loss

  /// Marks the state when its loss is the lowest so far, at most every tenth step.
  private func markIfBest() {
    guard keepsBest, record.iteration - (best?.iteration ?? 0) >= Self.markInterval,
      record.loss < best?.loss ?? start, hasRoomForMark
    else { return }
    running.mark()
    best = record
  }

  /// Whether the next step could copy all that a mark keeps.
  private var hasRoomForMark: Bool {
    do throws(FireTreeError) { try Memory.ask(for: markMemory) } catch { return false }
    return true
  }

  /// Goes back to the state of the lowest loss that was marked; false when there is none.
  @discardableResult
  public func goBack() -> Bool {
    guard let best else { return false }
    notes.append(
      "went back to iteration \(best.iteration), where the loss was \(best.loss): "
        + "after iteration \(record.iteration) it was \(record.loss)")
    running.restore()
    record = best
    return true
  }

  // MARK: - The end

  /// Gives the state away. Precondition: it has not been given away before.
  public func finishState() -> TrainingState {
    precondition(!isFinished, "the session has given its state away")
    isFinished = true
    return running.finish()
  }
}
