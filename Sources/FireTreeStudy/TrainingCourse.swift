import FireTree

/// A training watched for what the analyses speak of: loss, firing and how far weights have moved.
package struct TrainingCourse {
  /// The state after a number of steps.
  package struct Stage {
    package var iteration: Int
    package var loss: Double
    package var firingShare: Double
    /// The largest and the mean |w_r(t) - w_r(0)|.
    package var largestMovement: Double
    package var meanMovement: Double
  }

  /// At 0, 1, 2, 4, ... steps and at the end.
  package private(set) var stages: [Stage] = []
  /// The loss after every step, that of the start first.
  package private(set) var losses: [Double] = []
  /// The largest share of pairs that fired after any step.
  package private(set) var largestShare = 0.0
  package private(set) var audit = FiringAudit()
  package let engine: EngineKind

  /// Trains with plain gradient descent and the engine that is predicted to be the fastest on a standard machine.
  ///
  /// Throws a failure when the loss diverges or a pair is missed.
  package init(_ instance: StudyInstance, learningRate: Float, iterations: Int, workers: Workers) throws {
    let shape = instance.shape
    let plan = EnginePlan(for: shape, iterations: iterations, machine: .standard(for: shape))
    engine = try plan.requireChoice()
    var trained: any TrainingEngine = engine.type.init(
      network: instance.network(workers: workers), points: instance.points,
      optimizer: GradientDescent(learningRate: learningRate, momentum: .none), workers: workers)
    let observer = Observer(
      initial: instance.network(workers: workers).hiddenWeights, iterations: iterations, workers: workers)
    _ = try TrainingLoop(iterations: iterations).run(
      &trained, targets: instance.targets, observers: [observer])
    (stages, losses, audit) = (observer.stages, observer.losses, observer.audit)
    largestShare = observer.largestShare
  }

  private final class Observer: TrainingObserver {
    private let initial: Matrix
    private let iterations: Int
    private let workers: Workers
    var stages: [Stage] = []
    var losses: [Double] = []
    var largestShare = 0.0
    var audit = FiringAudit()

    init(initial: Matrix, iterations: Int, workers: Workers) {
      self.initial = initial
      self.iterations = iterations
      self.workers = workers
    }

    func observe(_ record: TrainingRecord, engine: any TrainingEngine) throws {
      losses.append(record.loss)
      largestShare = max(largestShare, record.firingShare)
      let t = record.iteration
      guard t & (t - 1) == 0 || t == iterations else { return }
      let movement = Self.movement(from: initial, to: engine.network.hiddenWeights, workers: workers)
      stages.append(
        Stage(
          iteration: t, loss: record.loss, firingShare: record.firingShare,
          largestMovement: movement.max() ?? 0,
          meanMovement: movement.reduce(0, +) / Double(max(movement.count, 1))))
      let found = FiringAudit(of: engine, workers: workers)
      audit += found
      guard found.missed == 0 && found.extra == 0 else {
        throw FireTreeError.failure(
          "iteration \(t): \(found.missed) pairs missed, \(found.extra) extra, with \(engine.neuronCount) neurons"
        )
      }
    }

    /// |w_r - v_r| for every row (m).
    static func movement(from v: Matrix, to w: Matrix, workers: Workers) -> [Double] {
      let shards = Tiles.neuronShards(of: v.rows)
      let parts = Matrix.withViews(v, w) { v, w in
        workers.map(shards: shards.count) { shard in
          shards[shard].map { r in
            var sum = 0.0
            for j in 0..<v.columns {
              let difference = Double(w[r, j]) - Double(v[r, j])
              sum += difference * difference
            }
            return sum.squareRoot()
          }
        }
      }
      return Array(parts.joined())
    }
  }
}
