import CorrelationTrees
import FireTreeCore

/// The sweep over all neurons of a shard: backward pass of one step, forward pass of the next.
struct GramSweep {
  let step: GramStep
  let skins: SkinModel
  let anchors: WeightsAtAnchor.View
  /// One a neuron; nil without momentum.
  let momenta: UnsafeMutablePointer<MomentumState>?

  func run(
    shard index: Int, _ shard: inout CandidateLists.Shard, _ certificates: UnsafeMutablePointer<Certificate>,
    _ sums: UnsafeMutablePointer<Double>
  ) -> SweepPart {
    var part = SweepPart()
    let neurons = shard.neurons
    shard.withLists { lists in
      CandidateWorkspace.with(points: step.gram.rows) { workspace in
        for (local, neuron) in neurons.enumerated() {
          if local + Self.lookAhead < neurons.count {
            prefetch(lists[local + Self.lookAhead], neuron: neuron + Self.lookAhead, certificates)
          }
          advance(
            lists[local], neuron: neuron, shard: index, &certificates[neuron], workspace, &part, sums)
        }
      }
    }
    return part
  }

  /// How many neurons ahead memory is asked for.
  private static let lookAhead = 2

  /// Asks for what advancing a neuron will read.
  @inline(__always)
  private func prefetch(
    _ list: CandidateLists.List, neuron: Int, _ certificates: UnsafeMutablePointer<Certificate>
  ) {
    let support = Int(certificates[neuron].support)
    Kernels.prefetch(list.points, count: list.count)
    Kernels.prefetch(list.plane(GramPlane.ceiling), count: list.count)
    Kernels.prefetch(list.plane(GramPlane.current), count: support)
    Kernels.prefetch(list.plane(GramPlane.anchored), count: support)
    Kernels.prefetch(step.outputWeights.row(neuron), count: step.outputWeights.columns)
  }

  @inline(__always)
  private func advance(
    _ list: CandidateLists.List, neuron: Int, shard: Int, _ certificate: inout Certificate,
    _ workspace: CandidateWorkspace, _ part: inout SweepPart, _ sums: UnsafeMutablePointer<Double>
  ) {
    let momentum = momenta.map { $0 + neuron }
    if step.advance(list, neuron: neuron, certificate: &certificate, momentum: momentum, workspace) {
      part.moved += 1
      guard certificate.holds else {
        expire(list, neuron: neuron, shard: shard, &certificate, momentum, workspace)
        part.expired.fixRoom(for: 1)
        return part.expired.append(Int32(neuron))
      }
      part.candidates += Int(certificate.support)
      part.candidates += step.lookAtUncertain(
        list, certificate: &certificate, momentum: momentum, workspace)
    }
    part.addOutputs(
      of: list, first: Int(certificate.support), outputWeights: step.outputWeights.row(neuron),
      outputs: step.outputWeights.columns, threshold: step.threshold, to: sums)
  }

  /// Moves the neuron's anchor to where it is now, and chooses its next skin.
  private func expire(
    _ list: CandidateLists.List, neuron: Int, shard: Int, _ certificate: inout Certificate,
    _ momentum: UnsafeMutablePointer<MomentumState>?, _ workspace: CandidateWorkspace
  ) {
    anchors.moveAnchor(
      of: neuron, shard: shard,
      by: .init(list, support: Int(certificate.support), momentum: momentum?.pointee), workspace)
    let current = list.plane(GramPlane.current)
    let firing = (0..<Int(certificate.support)).count { current[$0] > step.threshold }
    certificate.skin = skins.skin(firing: firing, stepLength: certificate.stepLength)
  }
}

extension WeightsAtAnchor.Movement {
  /// That of the neuron with this list: the first `support` candidates have the coefficients.
  init(_ list: CandidateLists.List, support: Int, momentum: MomentumState?) {
    self.init(
      points: list.points, alpha: list.plane(GramPlane.alpha),
      beta: momentum.map { _ in UnsafePointer(list.plane(GramPlane.beta)) }, count: support,
      kappa: momentum?.kappa ?? 0, decay: momentum?.decay ?? 0)
  }
}
