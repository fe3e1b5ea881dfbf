import CorrelationTrees
import FireTreeCore

// Access to all neurons, shard by shard.
extension KineticEngine {
  /// Calls `body` for every shard, in parallel, and returns the results in order.
  mutating func withShards<Result>(
    _ body: (
      KineticStep, inout CandidateLists.Shard, Int, UnsafeMutablePointer<KineticNeuron>, KineticHands.View,
      AnchoredWeights.View
    ) -> Result
  ) -> [Result] {
    let (workers, stepping) = (workers, stepping)
    return neurons.withUnsafeMutableBufferPointer { neurons in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        hands.withView { hands in
          anchors.withView { anchors in
            stepping.withStep { step in
              guard let neurons = neurons.baseAddress else { return [] }
              return workers.map(shards: shards.count) {
                body(step, &shards[$0], $0, neurons, hands, anchors)
              }
            }
          }
        }
      }
    }
  }

  /// The same, to read: nothing is copied, not even when others share the engine's storage.
  func readShards<Result>(
    _ body: (KineticStep, CandidateLists.Shard, [KineticNeuron], [UInt16]) -> Result
  ) -> [Result] {
    let (lists, neurons, bins) = (lists, neurons, hands.bins)
    return stepping.withStep { step in
      workers.map(shards: lists.shards.count) { body(step, lists.shards[$0], neurons, bins) }
    }
  }

  /// The coefficients of every neuron as they are now, in lists of their own.
  func settledLists() -> CandidateLists {
    var lists = lists
    let (neurons, bins, workers) = (neurons, hands.bins, workers)
    stepping.withStep { step in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        workers.forEachShard(of: shards.count) { index in
          let range = shards[index].neurons
          shards[index].withLists { lists in
            _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
              for (local, neuron) in range.enumerated() {
                let list = lists[local]
                step.settle(
                  list, neuron: neuron, neurons[neuron], bin: bins[neuron],
                  alpha: list.plane(KineticPlane.alpha),
                  residue: step.clock.velocity == nil ? nil : list.plane(KineticPlane.residue), workspace)
              }
            }
          }
        }
      }
    }
    return lists
  }

  private var stepping: Stepping {
    Stepping(
      clock: clock, gram: gram, outputWeights: outputWeights, anchoring: anchoring,
      inverseNorms: inverseNorms)
  }

  /// What a `KineticStep` consists of.
  private struct Stepping {
    let clock: KineticClock
    let gram: Matrix
    let outputWeights: Matrix
    let anchoring: Anchoring
    let inverseNorms: [Float]

    func withStep<Result>(_ body: (KineticStep) -> Result) -> Result {
      clock.withView { clock in
        Matrix.withViews(gram, outputWeights) { gram, outputWeights in
          anchoring.norms.withUnsafeBufferPointer { norms in
            inverseNorms.withUnsafeBufferPointer { inverseNorms in
              guard let norms = norms.baseAddress, let inverseNorms = inverseNorms.baseAddress else {
                preconditionFailure("an engine needs points")
              }
              return body(
                KineticStep(
                  gram: gram, outputWeights: outputWeights, clock: clock,
                  outputScale: 1 / Float(outputWeights.rows).squareRoot(), threshold: anchoring.threshold,
                  norms: norms, inverseNorms: inverseNorms, largestNorm: anchoring.largestNorm,
                  rounding: anchoring.rounding))
            }
          }
        }
      }
    }
  }
}

extension KineticStep {
  /// Moves the anchor of a neuron whose skin is spent to where it is now, and keeps in `retired` what its new list has to
  /// know of the old one.
  func retire(
    _ list: CandidateLists.List, neuron: Int, shard: Int, _ state: KineticNeuron,
    _ retired: inout RetiredNeurons, _ anchors: AnchoredWeights.View, _ workspace: KineticWorkspace
  ) {
    let support = Int(state.support)
    gatherVelocity(list, neuron: neuron, state, workspace)
    retired.append(
      neuron: neuron, firing: Int(state.firing), support: support, points: list.points,
      correlations: workspace.values, threshold: threshold,
      velocities: clock.velocity == nil ? nil : UnsafePointer(workspace.velocity))
    anchors.moveAnchor(
      of: neuron, shard: shard,
      by: .init(points: list.points, alpha: list.plane(KineticPlane.alpha), count: support), workspace.terms)
  }
}
