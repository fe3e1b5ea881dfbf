import CorrelationTrees
import FireTreeCore
import FireTreeTraining

/// An engine in a test, with the rule of its steps.
///
/// Tests make engines, step them and look at them through this type alone, so that the engines' contract is spelled once.
public struct Trainee: Sendable {
  public var engine: any TrainingEngine

  /// `engine` as it is, for engines that `EngineKind.make` does not make.
  public init(_ engine: any TrainingEngine) { self.engine = engine }

  /// The rule of the next step.
  public var rule: GradientDescent {
    get { engine.optimizer }
    set { engine.optimizer = newValue }
  }

  public var points: DataPoints { engine.points }
  public var outputs: Matrix { engine.outputs }
  public var network: Network { engine.network }
  public var outputWeights: Matrix { engine.outputWeights }
  public var firingSet: FiringSet { engine.firingSet }
  public var firingPairs: Int { engine.firingPairs }

  /// The points on which each neuron fires, ascending.
  public var firingLists: [[Int]] {
    var lists = [[Int]](repeating: [], count: outputWeights.rows)
    firingSet.forEachPair { neuron, point, _ in lists[neuron].append(point) }
    return lists
  }

  /// The tangent kernel of the network as it is.
  public var kernel: TangentKernel {
    TangentKernel(outputWeights: outputWeights, points: points, firing: firingSet, workers: .all)
  }

  public func audit(threads: Int = 2) -> FiringAudit {
    FiringAudit(of: engine, workers: Workers(threads: threads))
  }

  /// A step along a gradient of the loss in the outputs (n x C).
  @discardableResult
  public mutating func step(_ gradient: Matrix) -> StepReport { engine.advance(outputGradient: gradient) }

  /// A step of the squared loss.
  @discardableResult
  public mutating func step(towards targets: Matrix) -> StepReport {
    step(SquaredLoss().gradient(outputs: outputs, targets: targets))
  }

  public func loss(_ targets: Matrix) -> Double { SquaredLoss().value(outputs: outputs, targets: targets) }

  @discardableResult
  public mutating func run(
    _ loop: TrainingLoop, targets: Matrix, observers: [any TrainingObserver] = []
  ) throws -> (last: TrainingRecord, reason: TrainingLoop.StopReason) {
    try loop.run(&engine, targets: targets, observers: observers)
  }

  /// Trains and returns the losses, the initial one first.
  public mutating func losses(targets: Matrix, iterations: Int) throws -> [Double] {
    let history = History()
    try run(TrainingLoop(iterations: iterations), targets: targets, observers: [history])
    return history.losses
  }
}

extension TrainingEngine {
  /// Makes the engine on a small problem.
  public static func make(
    _ network: Network, _ points: DataPoints, rate: Float, momentum: GradientDescent.Momentum = .none,
    threads: Int = 2
  ) -> Trainee {
    Trainee(
      Self(
        network: network, points: points, optimizer: GradientDescent(learningRate: rate, momentum: momentum),
        workers: Workers(threads: threads)))
  }
}

extension EngineKind {
  /// Makes the engine on a small problem.
  public func make(
    _ network: Network, _ points: DataPoints, rate: Float, momentum: GradientDescent.Momentum = .none,
    threads: Int = 2
  ) -> Trainee { type.make(network, points, rate: rate, momentum: momentum, threads: threads) }
}

/// Engines with a part of their tuning given.
extension Trainee {
  public static func dense(
    _ network: Network, _ points: DataPoints, _ rule: GradientDescent, bitBudget: ByteCount
  ) -> Trainee {
    Trainee(
      DenseEngine(network: network, points: points, optimizer: rule, workers: .all, bitBudget: bitBudget))
  }

  public static func gram(
    _ network: Network, _ points: DataPoints, _ rule: GradientDescent, fixedSkin: Float?
  ) -> Trainee {
    Trainee(
      GramEngine(network: network, points: points, optimizer: rule, workers: .all, fixedSkin: fixedSkin))
  }

  public static func weights(
    _ network: Network, _ points: DataPoints, _ rule: GradientDescent, pointsPerBlock: Int, threads: Int
  ) -> Trainee {
    Trainee(
      WeightEngine(
        network: network, points: points, optimizer: rule, workers: Workers(threads: threads),
        pointsPerBlock: pointsPerBlock))
  }
}

/// An engine whose answers are changed on the way, for what must find that.
public struct FalseEngine: TrainingEngine {
  private var engine: any TrainingEngine
  private var steps = 0
  private let changedNetwork: Network?
  private let changeOutputs: @Sendable (inout Matrix, _ steps: Int) -> Void
  private let changeFiring: @Sendable (inout FiringSet) -> Void

