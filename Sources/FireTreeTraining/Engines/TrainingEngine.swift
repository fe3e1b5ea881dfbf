import CorrelationTrees
import FireTreeCore

/// A way to take the steps of training: it holds the network and the data points, knows the outputs of the network as it
/// is now, and advances it by one step at a time.
///
/// All engines give the answer of `DenseEngine`, up to rounding; they differ in what a step costs. An engine sees the loss
/// only through the gradient at the outputs. Each step brings its rule and the points that its gradient belongs to. An
/// engine neither prints nor keeps a history; `TrainingSession` (module FireTree) makes it and drives it.
public protocol TrainingEngine: Sendable {
  /// Takes `state` over and computes the outputs of its network on `points`.
  ///
  /// `rule` is what steps are expected to be like: with momentum, velocities are kept; by the rate some engines choose
  /// how far they look ahead. Precondition: points and network have the same dimension. Throws a usage error for a state
  /// or a rule that the engine does not take, and when memory runs out.
  init(_ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team)
    throws(FireTreeError)

  var points: DataPoints { get }
  var team: any Team { get }
  /// The rule that steps were expected to be like.
  var expectedRule: UpdateRule { get }
  /// Steps taken, those before the engine was made included.
  var iteration: Int { get }
  /// a_r (m x C).
  var outputWeights: Matrix { get }
  /// b.
  var threshold: Float { get }
  /// An upper bound of |s - <w, x>| / |x| for what its correlations carry beside the rounding of a product: that of
  /// transforms, where it began with structured weights.
  var transformRounding: Float { get }
  /// What the weights began as; nil when that is not known.
  var initialWeights: InitialWeights? { get }
  /// Seconds of what the initialiser did: "kernel", the products of all points with each other, and "first pass", the first
  /// look at all pairs; nothing where they are not told apart.
  var preparation: PhaseTimes { get }
  /// Whether a velocity is kept.
  var usesVelocity: Bool { get }

  /// f_i of the network as it is now, one row a selected point.
  func outputs(_ points: PointSelection) -> Matrix

  /// The pairs that fire in the network as it is now, one part for each of `Tiles.neuronShards`, with correlations.
  var firingSet: FiringSet { get }

  /// Number of pairs that fire in the network as it is now.
  var firingPairs: Int { get }

  /// Takes one step.
  ///
  /// Throws a usage error, before anything has changed, for a rule that the engine does not follow (`check`), and when
  /// memory runs out; then the engine cannot be used any more.
  mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport

  /// Keeps the state as it is now for `restore`, in place of an earlier mark. Takes `EngineMemory.mark` from the next step
  /// on.
  mutating func mark()

  /// Goes back to the mark, to its bits; the mark stays. Precondition: there is one.
  mutating func restore()

  /// Calls `body` with the weights of `neurons` as they are now, one a row, valid during the call.
  ///
  /// To be called on tiles, from any thread. Complexity: at most O(d) for each neuron and point with a coefficient;
  /// `neurons.count` d floats of working memory.
  func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void)

  /// The weights as they are now, as a seed and what training has added to it; nil for an engine that holds them otherwise.
  /// Complexity: O(entries log k).
  func seededWeights() -> SeededWeights?

  /// Moves the state out of the engine, which keeps its points but has no network any more: nothing of size m d is copied,
  /// and a mark is given up.
  mutating func finish() -> TrainingState

  /// Bytes that training of this size will hold at most.
  static func memory(for shape: ProblemShape) -> EngineMemory

  /// The time that training of this size is expected to take on a machine, for the choice of an engine.
  ///
  /// A pure function of its arguments, in closed form. It never traps, whatever the sizes.
  static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost

  /// Why the engine cannot train a problem of this size at all, whatever the memory; nil when it can.
  static func limitation(for shape: ProblemShape) -> String?

  /// Why the engine cannot take steps by such a rule; nil when it can.
  static func limitation(of rule: UpdateRule) -> String?

  /// Whether training a seeded network can spare its weights' memory. Every engine takes a seeded network; one that says
  /// no here computes its weights first.
  static var supportsSeededWeights: Bool { get }

  /// Whether it takes no longer with seeded weights, because rows are needed rarely; else they are for a lack of memory alone.
  static var prefersSeededWeights: Bool { get }
}

