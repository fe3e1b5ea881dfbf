extension Model {
  /// Trains a model.
  ///
  ///     let digits = try Dataset(contentsOf: "digits.csv")
  ///     let model = try Model.train(on: digits, configuration: TrainingConfiguration(neurons: 20_000))
  ///     try model.write(to: "digits.safetensors")
  ///
  /// Throws usage errors for a configuration that does not fit, data errors for data that cannot be used, and a
  /// failure when training diverges.
  public static func train(
    on dataset: Dataset, configuration: TrainingConfiguration = TrainingConfiguration(),
    observers: [any TrainingObserver] = []
  ) throws -> Model {
    let problem = try TrainingProblem(dataset, configuration: configuration)
    guard configuration.predictor == .network else { return try LimitFit(problem).model }
    let session = try TrainingSession(problem)
    try session.run(observers: observers)
    return session.finish()
  }
}

extension TrainingSession {
  /// The model that the session has reached. The session cannot go on after that.
  ///
  /// Precondition: it has not been finished before, and its problem comes from a data set.
  public func finish() -> Model {
    guard let reading = problem.reading else {
      preconditionFailure("a model needs to know how data are read: the points were handed over as they are")
    }
    let facts = facts
    let network = finishState().network
    return Model(
      weights: network.weights, outputWeights: network.outputWeights, threshold: network.threshold,
      preprocessing: reading.preprocessing, encoding: reading.encoding, schema: reading.schema,
      kind: reading.kind, training: facts)
  }

  /// The facts of the run, as a model keeps them.
  public var facts: TrainingRun {
    var run = TrainingRun()
    run.engine = kind.rawValue
    run.lossFunction = problem.loss.name
    run.finalLoss = record.loss
    run.threshold = problem.threshold
    if let ridge {
      run.optimizer = TrainingConfiguration.Optimizer.gaussNewton.rawValue
      run.ridge = ridge
      if let tuning = problem.tuning { tuning.record(in: &run, seed: problem.configuration.seed) }
    } else {
      run.optimizer = TrainingConfiguration.Optimizer.gradientDescent.rawValue
      run.learningRate = rule.rate
      run.momentum =
        switch rule.momentum {
        case .none: TrainingRun.Momentum(kind: .none, coefficient: 0)
        case .heavyBall(let mu): TrainingRun.Momentum(kind: .heavyBall, coefficient: mu)
        case .nesterov(let mu): TrainingRun.Momentum(kind: .nesterov, coefficient: mu)
        }
    }
    run.seed = problem.configuration.seed
    run.initial = problem.initial.rawValue
    run.start = problem.configuration.start.rawValue
    run.iterations = record.iteration
    run.points = problem.points.count
    run.version = TrainingRun.libraryVersion
    run.stop = stopReason?.rawValue
    return run
  }
}

extension Model {
  /// The network of the model. Precondition: it is one.
  public var network: Network {
    Network(weights: weights, outputWeights: outputWeights, threshold: threshold, initial: initialWeights)
  }

  /// What stored weights began as, by the facts of the run; nil when these do not say.
  private var initialWeights: InitialWeights? {
    guard let seed = training.seed,
      let distribution = training.initial.flatMap(InitialWeights.Distribution.init(rawValue:)),
      let start = training.start.flatMap(InitialWeights.Start.init(rawValue:)),
      distribution.limitation(columns: weights.columns) == nil
    else { return nil }
    return InitialWeights(
      seed: seed, rows: weights.rows, columns: weights.columns, distribution: distribution, start: start)
  }

  /// The outputs for raw features (n x d): n x C, before `TargetEncoding.decode`. `byDensePass` computes every pair of a network by a
  /// product, also where there is a shorter way (`Network.outputs`).
  ///
  /// Throws a usage error for another number of features, a data error for points that overflow.
  /// Complexity: that of `Network.outputs`, at most 2 n m d flops, or of `LimitPrediction.outputs`.
  public func outputs(
    for features: DataPoints, byDensePass: Bool = false, workers: Workers = .all
  ) throws(FireTreeError) -> Matrix {
    let points = try points(of: features)
    if case .limitKernel(let limit) = predictor {
      return try LimitPrediction(
        points: limit.points, coefficients: limit.coefficients, means: limit.means, threshold: threshold,
        workers: workers
      ).outputs(for: points)
    }
    return try byDensePass
      ? network.denseOutputs(for: points, workers: workers) : network.outputs(for: points, workers: workers)
  }

  /// Compares the pairs that predictions for raw features (n x d) take to fire with a dense pass over all. Throws as `outputs`, a
  /// usage error for a limit kernel.
  public func audit(on features: DataPoints, workers: Workers = .all) throws(FireTreeError) -> FiringAudit {
    if case .limitKernel = predictor {
      throw .usage("a limit kernel has no neurons that fire, so there are no pairs to check")
    }
    return try network.audit(on: points(of: features), workers: workers)
  }

  private func points(of features: DataPoints) throws(FireTreeError) -> DataPoints {
    guard features.dimension == preprocessing.inputDimension else {
      throw .usage(
        "the model needs points of \(preprocessing.inputDimension) features, these have \(features.dimension)"
      )
    }
    return try preprocessing.apply(to: features)
  }

  /// The predicted classes or numbers for raw features (n x d). Throws as `outputs` does.
  public func predict(_ features: DataPoints, workers: Workers = .all) throws(FireTreeError) -> Target {
    try encoding.decode(try outputs(for: features, workers: workers))
  }
}