  public init(
    _ trainee: Trainee, network: Network? = nil,
    outputs: @escaping @Sendable (inout Matrix, _ steps: Int) -> Void = { _, _ in },
    firing: @escaping @Sendable (inout FiringSet) -> Void = { _ in }
  ) {
    (engine, changedNetwork) = (trainee.engine, network)
    (changeOutputs, changeFiring) = (outputs, firing)
  }

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    preconditionFailure("made from another engine")
  }

  public var points: DataPoints { engine.points }
  public var optimizer: GradientDescent {
    get { engine.optimizer }
    set { engine.optimizer = newValue }
  }
  public var outputs: Matrix {
    var result = engine.outputs
    changeOutputs(&result, steps)
    return result
  }
  public var network: Network { changedNetwork ?? engine.network }
  public var firingSet: FiringSet {
    var result = engine.firingSet
    changeFiring(&result)
    return result
  }
  public var firingPairs: Int { firingSet.pairCount }

  public mutating func advance(outputGradient: Matrix) -> StepReport {
    steps += 1
    return engine.advance(outputGradient: outputGradient)
  }

  public static func requiredMemory(for shape: ProblemShape) -> ByteCount { ByteCount(0) }
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    PredictedCost(preprocessing: 0, step: 0)
  }
}

/// Keeps every record.
public final class History: TrainingObserver {
  public private(set) var records: [TrainingRecord] = []
  public var losses: [Double] { records.map(\.loss) }
  public var stopsAfter: Int?

  public init() {}

  public func observe(_ record: TrainingRecord, engine: any TrainingEngine) { records.append(record) }
  public var wantsStop: Bool { stopsAfter.map { records.count > $0 } ?? false }
}

/// Two trainings side by side, each along gradients of its own outputs.
///
/// As long as both fire on the same pairs they differ by rounding alone. A pair within rounding of the threshold (a tie)
/// may fall on either side of it, and from there on they are two trainings: their losses may differ by more.
public struct Companions {
  /// Steps after which both fired on the same pairs, without a gap from the first.
  public private(set) var together = 0
  /// The largest relative difference of losses up to there, and after any step.
  public private(set) var largestDifference = 0.0
  public private(set) var largestDifferenceOfAll = 0.0
  /// How near to the threshold the pairs were that fire in one alone, in the first step in which there are any: after that
  /// step or the one before, since what an engine computes again for its gradient may be rounded differently.
  public private(set) var ties: [Double] = []

  /// Trains both for `steps`; `body(step, loss)` is called after each with the loss of `engine`.
  public init(
    _ engine: inout Trainee, beside other: inout Trainee, targets: Matrix, threshold: Float, steps: Int,
    _ body: (Int, Double, Trainee) -> Void = { _, _, _ in }
  ) {
    for step in 1...steps {
      let before = engine.network
      engine.step(towards: targets)
      other.step(towards: targets)
      let (value, expected) = (engine.loss(targets), other.loss(targets))
      let difference = abs(value - expected) / expected
      largestDifferenceOfAll = max(largestDifferenceOfAll, difference)
      if together == step - 1 {
        ties = Self.differences(engine.firingSet, other.firingSet).map { pair in
          [before, engine.network].map { abs($0.correlation(pair, engine.points) - Double(threshold)) }.min()
            ?? 0
        }
        if ties.isEmpty {
          together = step
          largestDifference = max(largestDifference, difference)
        }
      }
      body(step, value, engine)
    }
  }

  /// The pairs of neuron and point that are in one set alone.
  private static func differences(_ a: FiringSet, _ b: FiringSet) -> [SIMD2<Int>] {
    var (pairs, others): (Set<SIMD2<Int>>, [SIMD2<Int>]) = ([], [])
    a.forEachPair { neuron, point, _ in pairs.insert(SIMD2(neuron, point)) }
    b.forEachPair { neuron, point, _ in
      if pairs.remove(SIMD2(neuron, point)) == nil { others.append(SIMD2(neuron, point)) }
    }
    return others + pairs
  }
}

extension Network {
  /// s of a pair of neuron and point, in doubles.
  fileprivate func correlation(_ pair: SIMD2<Int>, _ points: DataPoints) -> Double {
    zip(hiddenWeights.row(pair.x), points.plainRows[pair.y]).reduce(0) { $0 + Double($1.0) * $1.1 }
  }
}
