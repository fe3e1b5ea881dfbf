/// A data set made ready for training: points, what their outputs should be, and the threshold.
///
/// `TrainingSession` trains it, with any engine, always from the same network.
public struct TrainingProblem: Sendable {
  /// How data became points, and outputs become predictions: what a model needs to read other data.
  public struct Reading: Sendable {
    public let preprocessing: Preprocessing
    public let encoding: TargetEncoding
    public let schema: FeatureSchema
    public let kind: Dataset.Kind
  }

  /// What was given, with what tuning has chosen in the place of what was left to it.
  public let configuration: TrainingConfiguration
  /// How that was chosen; nil when there was nothing to choose, as for networks.
  public let tuning: LimitTuning?
  /// nil for a width that was given.
  public let width: WidthChoice?
  /// The points that the network sees (n x d').
  public let points: DataPoints
  /// The outputs that it should give (n x C), and how much each point counts.
  public let truth: Supervision
  public let loss: any Loss
  /// b.
  public let threshold: Float
  /// How the initial hidden weights are distributed.
  public let initial: InitialWeights.Distribution
  /// nil for points that were handed over as the network sees them.
  public let reading: Reading?
  /// Share of all pairs that is expected to fire in the initial network.
  public let firingShare: Double
  /// What this machine could give when the problem was made.
  let availableMemory: ByteCount
  /// One line for each choice that a default made.
  public private(set) var notes: [String]

  /// Fits the preprocessing and the encoding to `dataset`, which must have a target, and tunes what the limit kernel needs.
  ///
  /// `progress` is told how many candidates of the tuning have been begun, and of how many; from any thread, one call at a time.
  ///
  /// Throws a usage error for a configuration out of range, a data error for points or targets that cannot be
  /// scaled, and what `LimitTuning` throws. Complexity: O(n d), and that of the tuning.
  public init(
    _ dataset: Dataset, configuration: TrainingConfiguration,
    progress: (_ candidate: Int, _ count: Int) -> Void = { _, _ in }
  ) throws(FireTreeError) {
    try configuration.check()
    guard let target = dataset.target else {
      throw .data(file: dataset.source, "training needs a target")
    }
    let fit = try PreprocessingFit(to: dataset, options: configuration.preprocessing)
    let encoding = try TargetEncoding.fit(to: target)
    let targets = try encoding.encode(target)
    let tuning = try LimitTuning(
      dataset, target: target, targets: targets, fit: fit, configuration: configuration, progress: progress)
    let configuration = tuning?.applied(to: configuration) ?? configuration
    let preprocessing = try fit.preprocessing(
      constant: configuration.preprocessing.constant ?? fit.usualConstant)
    try self.init(
      points: try preprocessing.apply(to: dataset.features), truth: Supervision(targets: targets),
      configuration: configuration, tuning: tuning,
      reading: Reading(
        preprocessing: preprocessing, encoding: encoding, schema: dataset.schema, kind: dataset.kind),
      notes: dataset.notes + [fit.note(of: preprocessing)], target: target)
    if case .classification(let names) = encoding, names.count > 20, 2 * names.count > points.count {
      notes.append(
        "there are \(names.count) classes for \(points.count) points: is the target the right column?")
    }
  }

  /// Points as the network sees them (n x d), with their targets (n x C). A model of it cannot be made.
  ///
  /// Precondition: a target for every point. Throws a usage error for a configuration out of range, a data error for
  /// points or targets that are not finite, and for targets that no output reaches (`Network.largestOutput`).
  public init(
    points: DataPoints, truth: Supervision, configuration: TrainingConfiguration
  ) throws(FireTreeError) {
    precondition(points.count == truth.targets.rows, "a target for every point")
    try configuration.check()
    guard points.isFinite && truth.targets.isFinite else {
      throw FireTreeError(.data, "points and targets must be finite numbers")
    }
    let tuning = try LimitTuning(points: points, targets: truth.targets, configuration: configuration)
    try self.init(
      points: points, truth: truth, configuration: tuning?.applied(to: configuration) ?? configuration,
      tuning: tuning, reading: nil, notes: [])
    try requireReach()
  }

