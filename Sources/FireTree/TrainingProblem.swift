/// A data set made ready for training: preprocessed points, encoded targets, and the threshold.
///
/// From a problem engines are made, of any kind, all starting from the same network.
public struct TrainingProblem: Sendable {
  public let configuration: TrainingConfiguration
  /// The points that the network sees (n x d').
  public let points: DataPoints
  /// The outputs that it should give (n x C).
  public let targets: Matrix
  /// b.
  public let threshold: Float
  public let preprocessing: Preprocessing
  public let encoding: TargetEncoding
  public let schema: FeatureSchema
  public let kind: Dataset.Kind
  /// Share of all pairs that is expected to fire in the initial network.
  public let firingShare: Double
  /// What this machine could give when the problem was made.
  let availableMemory: ByteCount
  /// One line for each choice that a default made.
  public private(set) var notes: [String]

  /// Fits the preprocessing and the encoding to `dataset`, which must have a target.
  ///
  /// Throws a usage error for a configuration out of range, a data error for points or targets that cannot be
  /// scaled. Complexity: O(n d).
  public init(_ dataset: Dataset, configuration: TrainingConfiguration) throws(FireTreeError) {
    try configuration.check()
    guard let target = dataset.target else {
      throw .data(file: dataset.source, "training needs a target")
    }
    let (preprocessing, note) = try Preprocessing.fit(to: dataset, options: configuration.preprocessing)
    notes = dataset.notes + [note]
    self.configuration = configuration
    self.preprocessing = preprocessing
    encoding = try TargetEncoding.fit(to: target)
    schema = dataset.schema
    kind = dataset.kind
    points = try preprocessing.apply(to: dataset.features)
    targets = try encoding.encode(target)
    if case .classification(let names) = encoding, names.count > 20, 2 * names.count > points.count {
      notes.append(
        "there are \(names.count) classes for \(points.count) points: is the target the right column?")
    }
    let norms = points.norms()
    switch configuration.threshold {
    case .automatic:
      threshold = Network.paperThreshold(neurons: configuration.neurons)
      notes.append("threshold: \(threshold) (sqrt(0.4 ln \(configuration.neurons)))")
    case .value(let value): threshold = value
    case .firingShare(let share):
      threshold = Float(NormalDistribution.threshold(firingShare: share, norms: norms))
      notes.append("threshold: \(threshold) (a firing share of \(share))")
    }
    firingShare = NormalDistribution.firingShare(threshold: Double(threshold), norms: norms)
    availableMemory = ByteCount.available
  }

  /// n, d, m, C as the engines plan their memory with them, weights stored, as if pairs fired independently.
  public var shape: ProblemShape {
    var shape = ProblemShape(
      points: points, neurons: configuration.neurons, outputs: encoding.outputs,
      usesVelocity: configuration.momentum.coefficient > 0,
      firing: FiringProfile(independent: firingShare, points: points.count))
    shape.layout = configuration.outputs
    return shape
  }

  /// Throws a usage error when `kind` cannot train this problem, or needs more memory than this machine has: then with
  /// the number of bytes.
  public func requireFit(of kind: EngineKind) throws(FireTreeError) {
    if let limitation = kind.type.limitation(for: shape) {
      throw .usage("the engine \(kind.rawValue) does not fit: \(limitation)")
    }
    try kind.type.requiredMemory(for: try shape(for: kind)).requireAvailable(
      for: "the engine \(kind.rawValue) with \(configuration.neurons) neurons")
  }

  /// The initial network. Complexity: O(m d), for seeded weights O(m C).
  public func initialNetwork(form: HiddenWeights.Form = .stored) -> Network {
    Network(
      neurons: configuration.neurons, dimension: points.dimension, outputs: encoding.outputs,
      threshold: threshold, seed: configuration.seed, layout: configuration.outputs, form: form,
      workers: configuration.workers)
  }

  /// An engine at iteration 0, with `learningRate` or, when that is nil, the configured or automatic one.
  ///
  /// Throws a usage error when the engine does not fit this machine. Complexity: that of the engine's `init`, and for
  /// an automatic learning rate a power iteration over the firing pairs.
  public func makeEngine(
    _ kind: EngineKind, learningRate: Float? = nil
  ) throws(FireTreeError) -> any TrainingEngine {
    try requireFit(of: kind)
    var engine = kind.type.init(
      network: initialNetwork(form: try weights(for: kind).form), points: points,
      optimizer: GradientDescent(learningRate: learningRate ?? 0, momentum: configuration.momentum),
      workers: configuration.workers)
    if learningRate == nil { engine.optimizer.learningRate = self.learningRate(for: engine) }
    return engine
  }

  /// The configured learning rate, or 1 / lambda_max of the tangent kernel of `engine`; 1 when nothing fires.
  public func learningRate(for engine: any TrainingEngine) -> Float {
    switch configuration.learningRate {
    case .value(let rate): return rate
    case .automatic:
      let kernel = TangentKernel(
        outputWeights: engine.outputWeights, points: points, firing: engine.firingSet,
        workers: configuration.workers)
      let rate = Float(1 / (SquaredLoss().curvature * kernel.largestEigenvalue()))
      return rate.isFinite ? rate : 1
    }
  }
}
