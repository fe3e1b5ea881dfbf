import CorrelationTrees
import FireTreeCore

// Access to all neurons, shard by shard.
extension KineticEngine {
  /// Calls `body` for every shard, in parallel, and returns the results in order. Anchored weights are left alone, so
  /// that whoever else holds the network does not make them be copied.
  mutating func withShards<Result>(
    _ body: (KineticStep, inout CandidateLists.Shard, Int, KineticNeurons.View) -> Result
  ) -> [Result] {
    let (workers, stepping) = (workers, stepping)
    return withNeurons { neurons, lists, _ in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        stepping.withStep { step in
          workers.map(shards: shards.count) { body(step, &shards[$0], $0, neurons) }
        }
      }
    }
  }

  /// The same with access to the anchored weights.
  mutating func withAnchors<Result>(
    _ body: (
      KineticStep, inout CandidateLists.Shard, Int, KineticNeurons.View, AnchoredWeights.View
    ) -> Result
  ) -> [Result] {
    let (workers, stepping) = (workers, stepping)
    return withNeurons { neurons, lists, anchors in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        anchors.withView { anchors in
          stepping.withStep { step in
            workers.map(shards: shards.count) { body(step, &shards[$0], $0, neurons, anchors) }
          }
        }
      }
    }
  }

  private mutating func withNeurons<Result>(
    _ body: (KineticNeurons.View, inout CandidateLists, inout AnchoredWeights) -> Result
  ) -> Result {
    neurons.withView { body($0, &lists, &anchors) }
  }

  /// The same, to read: nothing is copied, not even when others share the engine's storage. `body` is also given what
  /// returns a neuron, by its number and its list, as it is now.
  func readShards<Result>(
    _ body: (KineticStep, CandidateLists.Shard, (Int, CandidateLists.List) -> KineticNeuron) -> Result
  ) -> [Result] {
    let (lists, neurons) = (lists, neurons)
    return stepping.withStep { step in
      workers.map(shards: lists.shards.count) { shard in
        body(step, lists.shards[shard]) { neuron, list in
          step.current(neurons[neuron], list, neuron: neuron)
        }
      }
    }
  }

  /// The coefficients of every neuron as they are now, in lists of their own.
  func settledLists() -> CandidateLists {
    var lists = lists
    let (neurons, workers) = (neurons, workers)
    stepping.withStep { step in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        workers.forEachShard(of: shards.count) { index in
          let range = shards[index].neurons
          shards[index].withLists { lists in
            _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
              for (local, neuron) in range.enumerated() {
                let list = lists[local]
                let state = step.current(neurons[neuron], list, neuron: neuron)
                _ = step.settle(list, neuron: neuron, state, workspace)
                list.plane(KineticPlane.alpha).update(
                  from: workspace.terms.coefficients, count: Int(state.support))
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
      impulses: impulses, gram: gram, outputWeights: outputWeights, singleWeights: singleWeights,
      largestWeight: largestWeight, anchoring: anchoring)
  }

  /// What a `KineticStep` consists of.
  private struct Stepping {
    let impulses: KineticImpulses
    let gram: Matrix
    let outputWeights: Matrix
    let singleWeights: [Float]
    let largestWeight: Float
    let anchoring: Anchoring

    func withStep<Result>(_ body: (KineticStep) -> Result) -> Result {
      impulses.withView { impulses in
        Matrix.withViews(gram, outputWeights) { gram, outputWeights in
          anchoring.norms.withUnsafeBufferPointer { norms in
            singleWeights.withUnsafeBufferPointer { single in
              guard let norms = norms.baseAddress else { preconditionFailure("an engine needs points") }
              let weights = single.baseAddress.flatMap {
                single.isEmpty ? nil : MatrixView(base: $0, rows: outputWeights.rows, columns: 1, stride: 1)
              }
              return body(
                KineticStep(
                  gram: gram, outputWeights: weights ?? outputWeights, largestWeight: largestWeight,
                  impulses: impulses, outputScale: 1 / Float(outputWeights.rows).squareRoot(),
                  threshold: anchoring.threshold, norms: norms, largestNorm: anchoring.largestNorm,
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
    _ list: CandidateLists.List, neuron: Int, shard: Int, _ state: KineticNeuron, newSkin: Float,
    _ retired: inout RetiredNeurons, _ anchors: AnchoredWeights.View, _ workspace: KineticWorkspace
  ) {
    retired.append(
      state, neuron: neuron, skin: newSkin, points: list.points, correlations: workspace.values,
      threshold: threshold,
      velocities: impulses.velocities == nil ? nil : UnsafePointer(workspace.velocity))
    anchors.moveAnchor(
      of: neuron, shard: shard,
      by: .init(points: list.points, alpha: list.plane(KineticPlane.alpha), count: Int(state.support)),
      workspace.terms)
  }
}
