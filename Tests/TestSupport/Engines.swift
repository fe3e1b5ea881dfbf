import CorrelationTrees
import FireTreeCore
import FireTreeTraining

extension EngineKind {
  /// Builds the engine on a small problem.
  public func make(
    _ network: Network, _ points: DataPoints, rate: Float, momentum: GradientDescent.Momentum = .none,
    threads: Int = 2
  ) -> any TrainingEngine {
    type.init(
      network: network, points: points, optimizer: GradientDescent(learningRate: rate, momentum: momentum),
      workers: Workers(threads: threads))
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

/// Trains and returns the losses, the initial one first.
public func losses(
  of engine: inout any TrainingEngine, targets: Matrix, iterations: Int
) throws -> [Double] {
  let history = History()
  _ = try TrainingLoop(iterations: iterations).run(&engine, targets: targets, observers: [history])
  return history.losses
}
