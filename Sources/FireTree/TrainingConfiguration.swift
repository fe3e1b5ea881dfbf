/// Everything that decides how a model is trained, with the defaults of the command line.
///
/// Training is a function of the data, this value and the library's version: the same configuration gives the same
/// model, bit by bit, on any number of threads. An automatic engine and automatic weights are chosen by the machine's
/// speed and free memory, and engines, and the two forms of weights, agree within rounding, not in every bit; named ones
/// give the same bits everywhere on one processor family.
public struct TrainingConfiguration: Sendable, Equatable {
  /// How the engine is chosen.
  public enum Engine: Sendable, Equatable {
    /// The one that is predicted to be the fastest of those that fit (`EnginePlan`).
    case automatic
    case value(EngineKind)
  }

  /// How the threshold b of the neurons is chosen.
  public enum Threshold: Sendable, Equatable {
    /// For a network that of the source paper; for the limit kernel by `LimitTuning`.
    case automatic
    /// sqrt(0.4 ln m), that of the source paper, for a network of m neurons.
    case paper
    case value(Float)
    /// The threshold at which the initial network fires on this share of all pairs, in (0, 1).
    case firingShare(Double)
  }

  /// How the step size is chosen.
  public enum LearningRate: Sendable, Equatable {
    /// The reciprocal of the largest eigenvalue of the tangent kernel at the start, as estimated (`TangentEigenvalue`).
    case automatic
    case value(Float)
  }

  /// How the initial hidden weights are distributed.
  public enum Initial: Sendable, Equatable {
    /// Structured for dense points of 256 to 4096 inputs, normal for others: see `TrainingProblem.initial`.
    case automatic
    case value(InitialWeights.Distribution)
  }

  /// How a network is trained.
  public enum Optimizer: String, Sendable, CaseIterable {
    /// Gradient descent.
    case automatic = "auto"
    /// Full-batch gradient descent, plain or with momentum (`UpdateRule`).
    case gradientDescent = "gradient-descent"
    /// A few damped least-squares steps (`GaussNewton`). The learning rate and the momentum are without meaning then.
    case gaussNewton = "gauss-newton"
  }

  /// What is trained.
  public enum Predictor: String, Sendable {
    /// A network of so many neurons, by descent.
    case network
    /// The network of infinite width: ridge regression on the limit kernel (`KernelRidge`). Neurons, engine, steps and weights
    /// are without meaning then; the seed decides on which points it is tuned.
    case limitKernel = "limit-kernel"
  }

  /// How the penalty on the movement of the weights is chosen, for the limit kernel and for Gauss-Newton.
  public enum Ridge: Sendable, Equatable {
    /// By `LimitTuning`.
    case automatic
    /// In units of the mean diagonal of the limit kernel; for a network it may be 0.
    case value(Double)
  }

  /// In which form the hidden weights are held (`HiddenWeights`).
  public enum Weights: Sendable, Equatable {
    /// The smaller one: see `TrainingProblem.weights(for:)`.
    case automatic
    case value(HiddenWeights.Form)
  }

  public var predictor: Predictor
  public var optimizer: Optimizer
  /// m; with `choosesNeurons`, before a problem has chosen it, without meaning.
  public var neurons: Int
  /// Whether `WidthChoice` chooses the width; for Gauss-Newton.
  public var choosesNeurons: Bool
  /// What computes the steps. The model says which engine it was.
  public var engine: Engine
  /// Which outputs a neuron feeds.
  public var outputs: Network.OutputLayout
  public var threshold: Threshold
  public var learningRate: LearningRate
  public var momentum: UpdateRule.Momentum
  /// The most steps; of Gauss-Newton those that are not taken back.
  public var iterations: Int
  /// Training stops early at this loss.
  public var targetLoss: Double?
  /// Whether a rise of the loss drops the momentum, and a large one halves the rate (`StepControl`); when this is nil, with an
  /// automatic rate.
  public var adapts: Bool?
  /// Whether training goes back to the lowest loss that it has marked, when the last one is higher.
  public var keepsBest: Bool
  public var seed: UInt64
  public var initial: Initial
  /// Whether neurons start in pairs, so that the outputs are 0 at the start.
  public var start: InitialWeights.Start
  public var weights: Weights
  public var ridge: Ridge
  /// By which error threshold, constant coordinate and ridge of the limit kernel are chosen, so far as they are left open.
  public var tuning: LimitTuning.Method
  public var preprocessing: PreprocessingOptions
  public var workers: Workers

