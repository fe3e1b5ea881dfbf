import CorrelationTrees
import FireTreeCore

// What the engine knows in other forms.
extension KineticEngine {
  /// The pairs that fire, with their correlations now. Complexity: a look at every neuron.
  public var firingSet: FiringSet {
    FiringSet(
      shards: readShards { step, shard, neurons, bins in
        var result = FiringSet.Shard()
        shard.readLists { lists in
          _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
            for (local, neuron) in shard.neurons.enumerated() where neurons[neuron].firingCount > 0 {
              let (list, state) = (lists[local], neurons[neuron])
              step.correlate(list, neuron: neuron, state, bin: bins[neuron], workspace)
              let firing = (0..<Int(state.watched) + Int(state.firing)).filter { state.fires(at: $0) }
              for k in firing.sorted(by: { list.points[$0] < list.points[$1] }) {
                result.append(point: Int(list.points[k]), correlation: workspace.values[k].x)
              }
              result.endRow(of: neuron)
            }
          }
        }
        return result
      })
  }

  /// Candidates that are watched now. For tests.
  package var watchedCandidates: Int { neurons.reduce(0) { $0 + Int($1.watched) } }

  /// Computes w_r = w_r(t0) + sum_i alpha_ri x_i for every neuron, or of a seeded network the coefficients alone.
  public var network: Network {
    let (lists, neurons) = (settledLists(), neurons)
    let weights = anchors.moved(workers: workers) { shard, neuron, body in
      lists.shards[shard].readLists {
        let list = $0[neuron - lists.shards[shard].neurons.lowerBound]
        body(
          .init(
            points: list.points, alpha: list.plane(KineticPlane.alpha), count: Int(neurons[neuron].support)))
      }
    }
    return Network(weights: weights, outputWeights: outputWeights, threshold: threshold)
  }
}

extension KineticStep {
  /// The correlations of the points that fire, as they are now, into the workspace; changes nothing.
  func correlate(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, bin: UInt16,
    _ workspace: KineticWorkspace
  ) {
    let (leading, support) = (Int(state.watched) + Int(state.firing), Int(state.support))
    let alpha = workspace.terms.coefficients
    settle(
      list, neuron: neuron, state, bin: bin, alpha: alpha,
      residue: clock.velocity == nil ? nil : workspace.terms.changes, workspace)
    for k in 0..<support { workspace.quads[k] = SIMD4(alpha[k], 0, 0, 0) }
    Kernels.combineQuadsSymmetric(
      of: gram, list.points, workspace.quads, count: support, into: workspace.values)
    let anchored = list.plane(KineticPlane.anchored)
    for k in 0..<leading { workspace.values[k].x += anchored[k] }
  }
}