extension TrainingEngine {
  public static func limitation(for shape: ProblemShape) -> String? { nil }

  public static func limitation(of rule: UpdateRule) -> String? { rule.limitation(supportsDecay: false) }

  public static var supportsSeededWeights: Bool { false }

  public static var prefersSeededWeights: Bool { supportsSeededWeights }

  public var transformRounding: Float { 0 }

  public var initialWeights: InitialWeights? { nil }

  public var preparation: PhaseTimes { PhaseTimes() }

  /// Number of neurons, m.
  public var neuronCount: Int { outputWeights.rows }

  /// Throws a usage error for a rule that the engine does not follow.
  public func check(_ rule: UpdateRule) throws(FireTreeError) {
    let name = EngineKind(of: self)?.rawValue ?? "\(Self.self)"
    if let limitation = Self.limitation(of: rule) { throw .usage("the engine \(name): \(limitation)") }
    guard usesVelocity || !rule.usesVelocity else {
      throw .usage("the engine \(name) was made for steps without momentum")
    }
  }

  public func seededWeights() -> SeededWeights? { nil }

  /// f of the network as it is now on points that it is not trained on (n' x C): as `Network.outputs(for:)`.
  ///
  /// A row has the same bits alone and among others. Throws a usage error when there is no memory for them.
  /// Precondition: as many inputs as the points of the training.
  public func outputs(at fresh: DataPoints) throws(FireTreeError) -> Matrix {
    if let seeded = seededWeights(), seeded.initial.distribution == .hadamard {
      let network = Network(weights: .seeded(seeded), outputWeights: outputWeights, threshold: threshold)
      return try network.outputs(for: fresh, workers: team.workers)
    }
    let pass = DensePass(outputWeights: outputWeights, threshold: threshold, points: fresh)
    guard
      let shorter = StructuredPass(initialWeights, pass, team: team, rows: { [self] in withWeights($0, $1) })
    else { return try denseOutputs(at: fresh) }
    return try shorter.outputs()
  }

  /// The same by a dense pass, whatever the weights. Complexity: 2 n' m d flops, and that of `withWeights` for all neurons;
  /// memory as `DensePass`.
  public func denseOutputs(at fresh: DataPoints) throws(FireTreeError) -> Matrix {
    try DensePass(outputWeights: outputWeights, threshold: threshold, points: fresh)
      .outputs(team: team) { withWeights($0, $1) }
  }

  /// K z = J (J^T z), J the Jacobian of the outputs in the hidden weights at the present firing pattern (n x C).
  ///
  /// Throws a usage error when there is no memory for it. Complexity: O(k (d + C)) for k firing pairs. Whoever needs many products asks for the `tangentKernel` once.
  public func kernelProduct(_ z: Matrix) throws(FireTreeError) -> Matrix { try tangentKernel.times(z) }

  /// K at the present firing pattern.
  public var tangentKernel: TangentKernel {
    TangentKernel(outputWeights: outputWeights, points: points, firing: firingSet, team: team)
  }

  /// Makes the engine anew from its own state, so that the state is all that its bits depend on: an engine that is made
  /// from the state goes on with the same bits. A mark is given up. Throws, and takes as long, as
  /// the initialiser.
  public mutating func settle() throws(FireTreeError) {
    self = try Self(finish(), points: points, expecting: expectedRule, team: team)
  }
}

/// A copy of an engine as it was, which shares everything with the engine that has not changed since.
final class Mark<Engine: Sendable>: Sendable {
  let engine: Engine
  init(_ engine: Engine) { self.engine = engine }
}
