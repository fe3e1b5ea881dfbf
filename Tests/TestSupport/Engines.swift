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
    _ engine: inout any TrainingEngine, beside other: inout any TrainingEngine, targets: Matrix,
    threshold: Float, steps: Int, _ body: (Int, Double, any TrainingEngine) -> Void = { _, _, _ in }
  ) {
    let loss = SquaredLoss()
    for step in 1...steps {
      let before = engine.network
      _ = engine.advance(outputGradient: loss.gradient(outputs: engine.outputs, targets: targets))
      _ = other.advance(outputGradient: loss.gradient(outputs: other.outputs, targets: targets))
      let (value, expected) = (
        loss.value(outputs: engine.outputs, targets: targets),
        loss.value(outputs: other.outputs, targets: targets)
      )
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
