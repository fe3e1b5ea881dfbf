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
    let session = try TrainingSession(
      instance.problem(rate: learningRate, iterations: iterations, workers: workers), engine: engine)
    let observer = Observer(
      initial: try instance.network(workers: workers).weights, iterations: iterations, workers: workers)
    try session.run(observers: [observer])
    (stages, losses, audit) = (observer.stages, observer.losses, observer.audit)
    largestShare = observer.largestShare
  }

  private final class Observer: TrainingObserver {
    private let initial: HiddenWeights
    private let iterations: Int
    private let workers: Workers
    var stages: [Stage] = []
    var losses: [Double] = []
    var largestShare = 0.0
    var audit = FiringAudit()

    init(initial: HiddenWeights, iterations: Int, workers: Workers) {
      self.initial = initial
      self.iterations = iterations
      self.workers = workers
    }

    func observe(_ record: TrainingRecord, session: TrainingSession) throws {
      losses.append(record.loss)
      largestShare = max(largestShare, record.firingShare)
      let t = record.iteration
      guard t & (t - 1) == 0 || t == iterations else { return }
      let movement = movement(of: session.engine)
      stages.append(
        Stage(
          iteration: t, loss: record.loss, firingShare: record.firingShare,
          largestMovement: movement.max() ?? 0,
          meanMovement: movement.reduce(0, +) / Double(max(movement.count, 1))))
      let found = FiringAudit(of: session.engine)
      audit += found
      guard found.missed == 0 && found.extra == 0 else {
        throw FireTreeError.failure(
          "iteration \(t): \(found.missed) pairs missed, \(found.extra) extra, with \(movement.count) neurons"
        )
      }
    }

    /// |w_r(t) - w_r(0)| for every neuron (m), a tile of neurons at a time.
    private func movement(of engine: any TrainingEngine) -> [Double] {
      let tiles = Tiles(of: initial.rows, size: DataPoints.weightsPerTile)
      let initial = initial
      let parts = workers.map(shards: tiles.count) { tile in
        var lengths: [Double] = []
        engine.withWeights(tiles[tile]) { now in
          initial.withTile(tiles[tile]) { start in
            lengths = (0..<now.rows).map { r in
              (0..<now.columns).reduce(0.0) {
                let difference = Double(now[r, $1]) - Double(start[r, $1])
                return $0 + difference * difference
              }.squareRoot()
            }
          }
        }
        return lengths
      }
      return Array(parts.joined())
    }
  }
}