  /// Throws a data error for a target that the outputs of no point reach.
  private func requireReach() throws(FireTreeError) {
    let norm = points.norms().max() ?? 0
    let weight = configuration.outputs == .grouped ? Double(outputs).squareRoot() : 1
    let largest =
      weight * Network.largestOutput(neurons: configuration.neurons, norm: norm, threshold: threshold)
    let targets = targets
    for point in 0..<points.count {
      for output in 0..<outputs where largest > 0 && Double(abs(targets[point, output])) > largest {
        throw FireTreeError(
          .data,
          "data point \(point + 1): the target \(targets[point, output]) is beyond \(Float(largest)), the most that "
            + "outputs of \(configuration.neurons) neurons can be; scale the targets")
      }
    }
  }

  private init(
    points: DataPoints, truth: Supervision, configuration: TrainingConfiguration, tuning: LimitTuning?,
    reading: Reading?, notes: [String], target: Target? = nil
  ) throws(FireTreeError) {
    (self.points, self.truth, self.reading) = (points, truth, reading)
    (self.notes, self.tuning, loss) = (notes + (tuning?.notes ?? []), tuning, SquaredLoss())
    let norms = points.norms()
    let (initial, reason) = try Self.initial(configuration.initial, for: points)
    self.initial = initial
    var configuration = configuration
    width = try Self.width(
      points: points, targets: truth.targets, target: target, initial, configuration)
    if let width {
      configuration.neurons = width.neurons
      self.notes.append(width.note)
    }
    self.configuration = configuration
    switch configuration.threshold {
    case .automatic, .paper:
      threshold = Network.paperThreshold(neurons: configuration.neurons)
      self.notes.append("threshold: \(threshold) (sqrt(0.4 ln \(configuration.neurons)))")
    case .value(let value): threshold = value
    case .firingShare(let share):
      threshold = Float(NormalDistribution.threshold(firingShare: share, norms: norms))
      self.notes.append("threshold: \(threshold) (a firing share of \(share))")
    }
    firingShare = NormalDistribution.firingShare(threshold: Double(threshold), norms: norms)
    availableMemory = ByteCount.available
    if points.count > 1, truth.isConstant {
      self.notes.append(
        "all points have the same target, so there is nothing to learn: is it the right column?")
    }
    // The limit kernel has no weights.
    if configuration.predictor == .network {
      let why = reason.map { " (\($0))" } ?? ""
      self.notes.append("start: \(configuration.start.rawValue) neurons, \(initial.rawValue) weights\(why)")
    }
  }

  /// The width that is chosen for a configuration which leaves it open, and whose threshold is a number after tuning.
  private static func width(
    points: DataPoints, targets: Matrix, target: Target?, _ initial: InitialWeights.Distribution,
    _ configuration: TrainingConfiguration
  ) throws(FireTreeError) -> WidthChoice? {
    guard configuration.choosesNeurons else { return nil }
    let threshold: Float
    switch configuration.threshold {
    case .value(let value): threshold = value
    case .firingShare(let share):
      threshold = Float(NormalDistribution.threshold(firingShare: share, norms: points.norms()))
    // The one is refused (`TrainingConfiguration.check`), the other tuned.
    case .paper, .automatic: return nil
    }
    guard case .value(let ridge) = configuration.ridge else { return nil }
    var keys = target
    if keys == nil { keys = try LimitTuning.keys(of: targets) }
    guard let keys else { return nil }
    let sample = try StratifiedSplit.sample(
      of: keys, atMost: WidthChoice.pointsAtMost, seed: configuration.seed)
    return try WidthChoice(
      points: points.chosen(sample), targets: targets.chosen(sample), total: points.count,
      threshold: threshold, ridge: ridge, distribution: initial, configuration: configuration)
  }

