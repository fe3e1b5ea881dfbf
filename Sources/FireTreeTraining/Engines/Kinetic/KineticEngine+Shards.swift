import CorrelationTrees
import FireTreeCore

extension KineticEngine {
  /// What steps of single neurons read of the engine.
  var stepping: KineticStepping {
    KineticStepping(
      impulses: impulses, gram: gram, outputWeights: outputWeights, singleWeights: singleWeights,
      largestWeight: largestWeight, anchoring: store.anchoring)
  }
}

/// What a `KineticStep` consists of.
struct KineticStepping {
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
                impulses: impulses, outputScale: Network.outputScale(neurons: outputWeights.rows),
                threshold: anchoring.threshold, norms: norms, largestNorm: anchoring.largestNorm,
                rounding: anchoring.rounding))
          }
        }
      }
    }
  }

  /// Calls `body` for every shard, in parallel, and returns the results in order. Weights at the anchors are left alone
  /// unless they are asked for, so that whoever else holds them does not make them be copied.
  func mapShards<Result>(
    of store: inout CandidateStore, _ neurons: inout KineticNeurons, includingWeights: Bool = false,
    _ body: (
      KineticStep, inout CandidateLists.Shard, Int, KineticNeurons.View, WeightsAtAnchor.View?
    ) -> Result
  ) -> [Result] {
    let workers = store.workers
    return neurons.withView { neurons in
      store.withAccess(includingWeights: includingWeights) { access in
        withStep { step in
          workers.map(shards: access.shards.count) {
            body(step, &access.shards[$0], $0, neurons, access.weights)
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
    _ retired: inout RetiredNeurons, _ anchors: WeightsAtAnchor.View, _ workspace: KineticWorkspace
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
