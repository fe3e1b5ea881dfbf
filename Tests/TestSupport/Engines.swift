import CorrelationTrees
import FireTreeCore
import FireTreeTraining

/// An engine in a test, with the rule of its steps.
///
/// Tests make engines, step them and look at them through this type alone, so that the engines' contract is spelled once.
public struct Trainee: Sendable {
  public var engine: any TrainingEngine
  /// The rule of the next step.
  public var rule: UpdateRule

  /// `engine` as it is, for engines that `EngineKind.make` does not make.
  public init(_ engine: any TrainingEngine, rule: UpdateRule? = nil) {
    (self.engine, self.rule) = (engine, rule ?? engine.expectedRule)
  }

  public var points: DataPoints { engine.points }
  public var outputs: Matrix { engine.outputs(.all) }
  public var outputWeights: Matrix { engine.outputWeights }
  public var firingSet: FiringSet { engine.firingSet }
  public var firingPairs: Int { engine.firingPairs }

  /// The state as it is now. The engine goes on: what is finished is a copy.
  public var state: TrainingState {
    var copy = engine
    return copy.finish()
  }
  public var network: Network { state.network }
  /// Those of a dense pass over its weights.
  public var exactOutputs: Matrix { Memory.demand(try network.outputs(for: points)) }

  /// The points on which each neuron fires, ascending.
  public var firingLists: [[Int]] {
    var lists = [[Int]](repeating: [], count: outputWeights.rows)
    firingSet.forEachPair { neuron, point, _ in lists[neuron].append(point) }
    return lists
  }

  /// The tangent kernel of the network as it is.
  public var kernel: TangentKernel { engine.tangentKernel }

  public func audit() -> FiringAudit { FiringAudit(of: engine) }

  /// A step along a gradient of the loss in the outputs of the selected points.
  @discardableResult
  public mutating func step(_ gradient: Matrix, of points: PointSelection = .all) -> StepReport {
    do {
      return try engine.advance(StepInput(gradient: gradient, points: points, rule: rule))
    } catch {
      fatalError("\(error)")
    }
  }

  /// A step of the squared loss.
  @discardableResult
  public mutating func step(towards targets: Matrix) -> StepReport {
    step(SquaredLoss().gradient(outputs: outputs, truth: Supervision(targets: targets)))
  }

  public func loss(_ targets: Matrix) -> Double {
    SquaredLoss().value(outputs: outputs, truth: Supervision(targets: targets))
  }

  /// Trains and returns the losses, the initial one first.
  public mutating func losses(targets: Matrix, iterations: Int) -> [Double] {
    var losses = [loss(targets)]
    for _ in 0..<iterations {
      step(towards: targets)
      losses.append(loss(targets))
    }
    return losses
  }
}

extension TrainingEngine {
  /// Makes the engine on a small problem; a rate of 0 says that it will be set before the first step.
  public static func make(
    _ network: Network, _ points: DataPoints, rate: Float, momentum: UpdateRule.Momentum = .none,
    threads: Int = 2
  ) -> Trainee {
    make(
      TrainingState(network: network), points, UpdateRule(rate: rate > 0 ? rate : 1, momentum: momentum),
      threads: threads)
  }

  /// Makes the engine from any state.
  public static func make(
    _ state: TrainingState, _ points: DataPoints, _ rule: UpdateRule, threads: Int = 2
  ) -> Trainee {
    Trainee.demand {
      try Self(state, points: points, expecting: rule, team: LocalTeam(workers: Workers(threads: threads)))
    }
  }
}

extension EngineKind {
  /// Makes the engine on a small problem.
  public func make(
    _ network: Network, _ points: DataPoints, rate: Float, momentum: UpdateRule.Momentum = .none,
    threads: Int = 2
  ) -> Trainee { type.make(network, points, rate: rate, momentum: momentum, threads: threads) }

  /// Makes the engine from any state.
  public func make(
    _ state: TrainingState, _ points: DataPoints, _ rule: UpdateRule, threads: Int = 2
  ) -> Trainee { type.make(state, points, rule, threads: threads) }
}

/// Engines with a part of their tuning given.
extension Trainee {
  fileprivate static func demand(_ make: () throws -> any TrainingEngine) -> Trainee {
    do { return Trainee(try make()) } catch { fatalError("\(error)") }
  }

  public static func dense(
    _ network: Network, _ points: DataPoints, _ rule: UpdateRule, bitBudget: ByteCount
  ) -> Trainee {
    demand {
      try DenseEngine(
        TrainingState(network: network), points: points, expecting: rule, team: LocalTeam(),
        bitBudget: bitBudget)
    }
  }

  public static func gram(
    _ network: Network, _ points: DataPoints, _ rule: UpdateRule, fixedSkin: Float?
  ) -> Trainee {
    demand {
      try GramEngine(
        TrainingState(network: network), points: points, expecting: rule, team: LocalTeam(),
        fixedSkin: fixedSkin)
    }
  }

  public static func weights(
    _ network: Network, _ points: DataPoints, _ rule: UpdateRule, pointsPerBlock: Int, threads: Int
  ) -> Trainee {
    demand {
      try WeightEngine(
        TrainingState(network: network), points: points, expecting: rule,
        team: LocalTeam(workers: Workers(threads: threads)), pointsPerBlock: pointsPerBlock)
    }
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

  public init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team
  ) throws(FireTreeError) {
    preconditionFailure("made from another engine")
  }

  public var points: DataPoints { engine.points }
  public var team: any Team { engine.team }
  public var expectedRule: UpdateRule { engine.expectedRule }
  public var iteration: Int { engine.iteration }
  public var outputWeights: Matrix { engine.outputWeights }
  public var threshold: Float { engine.threshold }
  public var usesVelocity: Bool { engine.usesVelocity }
  public func outputs(_ points: PointSelection) -> Matrix {
    var result = engine.outputs(points)
    changeOutputs(&result, steps)
    return result
  }
  public var firingSet: FiringSet {
    var result = engine.firingSet
    changeFiring(&result)
    return result
  }
  public var firingPairs: Int { firingSet.pairCount }

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    steps += 1
    return try engine.advance(step)
  }
  public mutating func mark() { engine.mark() }
  public mutating func restore() { engine.restore() }
  public mutating func finish() -> TrainingState { engine.finish() }
  public func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void) {
    if let changedNetwork {
      changedNetwork.weights.withTile(neurons, body)
    } else {
      engine.withWeights(neurons, body)
    }
  }

  public static func memory(for shape: ProblemShape) -> EngineMemory {
    EngineMemory(steps: ByteCount(0), finish: ByteCount(0), mark: ByteCount(0))
  }
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    PredictedCost(preprocessing: 0, step: 0)
  }
}
