import CorrelationTrees
import FireTreeCore

/// A way to train a network by full-batch gradient descent: it holds the network and the data points, knows the
/// outputs of the network as it is now, and advances it by one step.
///
/// All engines give the answer of `DenseEngine`, up to rounding; they differ in what a step costs. An engine sees
/// the loss only through the gradient at the outputs, and it neither prints nor keeps a history.
public protocol TrainingEngine: Sendable {
  /// Prepares training of `network` on `points` and computes its outputs.
  init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers)

  var points: DataPoints { get }
  var optimizer: GradientDescent { get set }

  /// f_i of the network as it is now (n x C).
  var outputs: Matrix { get }

  /// The network as it is now. An engine that keeps the weights in another form computes them, O(m d).
  var network: Network { get }

  /// Output weights of the network (m x C), which training does not change.
  var outputWeights: Matrix { get }

  /// The pairs that fire in the network as it is now.
  var firingSet: FiringSet { get }

  /// Number of pairs that fire in the network as it is now.
  var firingPairs: Int { get }

  /// Takes one step along `outputGradient`, the gradient of the loss in the outputs (n x C).
  mutating func advance(outputGradient: Matrix) -> StepReport

  /// Bytes that training of this size will hold at most, network and data points included.
  static func requiredMemory(for shape: ProblemShape) -> ByteCount

  /// The time that training of this size is expected to take on a machine, for the choice of an engine.
  ///
  /// A pure function of its arguments, in closed form. It never traps, whatever the sizes.
  static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost

  /// Why the engine cannot train a problem of this size at all, whatever the memory; nil when it can.
  static func limitation(for shape: ProblemShape) -> String?

  /// Whether training a seeded network can spare its weights' memory. Every engine takes a seeded network; one that says
  /// no here computes its weights first.
  static var supportsSeededWeights: Bool { get }
}

/// The sizes that decide what an engine needs, and how much fires, which decides with them how long it takes.
public struct ProblemShape: Sendable, Equatable {
  /// n, d, m, C.
  public var points: Int
  public var dimension: Int
  public var neurons: Int
  public var outputs: Int
  public var usesVelocity: Bool
  /// Elements that the data points store, n d when dense.
  public var storedElements: Int
  /// Whether the weights are seeded ones.
  public var isSeeded = false
  /// Which outputs a neuron feeds.
  public var layout = Network.OutputLayout.full
  /// What fires in the initial network.
  public var firing: FiringProfile

  /// The shape of training on `points`; when nothing is known of what fires, one pair in twenty.
  public init(
    points: DataPoints, neurons: Int, outputs: Int, usesVelocity: Bool, isSeeded: Bool = false,
    firing: FiringProfile? = nil
  ) {
    self.points = points.count
    self.dimension = points.dimension
    self.neurons = neurons
    self.outputs = outputs
    self.usesVelocity = usesVelocity
    self.storedElements = points.storedElements
    self.isSeeded = isSeeded
    self.firing = firing ?? FiringProfile(independent: 0.05, points: points.count)
  }

  /// A shape by its numbers.
  public init(
    points: Int, dimension: Int, neurons: Int, outputs: Int, usesVelocity: Bool, storedElements: Int,
    firing: FiringProfile
  ) {
    self.points = points
    self.dimension = dimension
    self.neurons = neurons
    self.outputs = outputs
    self.usesVelocity = usesVelocity
    self.storedElements = storedElements
    self.firing = firing
  }

  /// What the weights take with their velocity. Stored ones: m d floats each.
  ///
  /// Seeded ones: an entry of alpha, and one of the velocity's combination, for each pair that has fired so far. That is
  /// taken as twice what is expected to fire at a time.
  public var weightsMemory: ByteCount {
    let copies = usesVelocity ? 2 : 1
    guard isSeeded else { return ByteCount.matrix(rows: neurons, columns: dimension) * copies }
    let share = firing.share >= 0 && firing.share < 0.5 ? 2 * firing.share : 1
    let perNeuron = min(points, Int((share * Double(points)).rounded(.up)))
    return PointCombinations.requiredMemory(rows: neurons, entries: ByteCount(neurons) * perNeuron) * copies
  }

  /// The network with its velocity, the data points, and the outputs' partial sums: what every engine holds.
  var baseMemory: ByteCount {
    let outputWeights = ByteCount.matrix(rows: neurons, columns: outputs)
    let sums = ByteCount(MemoryLayout<Double>.stride * 64) * points * OutputSums.stride(outputs: outputs)
    return weightsMemory + outputWeights + sums + ByteCount(8) * storedElements
  }
}

extension TrainingEngine {
  public static func limitation(for shape: ProblemShape) -> String? { nil }

  public static var supportsSeededWeights: Bool { false }

  public var outputWeights: Matrix { network.outputWeights }

  /// Number of neurons, m.
  public var neuronCount: Int { outputWeights.rows }
}

/// What one step did.
public struct StepReport: Sendable, Equatable {
  /// Pairs that contributed to the gradient.
  public var firingPairs: Int
  /// Neurons whose weights changed.
  public var neuronsMoved: Int
  public var counts: OperationCounts
  public var phases: PhaseTimes

  public init(
    firingPairs: Int, neuronsMoved: Int, counts: OperationCounts = OperationCounts(),
    phases: PhaseTimes = PhaseTimes()
  ) {
    self.firingPairs = firingPairs
    self.neuronsMoved = neuronsMoved
    self.counts = counts
    self.phases = phases
  }
}

/// Wall-clock seconds by phase of a step, in the order in which phases first occurred.
public struct PhaseTimes: Sendable, Equatable {
  public private(set) var seconds: [(phase: String, seconds: Double)] = []

  public init() {}

  /// Runs `body` and adds its time to `phase`.
  public mutating func measure<Result>(_ phase: String, _ body: () -> Result) -> Result {
    var result: Result?
    let duration = ContinuousClock().measure { result = body() }
    add(duration.seconds, to: phase)
    guard let result else { preconditionFailure("a measured body returns") }
    return result
  }

  public mutating func add(_ time: Double, to phase: String) {
    if let index = seconds.firstIndex(where: { $0.phase == phase }) {
      seconds[index].seconds += time
    } else {
      seconds.append((phase, time))
    }
  }

  public static func == (a: PhaseTimes, b: PhaseTimes) -> Bool {
    a.seconds.elementsEqual(b.seconds) { $0 == $1 }
  }
}

extension Duration {
  /// The duration in seconds.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
