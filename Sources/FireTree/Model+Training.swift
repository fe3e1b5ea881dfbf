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
    var engine = try problem.makeEngine(try problem.chooseEngine().kind)
    let loop = TrainingLoop(iterations: configuration.iterations, targetLoss: configuration.targetLoss)
    let (last, _) = try loop.run(&engine, targets: problem.targets, observers: observers)
    return Model(problem, engine: engine, last: last)
  }

  /// The model that `engine` has reached on `problem`.
  public init(_ problem: TrainingProblem, engine: any TrainingEngine, last: TrainingRecord) {
    let network = engine.network
    let configuration = problem.configuration
    var run = TrainingRun()
    run.engine = EngineKind(of: engine)?.rawValue ?? "\(Swift.type(of: engine))"
    run.lossFunction = "squared"
    run.finalLoss = last.loss
    run.threshold = problem.threshold
    run.learningRate = engine.optimizer.learningRate
    run.momentum =
      switch configuration.momentum {
      case .none: TrainingRun.Momentum(kind: .none, coefficient: 0)
      case .heavyBall(let mu): TrainingRun.Momentum(kind: .heavyBall, coefficient: mu)
      case .nesterov(let mu): TrainingRun.Momentum(kind: .nesterov, coefficient: mu)
      }
    run.seed = configuration.seed
    run.iterations = last.iteration
    run.points = problem.points.count
    run.version = TrainingRun.libraryVersion
    self.init(
      weights: network.weights, outputWeights: network.outputWeights,
      threshold: network.threshold,
      preprocessing: problem.preprocessing, encoding: problem.encoding, schema: problem.schema,
      kind: problem.kind,
      training: run)
  }

  /// The network of the model.
  public var network: Network {
    Network(weights: weights, outputWeights: outputWeights, threshold: threshold)
  }

  /// The outputs for raw features (n x d): n x C, before `TargetEncoding.decode`.
  ///
  /// Throws a usage error for another number of features, a data error for points that overflow.
  /// Complexity: 2 n m d flops.
  public func outputs(for features: DataPoints, workers: Workers = .all) throws(FireTreeError) -> Matrix {
    guard features.dimension == preprocessing.inputDimension else {
      throw .usage(
        "the model needs points of \(preprocessing.inputDimension) features, these have \(features.dimension)"
      )
    }
    return network.outputs(for: try preprocessing.apply(to: features), workers: workers)
  }

  /// The predicted classes or numbers for raw features (n x d). Throws as `outputs` does.
  public func predict(_ features: DataPoints, workers: Workers = .all) throws(FireTreeError) -> Target {
    encoding.decode(try outputs(for: features, workers: workers))
  }
}
