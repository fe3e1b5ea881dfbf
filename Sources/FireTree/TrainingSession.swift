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
    /// Gauss-Newton lowers the objective no more.
    case convergence
    case observer
  }

  public let problem: TrainingProblem
  /// The engine, by name.
  public let kind: EngineKind
  /// How steps move the weights, with the rate as it is now; a step after a rise of the loss may drop the momentum.
  public var rule: UpdateRule { control.rule }
  /// One line for each choice that was made.
  public private(set) var notes: [String]
  /// Seconds of what came before the first step: "calibration", "network", "rate" or "solver", and "engine", of which
  /// "kernel" and "first pass" are parts.
  public let preparation: PhaseTimes
  /// Seconds of what came before the first step, each second once.
  public var setUp: PhaseTimes {
    var result = PhaseTimes()
    let parts = engineParts.seconds
    let named = parts.reduce(0) { $0 + $1.seconds }
    for (phase, seconds) in preparation.seconds where !parts.contains(where: { $0.phase == phase }) {
      guard phase == "engine" else {
        result.add(seconds, to: phase)
        continue
      }
      for part in parts { result.add(part.seconds, to: part.phase) }
      result.add(max(seconds - named, 0), to: parts.isEmpty ? "first pass" : "engine")
    }
    return result
  }

  /// The state as it is now.
  public private(set) var record: TrainingRecord
  /// Why `run` has ended.
  public private(set) var stopReason: StopReason?

  private var running: any TrainingEngine
  /// `TrainingEngine.preparation` of the first engine.
  private let engineParts: PhaseTimes
  private var control: StepControl
  /// nil for gradient descent.
  private var gaussNewton: GaussNewton?
  private let form: HiddenWeights.Form
  private let start: Double
  private let startShare: Double
  private var warnings = TrainingWarnings()
  /// The state of the mark; nil when there is none.
  private var best: TrainingRecord?
  private let keepsBest: Bool
  /// Bytes that a mark may take.
  private let markMemory: ByteCount
  private var isFinished = false

  /// The rate that engines expect where no step is one of theirs: lists of candidates are then as short as can be.
  private static let noRate: Float = 1e-20
  /// A loss that has grown this many times over its start counts as diverged.
  static let divergenceFactor = 1e3
  /// The lowest loss is marked at most so often, in steps, and not before half as many as the last mark was after: a mark
  /// copies all that the engine holds.
  static func markInterval(after iteration: Int) -> Int { max(10, iteration / 2) }

  /// Makes an engine for `problem`, at iteration 0: the configured one, or `kind`. `rule` takes the place of the configured
  /// one, to spare another look for the automatic learning rate. `progress` is called with the name of each phase that
  /// begins.
  ///
  /// Throws a usage error when the engine does not fit this machine or does not follow the rule, a failure when OpenBLAS
  /// computes wrongly on this processor. Complexity: that of the
  /// engine's `init`, of `TrainingProblem.rule`, and of `EnginePlan` for an automatic engine.
  public init(
    _ problem: TrainingProblem, engine kind: EngineKind? = nil, rule: UpdateRule? = nil,
    progress: (String) -> Void = { _ in }
  ) throws(FireTreeError) {
    guard problem.configuration.predictor == .network else {
      throw .usage("the network of infinite width has no steps: see LimitFit")
    }
    try LinearAlgebra.check()
    var (notes, preparation): ([String], PhaseTimes) = ([], PhaseTimes())
    let chosen: EngineKind
    if let kind {
      try problem.requireFit(of: kind)
      chosen = kind
    } else {
      progress("calibration")
      let choice = try preparation.measure("calibration") { () throws(FireTreeError) in
        try problem.chooseEngine()
      }
      chosen = choice.kind
      notes += choice.reason.map { [$0] } ?? []
    }
    let (form, note) = try problem.weights(for: chosen)
    notes += note.map { [$0] } ?? []
    let network = try preparation.measure("network") { () throws(FireTreeError) in
      try problem.initialNetwork()
    }
    let first: UpdateRule
    if problem.configuration.usesGaussNewton {
      first = UpdateRule(rate: Self.noRate)
    } else if let rule {
      first = rule
    } else {
      progress("rate")
      first = try preparation.measure("rate") { () throws(FireTreeError) in try problem.rule(for: network) }
    }
    progress("first pass")
    running = try preparation.measure("engine") { () throws(FireTreeError) in
      try Self.makeEngine(
        chosen, TrainingState(network: network, form: form), problem, first)
    }
    engineParts = running.preparation
    for (phase, seconds) in engineParts.seconds { preparation.add(seconds, to: phase) }
    if problem.configuration.usesGaussNewton {
      progress("solver")
      gaussNewton = try preparation.measure("solver") { () throws(FireTreeError) in
        try GaussNewton(
          points: problem.points, truth: problem.truth, threshold: problem.threshold, ridge: problem.ridge,
          workers: problem.configuration.workers)
      }
    }
    (self.problem, self.kind, self.preparation, self.form) = (problem, chosen, preparation, form)
    let memory = try problem.memory(of: chosen)
    markMemory = memory.mark
    let hasRoom = memory.most + memory.mark <= problem.availableMemory
    // Steps of Gauss-Newton are taken back one by one.
    let wantsBest = problem.configuration.keepsBest && gaussNewton == nil
    keepsBest = wantsBest && hasRoom
    if wantsBest && !hasRoom {
      notes.append("the state of the lowest loss is not kept: that would take \(memory.mark) more")
    }
    self.notes = notes
    start = problem.loss.value(outputs: running.outputs(.all), truth: problem.truth)
    control = StepControl(
      rule: first, isAdaptive: problem.configuration.isAdaptive && gaussNewton == nil, start: start)
    startShare = Self.share(of: running)
    record = TrainingRecord(
      iteration: running.iteration, loss: start, firingPairs: running.firingPairs, firingShare: startShare)
  }

  /// Throws a usage error, before anything is allocated, for a rule that the engine does not follow.
  private static func makeEngine(
    _ kind: EngineKind, _ state: consuming TrainingState, _ problem: TrainingProblem, _ rule: UpdateRule
  ) throws(FireTreeError) -> any TrainingEngine {
    if let limitation = kind.type.limitation(of: rule) {
      throw .usage("the engine \(kind.rawValue): \(limitation)")
    }
    return try kind.type.init(
      state, points: problem.points, expecting: rule,
      team: LocalTeam(workers: problem.configuration.workers))
  }

  private static func share(of engine: any TrainingEngine) -> Double {
    Double(engine.firingPairs) / (Double(engine.points.count) * Double(engine.neuronCount))
  }

  /// The engine as it is now, to look at.
  public var engine: any TrainingEngine { running }

  /// f_i as it is now, one row a selected point of the training.
  public func outputs(_ points: PointSelection = .all) -> Matrix { running.outputs(points) }

  /// f on points that it is not trained on, as the network sees them (n' x C). Precondition: as many inputs as the points
  /// of the training. Throws a usage error when there is no memory for them. Complexity: at most 2 n' m d flops.
  public func outputs(at fresh: DataPoints) throws(FireTreeError) -> Matrix {
    try running.outputs(at: fresh)
  }

  // MARK: - Steps

  /// Takes a step along the gradient of the problem's loss; where the loss has risen too far, from the last mark or the start,
  /// with half the rate (`StepControl`).
  ///
  /// With Gauss-Newton it takes the next step that lowers the objective; none when training has converged.
  @discardableResult
  public func step() throws(FireTreeError) -> TrainingRecord {
    gaussNewton == nil ? try take(decide()) : try takeGaussNewtonStep()
  }

  /// Whether Gauss-Newton lowers the objective no more.
  public var isConverged: Bool { gaussNewton?.isConverged == true }

  /// The ridge of Gauss-Newton, in units of the mean diagonal of the limit kernel; nil for gradient descent.
  public var ridge: Double? { gaussNewton?.ridge }

  private func takeGaussNewtonStep() throws(FireTreeError) -> TrainingRecord {
    precondition(!isFinished, "the session has given its state away")
    let begin = ContinuousClock.now
    guard let (engine, report) = try gaussNewton?.step(running) else { return record }
    running = engine
    var step = StepReport(firingPairs: running.firingPairs, neuronsMoved: running.neuronCount)
    step.phases = report.phases
    step.counts = [.kernelProducts: report.products, .stepsTakenBack: report.takenBack]
    return note(step, since: begin)
  }

  /// Looks at the engine after a step.
  private func note(_ step: StepReport, since begin: ContinuousClock.Instant) -> TrainingRecord {
    record.loss = problem.loss.value(outputs: running.outputs(.all), truth: problem.truth)
    record.iteration = running.iteration
    record.seconds = (ContinuousClock.now - begin).seconds
    record.step = step
    record.firingPairs = running.firingPairs
    record.firingShare = Self.share(of: running)
    return record
  }

  /// What the next step does: asked once before each.
  func decide() -> StepControl.Decision { control.decide(after: record.loss) }

  /// Takes a step as it was decided, here or by another session of the same problem.
  @discardableResult
  func take(_ decision: StepControl.Decision) throws(FireTreeError) -> TrainingRecord {
    if decision.goesBack { try backOff(rate: decision.rule.rate) }
    return try step(
      problem.loss.gradient(outputs: running.outputs(.all), truth: problem.truth), of: .all, by: decision.rule
    )
  }

  /// Takes a step along `gradient`, that of any loss at the outputs of `points`, one row a selected point; that of the others
  /// is 0.
  ///
  /// Precondition: the session has not been finished. Throws as `TrainingEngine.advance`, and a usage error for a session of
  /// Gauss-Newton, whose steps follow no gradient.
  @discardableResult
  public func step(_ gradient: Matrix, of points: PointSelection) throws(FireTreeError) -> TrainingRecord {
    guard gaussNewton == nil else {
      throw .usage("a step along a gradient is for gradient descent, not for gauss-newton")
    }
    return try step(gradient, of: points, by: rule)
  }

  private func step(
    _ gradient: Matrix, of points: PointSelection, by rule: UpdateRule
  ) throws(FireTreeError) -> TrainingRecord {
    precondition(!isFinished, "the session has given its state away")
    let begin = ContinuousClock.now
    return note(
      try running.advance(StepInput(gradient: gradient, points: points, rule: rule)), since: begin)
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
      warnings.observe(record)
      for observer in observers { try observer.observe(record, session: self) }
      if record.iteration >= configuration.iterations { return try end(.iterations) }
      if let target = configuration.targetLoss, record.loss <= target { return try end(.targetLoss) }
      if observers.contains(where: \.wantsStop) { return try end(.observer) }
      if isConverged { return try end(.convergence) }
      markIfBest()
      let before = record.iteration
      try step()
      // No step lowers the objective, so there is nothing to observe.
      if isConverged, record.iteration == before { return try end(.convergence) }
    }
  }

  private func end(_ reason: StopReason) throws(FireTreeError) -> StopReason {
    stopReason = reason
    // Not a number is never within bounds.
    if control.isAdaptive, record.iteration > 0, !(record.loss <= StepControl.overStart * start) {
      try backOff(rate: rule.rate / 2)
    } else if let best, best.loss < record.loss {
      goBack()
    }
    if control.restarts > 0 {
      note("the momentum was dropped \(control.restarts) times because the loss had risen")
    }
    if control.halvings > 0 {
      note(
        "the learning rate was halved \(control.halvings) times because the loss had risen soon again, or far"
      )
    }
    let lines = warnings.lines(
      for: record, reason: reason, share: startShare, constant: problem.truth.constantLoss,
      optimizer: problem.configuration.optimizer)
    for line in lines { note(line) }
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
    let isBackedOff = control.isAdaptive && control.halvings < StepControl.mostHalvings
    guard !isBackedOff || record.iteration == 0 else { return }
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

  /// Marks the state when its loss is the lowest so far, as often as `markInterval` says.
  private func markIfBest() {
    let last = best?.iteration ?? 0
    guard keepsBest, record.iteration - last >= Self.markInterval(after: last),
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

  /// Goes back to the mark, or to the start when there is none, to go on with another rate. The start is made anew, while what the
  /// engine has beside the network is still held. When that throws, the session cannot be used any more.
  private func backOff(rate: Float) throws(FireTreeError) {
    precondition(!isFinished, "the session has given its state away")
    let (iteration, loss) = (record.iteration, record.loss)
    if best != nil {
      running.restore()
    } else {
      _ = finishState()
      let state = TrainingState(network: try problem.initialNetwork(), form: form)
      var expected = rule
      expected.rate = rate
      running = try Self.makeEngine(kind, state, problem, expected)
      isFinished = false
    }
    record =
      best
      ?? TrainingRecord(
        iteration: running.iteration, loss: start, firingPairs: running.firingPairs,
        firingShare: Self.share(of: running))
    control.wentBack(to: record.loss, rate: rate)
    notes.append(
      "the loss rose to \(loss) at iteration \(iteration): went back to iteration \(record.iteration), with the learning "
        + "rate \(rule.rate)")
  }

  // MARK: - The end

  /// Gives the state away. Precondition: it has not been given away before.
  public func finishState() -> TrainingState {
    precondition(!isFinished, "the session has given its state away")
    isFinished = true
    return running.finish()
  }
}
