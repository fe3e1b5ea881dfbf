import CorrelationTrees
import FireTreeCore

// What a look does when pairs changed state.
extension KineticStep {
  /// What became of a pattern: how many points ceased and began to fire, and the least limit, if limits have changed.
  struct Change {
    var ceasing: Int
    var beginning: Int
    var least: Float?
  }

  /// Takes the pairs that changed state from and into the pattern. Of the candidates that were computed, at these positions,
  /// ascending, the correlations are in `workspace.values`; where they are after that goes to `workspace.places`, if they are
  /// traced.
  func change(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron,
    _ computed: UnsafeBufferPointer<UInt16>,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) -> Change {
    let firing = Int(state.firing)
    let places = UnsafeMutableBufferPointer(
      start: workspace.places, count: isTraced(computed.count) ? computed.count : 0)
    for q in places.indices { places[q] = computed[q] }
    if usesVelocity {
      gatherVelocity(list, state, workspace, neuron: neuron)
    }
    var change = report(list, neuron: neuron, state, computed, &changes, workspace)
    var moved = renewResidues(list, state)
    // Those that ceased, from the back, so that what is exchanged with the last that fires has been dealt with.
    for q in computed.indices.reversed() {
      let position = Int(computed[q])
      guard position < firing, !(workspace.values[q] > threshold) else { continue }
      moved += hand(list, position, share: workspace.shares[position], neuron: neuron, sign: 1)
      state.firing -= 1
      exchange(list, position, Int(state.firing), places)
    }
    // Those that began, from the front.
    var joined = 0
    for q in computed.indices {
      var position = Int(computed[q])
      guard position >= firing, workspace.values[q] > threshold else { continue }
      if position >= Int(state.support) {
        let last = Int(state.support)
        list.plane(KineticPlane.alpha)[position] = 0
        if usesVelocity { list.plane(KineticPlane.residue)[position] = 0 }
        exchange(list, position, last, places)
        position = last
        state.support += 1
        workspace.terms.rows[joined] = list.points[last]
        joined += 1
      }
      let share = product(of: neuron, impulses.sums, list.points + position) * -outputScale
      moved += hand(list, position, share: share, neuron: neuron, sign: -1)
      exchange(list, position, Int(state.firing), places)
      state.firing += 1
    }
    // Rounding of coefficients is a movement too.
    state.path += Double(moved) * 0x1p-21
    if usesVelocity { rate(list, &state) }
    for k in 0..<joined { change.least = join(list, workspace.terms.rows[k], &state) }
    return change
  }

  /// Exchanges two candidates, which may be among those that are traced.
  @inline(__always)
  private func exchange(
    _ list: CandidateLists.List, _ a: Int, _ b: Int, _ places: UnsafeMutableBufferPointer<UInt16>
  ) {
    guard a != b else { return }
    list.exchange(a, b)
    for q in places.indices {
      if places[q] == a { places[q] = UInt16(b) } else if places[q] == b { places[q] = UInt16(a) }
    }
  }

  /// Hands what Gamma has in a coefficient over to alpha (`sign` 1), or back (-1), and so the velocity's; returns the
  /// size of what was added.
  private func hand(
    _ list: CandidateLists.List, _ position: Int, share: Float, neuron: Int, sign: Float
  ) -> Float {
    let alpha = list.plane(KineticPlane.alpha)
    alpha[position] += sign * share
    if let velocities = impulses.velocities {
      list.plane(KineticPlane.residue)[position] +=
        sign * product(of: neuron, velocities, list.points + position) * outputScale
    }
    // Of the share the rounding is that of its terms.
    let terms = Float(outputWeights.columns + 4) * largestWeight * outputScale * impulses.largestSum
    return abs(alpha[position]) + abs(share) + terms
  }

  /// A point of the list that has come into the support: it can move what the other candidates are correlated with. Returns the
  /// least of their limits.
  private func join(_ list: CandidateLists.List, _ point: UInt16, _ state: inout KineticNeuron) -> Float {
    let (row, support) = (gram.row(Int(point)), Int(state.support))
    // Twice the entries with the others, once its own; points of the support that join after it are counted again.
    var square: Float = 0
    for k in 0..<support { square += row[Int(list.points[k])] * row[Int(list.points[k])] }
    let before = speed(of: state)
    state.spread += 2 * square
    let slower = Double(before / speed(of: state))
    if Double(state.driftDue) > state.path {
      state.driftDue = KineticNeuron.floatBelow(
        state.path + (Double(state.driftDue) - state.path) * slower * (1 - 1e-6))
    }
    return Kernels.widenReaches(
      by: row, points: list.points, count: list.count, path: KineticNeuron.floatBelow(state.path),
      reaches: list.plane(KineticPlane.reach), limits: list.plane(KineticPlane.limit))
  }