  /// Structured weights pay where a product with a point costs much more than its share of a transform, and blocks are large
  /// enough to look like normal weights: dense points of 256 inputs and more.
  static let structuredInputs = 256...HadamardWeights.largestBlock

  /// The distribution that is configured or, when it is automatic, chosen, with the reason.
  private static func initial(
    _ choice: TrainingConfiguration.Initial, for points: DataPoints
  ) throws(FireTreeError) -> (InitialWeights.Distribution, reason: String?) {
    if case .value(let distribution) = choice {
      if let limitation = distribution.limitation(columns: points.dimension) { throw .usage(limitation) }
      return (distribution, nil)
    }
    guard case .dense = points.storage else { return (.gaussian, "sparse points") }
    let isStructured = structuredInputs.contains(points.dimension)
    return (isStructured ? .hadamard : .gaussian, "dense points of \(points.dimension) inputs")
  }

  public var targets: Matrix { truth.targets }
  /// C.
  public var outputs: Int { truth.targets.columns }

  /// n, d, m, C as the engines plan their memory with them, weights stored, as if pairs fired independently.
  public var shape: ProblemShape {
    var shape = ProblemShape(
      points: points, neurons: configuration.neurons, outputs: outputs,
      usesVelocity: configuration.momentum.coefficient > 0,
      firing: FiringProfile(independent: firingShare, points: points.count))
    shape.layout = configuration.outputs
    (shape.initial, shape.start) = (initial, configuration.start)
    shape.threads = configuration.workers.threads
    return shape
  }

  /// The initial network. Complexity: O(m C), and O(m d) for stored weights. Throws a usage error when there is no
  /// memory for it.
  public func initialNetwork(form: HiddenWeights.Form = .seeded) throws(FireTreeError) -> Network {
    try Network(
      neurons: configuration.neurons, dimension: points.dimension, outputs: outputs,
      threshold: threshold, seed: configuration.seed, layout: configuration.outputs, form: form,
      initial: initial, start: configuration.start, workers: configuration.workers)
  }

  /// The configured rule of a step, with the configured learning rate or, when that is automatic, 1 / (curvature of the loss
  /// times lambda_max), lambda_max that of the tangent kernel of `network` as estimated from the limit kernel
  /// (`TangentEigenvalue`); 1 when nothing fires.
  ///
  /// With Nesterov momentum of 0.9 steps are stable up to 1.36 times that (`TangentKernel`); the kernel grows while neurons
  /// come to fire in training, which `StepControl` answers.
  ///
  /// The same for every engine. Complexity of an automatic rate: O(n), and a few million inner products.
  ///
  /// Throws a usage error when there is no memory for it.
  public func rule(for network: Network) throws(FireTreeError) -> UpdateRule {
    let rate: Float
    switch configuration.learningRate {
    case .value(let value): rate = value
    case .automatic:
      let kernel = try TangentEigenvalue.estimate(
        points: points, network: network, workers: configuration.workers)
      let inverse = Float(1 / (loss.curvature(truth: truth) * kernel.largest))
      rate = inverse.isFinite && inverse > 0 ? inverse : 1
    }
    return UpdateRule(rate: rate, momentum: configuration.momentum)
  }
}

extension TrainingProblem {
  /// The ridge of Gauss-Newton, given or tuned, in units of the mean diagonal of the limit kernel.
  var ridge: Double {
    guard case .value(let ridge) = configuration.ridge else {
      preconditionFailure("tuning chooses the ridge that is not given")
    }
    return ridge
  }
}

extension DataPoints {
  /// Whether every element is a finite number. Complexity: O(stored elements).
  fileprivate var isFinite: Bool {
    switch storage {
    case .dense(let matrix): matrix.isFinite
    case .sparse(let rows): rows.values.allSatisfy(\.isFinite)
    }
  }
}

extension Matrix {
  fileprivate var isFinite: Bool {
    withView { view in
      (0..<view.rows).allSatisfy { r in (0..<view.columns).allSatisfy { view[r, $0].isFinite } }
    }
  }
}
