extension TrainingProblem {
  /// Below this many seconds of training with the fastest engine, as predicted for the standard machine, this machine is not
  /// measured: the measurement would take a notable part of the time that the choice can save.
  public static let secondsWorthMeasuring = 1.0

  /// Predicts memory, preprocessing and step time of every engine and chooses one, for the configured iterations.
  ///
  /// `machine` is the speed to plan with. When it is nil, it is that of a standard machine for small problems
  /// (`secondsWorthMeasuring`), so that their choice is the same everywhere, and measured for others. The memory is that
  /// which was available when the problem was made, unless another is given. Allocates nothing of the size of the
  /// network. Complexity: about a sixteenth of a dense forward pass, at most 2^19 inner products, and
  /// the measurement (`MachineProfile.init(measuring:shape:workers:)`).
  public func plan(
    machine: MachineProfile? = nil, availableMemory: ByteCount? = nil
  ) -> EnginePlan {
    var shape = shape
    shape.firing = FiringProfile(
      points: points, threshold: threshold, neurons: configuration.neurons, workers: configuration.workers)
    let available = availableMemory ?? self.availableMemory
    if let machine { return plan(shape, machine, available) }
    let standard = plan(shape, .standard(for: shape), available)
    guard standard.shortestTotal >= Self.secondsWorthMeasuring else { return standard }
    return plan(
      shape, MachineProfile(measuring: points, shape: shape, workers: configuration.workers), available)
  }

  private func plan(
    _ shape: ProblemShape, _ machine: MachineProfile, _ available: ByteCount
  ) -> EnginePlan {
    EnginePlan(
      for: shape, iterations: configuration.iterations, machine: machine, availableMemory: available,
      hasAutomaticRate: configuration.learningRate == .automatic && !configuration.usesGaussNewton,
      remakesEngines: configuration.usesGaussNewton
    ) { kind in
      do throws(FireTreeError) {
        return (try weights(for: kind).form, nil)
      } catch {
        return (.stored, error.reason)
      }
    }
  }

  /// The configured engine, or the one that the plan takes, with a line that says why.
  ///
  /// Throws a usage error with the bytes needed when it does not fit this machine. Complexity: that of `plan` for an
  /// automatic engine.
  public func chooseEngine() throws(FireTreeError) -> (kind: EngineKind, reason: String?) {
    switch configuration.engine {
    case .value(let kind):
      try requireFit(of: kind)
      return (kind, nil)
    case .automatic:
      let plan = plan()
      return (try plan.requireChoice(), plan.reason)
    }
  }

  /// Throws a usage error when `kind` cannot train this problem, or needs more memory than this machine has: then with
  /// the number of bytes.
  public func requireFit(of kind: EngineKind) throws(FireTreeError) {
    if let limitation = kind.type.limitation(for: shape) {
      throw .usage("the engine \(kind.rawValue) does not fit: \(limitation)")
    }
    var most = try memory(of: kind).most
    if configuration.usesGaussNewton {
      // A step that may be taken back needs the engine twice.
      most = most * 2 + GaussNewton.requiredMemory(points: points.count, outputs: outputs)
    }
    try most.requireAvailable(
      for: "the engine \(kind.rawValue) with \(configuration.neurons) neurons", available: availableMemory)
  }

  /// What training with `kind` takes. Throws as `weights(for:)` does.
  public func memory(of kind: EngineKind) throws(FireTreeError) -> EngineMemory {
    kind.type.memory(for: try shape(for: kind))
  }
}