  // MARK: - Velocities

  /// <a_r, v_i> of one point.
  @inline(__always)
  private func product(of neuron: Int, _ matrix: MatrixView, _ point: UnsafePointer<UInt16>) -> Float {
    var result: Float = 0
    Kernels.shortProducts(
      outputWeights.row(neuron), with: matrix, rows: point, count: 1, scale: 1, into: &result)
    return result
  }

  /// <a_r, V_i> / sqrt(m), the velocity's coefficient of a point on which the neuron has fired all along.
  func velocityShare(of neuron: Int, _ point: UInt16) -> Float {
    guard let velocities = impulses.velocities else { return 0 }
    var point = point
    return product(of: neuron, velocities, &point) * outputScale
  }

  /// The coefficients of the neuron's velocity into `workspace.velocity`: <a_r, V_i> / sqrt(m) where it fires, and what is
  /// left of the residues.
  func gatherVelocity(
    _ list: CandidateLists.List, _ state: KineticNeuron, _ workspace: KineticWorkspace, neuron: Int
  ) {
    guard let velocities = impulses.velocities else { return }
    let (firing, support) = (Int(state.firing), Int(state.support))
    Kernels.shortProducts(
      outputWeights.row(neuron), with: velocities, rows: list.points, count: firing, scale: outputScale,
      into: workspace.velocity)
    for k in firing..<support { workspace.velocity[k] = 0 }
    let residue = list.plane(KineticPlane.residue)
    for k in 0..<support { workspace.velocity[k] += state.decay * residue[k] }
  }

  /// <v_r, x_j> for a velocity with these coefficients.
  func velocityProduct(
    _ points: UnsafePointer<UInt16>, _ velocity: UnsafePointer<Float>, terms: Int, with point: UInt16
  ) -> Float {
    guard usesVelocity else { return 0 }
    var (point, result) = (point, Float(0))
    Kernels.multiplyRows(
      of: gram, &point, count: 1, columns: points, coefficients: velocity, terms: terms, into: &result)
    return result
  }

  /// What residues have carried goes to alpha, and what has decayed of them is gone.
  ///
  /// Returns the size of what was added.
  private func renewResidues(_ list: CandidateLists.List, _ state: KineticNeuron) -> Float {
    guard usesVelocity else { return 0 }
    let (alpha, residue) = (list.plane(KineticPlane.alpha), list.plane(KineticPlane.residue))
    var size: Float = 0
    for k in 0..<Int(state.support) {
      size += abs(alpha[k]) + abs(state.carry * residue[k])
      alpha[k] -= state.carry * residue[k]
      residue[k] *= state.decay
    }
    return size
  }

  // MARK: - Report

  /// Appends the change to `changes`; the points that cease and begin are in the workspace.
  private func report(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ computed: UnsafeBufferPointer<UInt16>,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) -> Change {
    let (firing, support, points) = (Int(state.firing), Int(state.support), list.points)
    var (ceasing, beginning, staying, next) = (0, 0, 0, 0)
    for q in computed.indices {
      let (position, s) = (Int(computed[q]), workspace.values[q])
      guard (s > threshold) != (position < firing) else { continue }
      let point = points[position]
      let sign: Float = position < firing ? -1 : 1
      workspace.corrections[ceasing + beginning] = PatternChanges.Correction(
        point: point, excess: sign * (s - threshold),
        velocity: sign * velocityProduct(points, workspace.velocity, terms: support, with: point))
      if position < firing {
        while next < position {
          workspace.staying[staying] = points[next]
          (staying, next) = (staying + 1, next + 1)
        }
        next += 1
        workspace.ceasing[ceasing] = point
        ceasing += 1
      } else {
        workspace.beginning[beginning] = point
        beginning += 1
      }
    }
    while next < firing {
      workspace.staying[staying] = points[next]
      (staying, next) = (staying + 1, next + 1)
    }
    changes.append(
      weights: ownWeights(of: neuron), staying: UnsafeBufferPointer(start: workspace.staying, count: staying),
      ceasing: UnsafeBufferPointer(start: workspace.ceasing, count: ceasing),
      beginning: UnsafeBufferPointer(start: workspace.beginning, count: beginning),
      corrections: UnsafeBufferPointer(start: workspace.corrections, count: ceasing + beginning))
    return Change(ceasing: ceasing, beginning: beginning)
  }
}
