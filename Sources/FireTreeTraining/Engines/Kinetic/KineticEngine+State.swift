import CorrelationTrees
import FireTreeCore

// What the engine knows in other forms.
extension KineticEngine {
  /// The pairs that fire, with their correlations now. Complexity: a look at every neuron.
  public var firingSet: FiringSet {
    FiringSet(
      shards: readShards { step, shard, neuronNow in
        var result = FiringSet.Shard()
        shard.readLists { lists in
          _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
            for (local, neuron) in shard.neurons.enumerated() {
              let list = lists[local]
              let state = neuronNow(neuron, list)
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

  /// Computes w_r = w_r(t0) + sum_i alpha_ri x_i for every neuron, or of a seeded network the coefficients alone.
  public var network: Network {
    let (lists, neurons) = (settledLists(), neurons)
    let weights = anchors.moved(workers: workers) { shard, neuron, body in
      lists.shards[shard].readLists {
        let list = $0[neuron - lists.shards[shard].neurons.lowerBound]
        let support = Int(neurons[neuron].neuron.support)
        body(.init(points: list.points, alpha: list.plane(KineticPlane.alpha), count: support))
      }
    }
    return Network(weights: weights, outputWeights: outputWeights, threshold: threshold)
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
