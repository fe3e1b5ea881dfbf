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
    stepping.withStep { step in
      store.weights?.withRows(
        neurons, movedBy: { shard, neuron, body in withMovement(of: neuron, shard: shard, step, body) }, body)
    }
  }

  /// Calls `body` with what a neuron has moved by since its anchor, and with its velocity.
  private func withMovement(
    of neuron: Int, shard: Int, _ step: KineticStep, _ body: (WeightsAtAnchor.Movement) -> Void
  ) {
    let shard = store.lists.shards[shard]
    shard.readLists { lists in
      KineticWorkspace.with(points: step.gram.rows) { workspace in
        let list = lists[neuron - shard.neurons.lowerBound]
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

  public func seededWeights() -> SeededWeights? {
    stepping.withStep { step in
      store.weights?.seededWeights(workers: team.workers) { shard, neuron, body in
        withMovement(of: neuron, shard: shard, step, body)
      }
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
    let taken = stepping.withStep { step in
      weights.take(keepsVelocity: usesVelocity, workers: team.workers) { shard, neuron, body in
        withMovement(of: neuron, shard: shard, step, body)
      }
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
