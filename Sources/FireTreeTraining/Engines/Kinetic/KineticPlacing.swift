import CorrelationTrees
import FireTreeCore

/// How the candidates of a neuron that has been anchored are put into its list.
struct KineticPlacing {
  let step: KineticStep

  /// The list of neuron `local` of the shard becomes that of the candidates found; its pattern and its part in the
  /// outputs are corrected for what it was before, in `retired`.
  func place(
    _ points: UnsafeBufferPointer<UInt16>, _ correlations: UnsafeBufferPointer<Float>, neuron: Int,
    skin: Float, into shard: inout CandidateLists.Shard, _ neurons: KineticNeurons.View,
    _ retired: inout RetiredNeurons, _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) {
    let local = neuron - shard.neurons.lowerBound
    let old = retired.take(neuron)
    let chosen = (points: workspace.terms.columns, values: workspace.terms.coefficients)
    let firing = appendFiring(points, correlations, chosen)
    let support = appendMoving(points, correlations, old, retired, chosen, firing: firing)
    let count = appendOthers(
      points, correlations, chosen, firing: firing, support: support, skin: skin)
    shard.replace(
      local, points: UnsafeBufferPointer(start: chosen.points, count: count),
      correlations: UnsafeBufferPointer(start: chosen.values, count: count))
    var state = KineticNeuron()
    (state.skin, state.firing, state.support) = (skin, UInt16(firing), UInt16(support))
    shard.withLists { lists in
      let list = lists[local]
      setAlpha(list, neuron: neuron, firing: firing)
      if step.usesVelocity {
        setResidues(list, neuron: neuron, old, retired, firing: firing, support: support, workspace)
      }
      if let old { report(list, neuron: neuron, old, retired, firing: firing, &changes, workspace) }
      step.start(list, neuron: neuron, &state, &neurons.countdowns[neuron], workspace)
      neurons[neuron].neuron = state
      neurons[neuron].keep(list.points)
    }
  }

  private typealias Chosen = (points: UnsafeMutablePointer<UInt16>, values: UnsafeMutablePointer<Float>)
  private typealias Old = (entry: RetiredNeurons.Entry, start: Int)

  private func appendFiring(
    _ points: UnsafeBufferPointer<UInt16>, _ correlations: UnsafeBufferPointer<Float>, _ chosen: Chosen
  ) -> Int {
    var count = 0
    for k in points.indices where correlations[k] > step.threshold {
      (chosen.points[count], chosen.values[count]) = (points[k], correlations[k])
      count += 1
    }
    return count
  }

  /// Points that do not fire but still carry a velocity.
  private func appendMoving(
    _ points: UnsafeBufferPointer<UInt16>, _ correlations: UnsafeBufferPointer<Float>, _ old: Old?,
    _ retired: RetiredNeurons, _ chosen: Chosen, firing: Int
  ) -> Int {
    guard let old, step.usesVelocity else { return firing }
    var count = firing
    for k in old.start..<old.start + Int(old.entry.support) where retired.velocities[k] != 0 {
      let point = retired.points[k]
      guard !(0..<firing).contains(where: { chosen.points[$0] == point }) else { continue }
      let candidate = points.firstIndex(of: point)
      chosen.points[count] = point
      chosen.values[count] =
        candidate.map { correlations[$0] } ?? min(retired.excess[k] + step.threshold, step.threshold)
      count += 1
    }
    return count
  }

  /// The other candidates, those near to firing first: they are computed most often, and so share their cache lines.
  ///
  /// Complexity: O(k) for k candidates, times the number of moving points.
  private func appendOthers(
    _ points: UnsafeBufferPointer<UInt16>, _ correlations: UnsafeBufferPointer<Float>, _ chosen: Chosen,
    firing: Int, support: Int, skin: Float
  ) -> Int {
    let moving = firing..<support
    var count = support
    var bound = step.threshold
    for share in [0.1, 0.25, 0.5, nil] as [Float?] {
      let next = share.map { step.threshold - $0 * skin * step.largestNorm } ?? -.infinity
      for k in points.indices where !(correlations[k] > bound) && correlations[k] > next {
        guard !moving.contains(where: { chosen.points[$0] == points[k] }) else { continue }
        (chosen.points[count], chosen.values[count]) = (points[k], correlations[k])
        count += 1
      }
      bound = next
    }
    return count
  }

  /// The coefficients of a neuron at its anchor, which are 0, without what Gamma has in them.
  private func setAlpha(_ list: CandidateLists.List, neuron: Int, firing: Int) {
    let alpha = list.plane(KineticPlane.alpha)
    alpha.update(repeating: 0, count: list.count)
    Kernels.shortProducts(
      step.outputWeights.row(neuron), with: step.impulses.sums, rows: list.points, count: firing,
      scale: step.outputScale, into: alpha)
  }

  /// The coefficients of the retired neuron's velocity on the points of its new list.
  private func setResidues(
    _ list: CandidateLists.List, neuron: Int, _ old: Old?, _ retired: RetiredNeurons, firing: Int,
    support: Int, _ workspace: KineticWorkspace
  ) {
    let residue = list.plane(KineticPlane.residue)
    residue.update(repeating: 0, count: list.count)
    for k in 0..<firing { residue[k] = -step.velocityShare(of: neuron, list.points[k]) }
    guard let old else { return }
    for k in old.start..<old.start + Int(old.entry.support) where retired.velocities[k] != 0 {
      guard let position = (0..<support).first(where: { list.points[$0] == retired.points[k] }) else {
        continue
      }
      residue[position] += retired.velocities[k]
    }
  }

  /// Appends what changed to `changes`: the whole part of the neuron in the outputs is replaced, as its correlations
  /// have been computed anew.
  private func report(
    _ list: CandidateLists.List, neuron: Int, _ old: Old, _ retired: RetiredNeurons, firing: Int,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) {
    let before = old.start..<old.start + Int(old.entry.firing)
    let (rows, velocity) = (workspace.terms.rows, workspace.velocity)
    if step.usesVelocity {
      for (t, k) in (old.start..<old.start + Int(old.entry.support)).enumerated() {
        (rows[t], velocity[t]) = (retired.points[k], retired.velocities[k])
      }
    }
    let speed = { (point: UInt16) in
      step.velocityProduct(rows, velocity, terms: Int(old.entry.support), with: point)
    }
    let fired = { (point: UInt16) in before.contains { retired.points[$0] == point } }
    let fires = { (point: UInt16) in (0..<firing).contains { list.points[$0] == point } }
    let anchored = list.plane(KineticPlane.anchored)
    let (gone, come) = (before.map { retired.points[$0] }, (0..<firing).map { list.points[$0] })
    let corrections =
      before.map { k in
        let point = retired.points[k]
        return PatternChanges.Correction(
          point: point, excess: -retired.excess[k], velocity: fires(point) ? 0 : -speed(point))
      }
      + come.enumerated().map { k, point in
        PatternChanges.Correction(
          point: point, excess: anchored[k] - step.threshold, velocity: fired(point) ? 0 : speed(point))
      }
    gone.filter(fires).withUnsafeBufferPointer { staying in
      gone.filter { !fires($0) }.withUnsafeBufferPointer { ceasing in
        come.filter { !fired($0) }.withUnsafeBufferPointer { beginning in
          corrections.withUnsafeBufferPointer {
            changes.append(
              weights: step.ownWeights(of: neuron), staying: staying, ceasing: ceasing,
              beginning: beginning, corrections: $0)
          }
        }
      }
    }
  }
}
