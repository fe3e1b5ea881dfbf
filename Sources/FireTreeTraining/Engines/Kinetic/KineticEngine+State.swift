import CorrelationTrees
import FireTreeCore

// What the engine knows in other forms.
extension KineticEngine {
  /// The pairs that fire, with their correlations now. Complexity: a look at every neuron.
  public var firingSet: FiringSet {
    let (store, neurons) = (store, neurons)
    return stepping.withStep { step in
      FiringSet(
        shards: store.workers.map(shards: store.lists.shards.count) { index in
          var result = FiringSet.Shard()
          let shard = store.lists.shards[index]
          shard.readLists { lists in
            KineticWorkspace.with(points: step.gram.rows) { workspace in
              for (local, neuron) in shard.neurons.enumerated() {
                let list = lists[local]
                let state = step.current(neurons[neuron], list, neuron: neuron)
                guard state.firing > 0 else { continue }
                step.correlate(list, neuron: neuron, state, workspace)
                for k in (0..<Int(state.firing)).sorted(by: { list.points[$0] < list.points[$1] }) {
                  result.append(point: Int(list.points[k]), correlation: workspace.values[k])
                }
                result.endRow(of: neuron)
              }
            }
          }
          return result
        })
    }
  }

  public func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void) {
    withMovements { movements in store.weights?.withRows(neurons, movedBy: movements.read, body) }
  }

  /// What neurons have moved by since their anchors, with their velocities, for many threads: nobody counts references to
  /// the engine.
  private struct Movements {
    let shards: UnsafePointer<CandidateLists.Shard>
    let neurons: KineticNeurons
    let step: KineticStep

    func read(_ shard: Int, _ neuron: Int, _ body: (WeightsAtAnchor.Movement) -> Void) {
      let first = shards[shard].neurons.lowerBound
      shards[shard].readLists { lists in
        KineticWorkspace.with(points: step.gram.rows) { workspace in
          let list = lists[neuron - first]
          let state = step.current(neurons[neuron], list, neuron: neuron)
          _ = step.settle(list, neuron: neuron, state, workspace)
          step.gatherVelocity(list, state, workspace, neuron: neuron)
          body(
            .init(
              points: list.points, alpha: workspace.terms.coefficients,
              beta: step.usesVelocity ? UnsafePointer(workspace.velocity) : nil, count: Int(state.support)))
        }
      }
    }
  }

  private func withMovements<Result>(_ body: (Movements) -> Result) -> Result {
    stepping.withStep { step in
      store.lists.shards.withUnsafeBufferPointer { shards in
        guard let shards = shards.baseAddress else { preconditionFailure("a network has neurons") }
        return body(Movements(shards: shards, neurons: neurons, step: step))
      }
    }
  }

  public func seededWeights() -> SeededWeights? {
    withMovements { movements in
      store.weights?.seededWeights(workers: team.workers, by: movements.read)
    }
  }

  public mutating func mark() {
    marked = nil
    marked = Mark(self)
  }

  public mutating func restore() {
    guard let marked else { preconditionFailure("no mark to go back to") }
    self = marked.engine
    self.marked = marked
  }

  public mutating func finish() -> TrainingState {
    marked = nil
    guard var weights = takeWeights() else { preconditionFailure("the state has been taken already") }
    let taken = withMovements { movements in
      weights.take(keepsVelocity: usesVelocity, workers: team.workers, by: movements.read)
    }
    return TrainingState(
      network: Network(
        weights: taken.weights, outputWeights: outputWeights, threshold: threshold, initial: initialWeights),
      velocity: taken.velocity.map { .combinations($0) }, iteration: iteration)
  }

  package func _checkInvariants() {
    store.checkInvariants(
      points: points, rows: withWeights, skin: { neurons[$0].neuron.skin }, firing: firingSet.pairs)
  }
}

extension KineticStep {
  /// The correlations of the points that fire, as they are now, into `workspace.values`; changes nothing.
  func correlate(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) {
    _ = settle(list, neuron: neuron, state, workspace)
    Kernels.combineSymmetric(
      of: gram, list.points, coefficients: workspace.terms.coefficients, count: Int(state.support),
      into: workspace.values)
    let anchored = list.plane(KineticPlane.anchored)
    for k in 0..<Int(state.firing) { workspace.values[k] += anchored[k] }
  }
}