  public init(
    predictor: Predictor = .network, optimizer: Optimizer = .automatic, neurons: Int = 5000,
    choosesNeurons: Bool = false, engine: Engine = .automatic,
    outputs: Network.OutputLayout = .full,
    threshold: Threshold = .automatic,
    learningRate: LearningRate = .automatic, momentum: UpdateRule.Momentum = .nesterov(0.9),
    iterations: Int? = nil, targetLoss: Double? = nil, adapts: Bool? = nil, keepsBest: Bool = true,
    seed: UInt64 = 0,
    initial: Initial = .automatic, start: InitialWeights.Start = .paired, weights: Weights = .automatic,
    ridge: Ridge = .automatic, tuning: LimitTuning.Method = .leaveOneOut,
    preprocessing: PreprocessingOptions = PreprocessingOptions(), workers: Workers = .all
  ) {
    self.predictor = predictor
    self.optimizer = optimizer
    self.neurons = neurons
    self.choosesNeurons = choosesNeurons
    self.engine = engine
    self.outputs = outputs
    self.threshold = threshold
    self.learningRate = learningRate
    self.momentum = momentum
    self.iterations = iterations ?? (optimizer == .gaussNewton ? 30 : 60)
    self.targetLoss = targetLoss
    self.adapts = adapts
    self.keepsBest = keepsBest
    self.seed = seed
    self.initial = initial
    self.start = start
    self.weights = weights
    self.ridge = ridge
    self.tuning = tuning
    self.preprocessing = preprocessing
    self.workers = workers
  }

  package var isAdaptive: Bool { adapts ?? (learningRate == .automatic) }
  package var usesGaussNewton: Bool { predictor == .network && optimizer == .gaussNewton }

  /// Throws a usage error for a value that is out of its range.
  func check() throws(FireTreeError) {
    guard neurons >= 1 && neurons <= Int(Int32.max) else {
      throw .usage("neurons must be from 1 to \(Int32.max), not \(neurons)")
    }
    guard !choosesNeurons || usesGaussNewton else {
      throw .usage("an automatic width is for networks that gauss-newton trains")
    }
    guard !choosesNeurons || threshold != .paper else {
      throw .usage("the paper's threshold, sqrt(0.4 ln m), needs a number of neurons: it cannot choose one")
    }
    guard iterations >= 0 else { throw .usage("iterations must be at least 0, not \(iterations)") }
    if case .value(let rate) = learningRate, !(rate > 0 && rate.isFinite) {
      throw .usage("the learning rate must be a positive number, not \(rate)")
    }
    if case .value(let threshold) = threshold, !threshold.isFinite {
      throw .usage("the threshold must be a finite number, not \(threshold)")
    }
    if threshold == .paper && predictor == .limitKernel {
      throw .usage(
        "the paper's threshold, sqrt(0.4 ln m), needs a number of neurons, and an infinite width has none")
    }
    if case .firingShare(let share) = threshold, !(share > 0 && share < 1) {
      throw .usage("the firing share must be between 0 and 1, not \(share)")
    }
    if case .value(let ridge) = ridge {
      guard ridge > 0 && ridge.isFinite || usesGaussNewton && ridge == 0 else {
        throw .usage("the ridge must be a positive number, not \(ridge)")
      }
    }
    let mu = momentum.coefficient
    guard mu >= 0 && mu < 1 else { throw .usage("the momentum must be from 0 to below 1, not \(mu)") }
    if let targetLoss, !(targetLoss >= 0) {
      throw .usage("the target loss must be at least 0, not \(targetLoss)")
    }
  }
}
