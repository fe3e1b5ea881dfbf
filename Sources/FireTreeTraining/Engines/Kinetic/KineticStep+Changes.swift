import CorrelationTrees
import FireTreeCore

// What a look does when pairs changed state.
extension KineticStep {
  /// Takes the pairs that changed state from and into the pattern; the correlations are in the workspace.
  func change(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ motion: inout Motion,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) {
    let (values, velocity) = (workspace.values, workspace.velocity)
    let firing = Int(state.firing)
    gatherVelocity(list, neuron: neuron, state, workspace)
    // Points that fire now and did not, into the support.
    var support = Int(state.support)
    for k in support..<motion.computed where values[k].x > threshold {
      for p in stride(from: k, to: support, by: -1) {
        list.exchange(p, p - 1)
        swap(&values[p], &values[p - 1])
      }
      list.plane(KineticPlane.alpha)[support] = 0
      if clock.velocity != nil { list.plane(KineticPlane.residue)[support] = 0 }
      velocity[support] = .zero
      support += 1
    }
    let columns = workspace.terms.columns
    let (staying, ceasing, beginning) = (columns, workspace.terms.rows, workspace.terms.positions)
    var counts = (staying: 0, ceasing: 0, beginning: 0)
    for k in 0..<support {
      let fires = values[k].x > threshold
      switch (k < firing, fires) {
      case (true, true):
        staying[counts.staying] = list.points[k]
        counts.staying += 1
      case (true, false):
        ceasing[counts.ceasing] = UInt16(truncatingIfNeeded: k)
        counts.ceasing += 1
      case (false, true):
        beginning[counts.beginning] = UInt16(truncatingIfNeeded: k)
        counts.beginning += 1
      case (false, false): break
      }
    }
    report(list, neuron: neuron, support: support, counts: counts, &changes, workspace)
    moveResidues(
      list, neuron: neuron, ceasing: UnsafeBufferPointer(start: ceasing, count: counts.ceasing),
      beginning: UnsafeBufferPointer(start: beginning, count: counts.beginning))
    turn(
      list, neuron: neuron, ceasing: UnsafeBufferPointer(start: ceasing, count: counts.ceasing),
      beginning: UnsafeBufferPointer(start: beginning, count: counts.beginning), &motion, workspace)
    // The ones that fire to the front.
    var next = 0
    for k in 0..<support where values[k].x > threshold {
      list.exchange(k, next)
      swap(&values[k], &values[next])
      next += 1
    }
    state.firing = Int32(next)
    state.support = Int32(support)
  }

  /// Gives the computed candidates the movements that they have with the new pattern.
  private func turn(
    _ list: CandidateLists.List, neuron: Int, ceasing: UnsafeBufferPointer<UInt16>,
    beginning: UnsafeBufferPointer<UInt16>, _ motion: inout Motion, _ workspace: KineticWorkspace
  ) {
    let (points, quads, results) = (workspace.terms.columns, workspace.quads, workspace.velocity)
    var count = 0
    for (group, sign) in [(ceasing, Float(-1)), (beginning, Float(1))] {
      for k in group {
        points[count] = list.points[Int(k)]
        quads[count] = .zero
        for (lane, history) in [(1, clock.directions), (2, clock.turns)] {
          Kernels.historyProducts(
            outputWeights.row(neuron), now: history.row(clock.slot), then: nil, stride: clock.stride,
            points: points + count, count: 1, scale: -sign * outputScale, into: quads + count, lane: lane)
        }
        quads[count].w = sign * velocityShare(of: neuron, points[count])
        let size = largestNorm * SIMD4(0, abs(quads[count].y), abs(quads[count].z), abs(quads[count].w))
        motion.speeds += size * (1 + 1e-5)
        motion.speedErrors += size * 1e-5
        count += 1
      }
    }
    Kernels.combineQuads(
      of: gram, points, quads, terms: count, columns: list.points, count: motion.computed, into: results)
    for k in 0..<motion.computed { workspace.values[k] += results[k] }
  }

  /// The coefficients of the neuron's velocity: <a_r, V_i> / sqrt(m) where it fires, and the residues.
  func gatherVelocity(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) {
    guard let global = clock.velocity else { return }
    let (firing, support) = (Int(state.firing), Int(state.support))
    Kernels.historyProducts(
      outputWeights.row(neuron), now: global, then: nil, stride: clock.stride, points: list.points,
      count: firing, scale: outputScale, into: workspace.velocity, lane: 0)
    for k in firing..<support { workspace.velocity[k] = .zero }
    let residue = list.plane(KineticPlane.residue)
    for k in 0..<support { workspace.velocity[k].x += residue[k] }
  }

  /// <a_r, V_i> / sqrt(m), the velocity's coefficient of a point on which the neuron has fired all along.
  func velocityShare(of neuron: Int, _ point: UInt16) -> Float {
    guard let global = clock.velocity else { return 0 }
    var (point, share) = (point, SIMD4<Float>.zero)
    Kernels.historyProducts(
      outputWeights.row(neuron), now: global, then: nil, stride: clock.stride, points: &point, count: 1,
      scale: outputScale, into: &share, lane: 0)
    return share.x
  }

  /// Residues are what the velocity differs by from that of a point that has fired all along, or else never.
  private func moveResidues(
    _ list: CandidateLists.List, neuron: Int, ceasing: UnsafeBufferPointer<UInt16>,
    beginning: UnsafeBufferPointer<UInt16>
  ) {
    guard clock.velocity != nil else { return }
    let residue = list.plane(KineticPlane.residue)
    for k in ceasing { residue[Int(k)] += velocityShare(of: neuron, list.points[Int(k)]) }
    for k in beginning { residue[Int(k)] -= velocityShare(of: neuron, list.points[Int(k)]) }
  }

  /// Appends the change to `changes`.
  private func report(
    _ list: CandidateLists.List, neuron: Int, support: Int,
    counts: (staying: Int, ceasing: Int, beginning: Int), _ changes: inout PatternChanges,
    _ workspace: KineticWorkspace
  ) {
    let ceasing = UnsafeBufferPointer(start: workspace.terms.rows, count: counts.ceasing)
    let beginning = UnsafeBufferPointer(start: workspace.terms.positions, count: counts.beginning)
    let correction = { (k: UInt16, sign: Float) in
      let point = list.points[Int(k)]
      return PatternChanges.Correction(
        point: point, excess: sign * (workspace.values[Int(k)].x - threshold),
        velocity: sign * velocityProduct(list.points, workspace.velocity, terms: support, with: point))
    }
    changes.append(
      neuron: neuron, staying: UnsafeBufferPointer(start: workspace.terms.columns, count: counts.staying),
      ceasing: ceasing.lazy.map { list.points[Int($0)] },
      beginning: beginning.lazy.map { list.points[Int($0)] },
      corrections: [
        ceasing.lazy.map { correction($0, -1) }, beginning.lazy.map { correction($0, 1) },
      ].joined())
  }

  /// <v_r, x_j> for a velocity with these coefficients.
  func velocityProduct(
    _ points: UnsafePointer<UInt16>, _ velocity: UnsafePointer<SIMD4<Float>>, terms: Int, with point: UInt16
  ) -> Float {
    guard clock.velocity != nil else { return 0 }
    var (point, result) = (point, SIMD4<Float>.zero)
    Kernels.combineQuads(
      of: gram, points, velocity, terms: terms, columns: &point, count: 1, into: &result)
    return result.x
  }
}
