import CorrelationTrees
import FireTreeCore

/// Working memory of one shard, for up to n points.
struct KineticWorkspace {
  let terms: GramWorkspace
  /// s and its speed, of candidates; the coefficients' speed and their velocity, of the support.
  let values: UnsafeMutablePointer<Float>
  let speeds: UnsafeMutablePointer<Float>
  let direction: UnsafeMutablePointer<Float>
  let velocity: UnsafeMutablePointer<Float>

  static func with<Result>(points: Int, _ body: (KineticWorkspace) -> Result?) -> Result? {
    let room = points + 16
    return GramWorkspace.with(points: points) { terms in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * room) { floats in
        guard let floats = floats.baseAddress else { return nil }
        return body(
          KineticWorkspace(
            terms: terms, values: floats, speeds: floats + room, direction: floats + 2 * room,
            velocity: floats + 3 * room))
      }
    }
  }
}

/// One look at one neuron: see `KineticEngine`.
struct KineticStep {
  let gram: MatrixView
  /// a_r (m x C).
  let outputWeights: MatrixView
  let clock: KineticClock.View
  /// 1 / sqrt(m).
  let outputScale: Float
  let threshold: Float
  /// |x_i| (n), and the largest of them.
  let norms: UnsafePointer<Float>
  let largestNorm: Float
  /// Relative rounding of an inner product, so of an entry of G.
  let rounding: Float
  let skins: SkinModel

  /// One unit of rounding, of two roundings in sequence.
  private static let unit: Float = 0x1p-23

  /// What is known of a neuron's movement: its drift since the anchor, its speed, the error of a correlation and of its
  /// speed per length of the point; upper bounds all.
  private struct Motion {
    var drift: Float
    var speed: Float
    var error: Float
    var speedError: Float
  }

  /// Brings a neuron up to the present. Pairs that changed state go to `changes`. Returns nil while its skin lasts; else
  /// its speed, and then its pattern is that of its last look and its correlations are in the workspace.
  func look(
    at list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ hands: KineticHands.View,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) -> Float? {
    settle(
      list, neuron: neuron, state, bin: hands.bins[neuron], alpha: list.plane(KineticPlane.alpha),
      residue: clock.velocity == nil ? nil : list.plane(KineticPlane.residue), workspace)
    let motion = measure(list, neuron: neuron, state, workspace)
    guard motion.drift <= state.skin else { return motion.speed }
    let (firing, values) = (Int(state.firing), workspace.values)
    var changed = false
    for k in 0..<firing { changed = changed || !(values[k] > threshold) }
    for k in firing..<list.count { changed = changed || values[k] > threshold }
    if changed {
      change(list, neuron: neuron, &state, &changes, workspace)
      let motion = measure(list, neuron: neuron, state, workspace)
      schedule(list, neuron: neuron, state, hands, motion, workspace)
    } else {
      schedule(list, neuron: neuron, state, hands, motion, workspace)
    }
    return nil
  }

  /// Starts the clock of a neuron that has just been anchored; its alphas are 0.
  func start(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ hands: KineticHands.View,
    _ workspace: KineticWorkspace
  ) {
    let motion = measure(list, neuron: neuron, state, workspace)
    schedule(list, neuron: neuron, state, hands, motion, workspace)
  }

  // MARK: - Movement

  /// The coefficients as they are now: from the planes of the list to `alpha` and `residue`, which may be the same.
  func settle(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, bin: UInt16,
    alpha: UnsafeMutablePointer<Float>, residue: UnsafeMutablePointer<Float>?, _ workspace: KineticWorkspace
  ) {
    let (firing, support) = (Int(state.firing), Int(state.support))
    let slot = Int(bin) / KineticClock.classCount
    let old = list.plane(KineticPlane.alpha)
    Kernels.historyProducts(
      outputWeights.row(neuron), now: clock.impulses.row(clock.slot), then: clock.impulses.row(slot),
      stride: clock.stride, points: list.points, count: firing, scale: -outputScale,
      into: workspace.direction)
    for k in 0..<firing { alpha[k] = old[k] + workspace.direction[k] }
    for k in firing..<support { alpha[k] = old[k] }
    guard let residue else { return }
    let oldResidue = list.plane(KineticPlane.residue)
    let (carry, decay) = (clock.carry[slot], clock.decay[slot])
    for k in 0..<support {
      alpha[k] -= carry * oldResidue[k]
      let left = decay * oldResidue[k]
      // Decaying velocities must not end in subnormal numbers.
      residue[k] = abs(left) >= 1e-30 ? left : 0
    }
  }

  /// All correlations of the list with their speeds, into the workspace.
  private func measure(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) -> Motion {
    let (firing, support) = (Int(state.firing), Int(state.support))
    let (alpha, direction) = (list.plane(KineticPlane.alpha), workspace.direction)
    let (values, speeds) = (workspace.values, workspace.speeds)
    Kernels.historyProducts(
      outputWeights.row(neuron), now: clock.directions.row(clock.slot), then: nil, stride: clock.stride,
      points: list.points, count: firing, scale: -outputScale, into: direction)
    for k in firing..<support { direction[k] = 0 }
    if clock.velocity != nil {
      let (residue, unit) = (list.plane(KineticPlane.residue), clock.carryUnit[clock.slot])
      for k in 0..<support { direction[k] -= unit * residue[k] }
    }
    Kernels.combineTwo(
      of: gram, list.points, alpha, direction, terms: support, columns: list.points, count: list.count,
      into: values, speeds)
    var (drift, speed, reach, pace) = (Float(0), Float(0), Float(0), Float(0))
    for k in 0..<support {
      drift += alpha[k] * values[k]
      speed += direction[k] * speeds[k]
      reach += abs(alpha[k])
      pace += abs(direction[k])
    }
    let anchored = list.plane(KineticPlane.anchored)
    for k in 0..<list.count { values[k] += anchored[k] }
    let relative = Self.unit * Float(support + 6) + rounding
    (reach, pace) = (reach * largestNorm * (1 + relative), pace * largestNorm * (1 + relative))
    return Motion(
      drift: min(reach, (max(drift, 0) + 2 * relative * reach * reach).squareRoot()),
      speed: min(pace, (max(speed, 0) + 2 * relative * pace * pace).squareRoot()),
      error: rounding * (state.weightNorm + 1) + relative * reach, speedError: relative * pace)
  }

  /// Sets the neuron's hands from its correlations and their speeds.
  private func schedule(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ hands: KineticHands.View,
    _ motion: Motion, _ workspace: KineticWorkspace
  ) {
    let bin = clock.bin(firing: Int(state.firing))
    hands.bins[neuron] = bin
    var residues: Float = 0
    if let target = hands.residues {
      let residue = list.plane(KineticPlane.residue)
      for k in 0..<Int(state.support) { residues += abs(residue[k]) * norms[Int(list.points[k])] }
      residues *= 1 + Self.unit * Float(state.support)
      target[neuron] = residues
    }
    guard state.firing > 0 || residues > 0 else {
      // At rest until the end of time.
      (hands.deadlines[neuron], hands.reserves[neuron]) = (.infinity, .infinity)
      return
    }
    let curvature = clock.curvatures[Int(bin) % KineticClock.classCount]
    var life = Kernels.shortestLife(
      values: workspace.values, speeds: workspace.speeds, points: list.points, norms: norms,
      count: list.count, threshold: threshold, error: motion.error, speedError: motion.speedError,
      curvature: curvature)
    // The list's end is a candidate that is as far away as the skin reaches, and met head-on.
    let margin = max(state.skin - motion.drift, 0)
    let end = 2 * margin / (motion.speed + (motion.speed * motion.speed + 4 * curvature * margin).squareRoot() + 1e-30)
    life = min(life, end, 1e15)
    hands.deadlines[neuron] = life
    hands.reserves[neuron] = curvature * life * life * (1 - 4 * Self.unit)
  }

  // MARK: - Changes

  /// Takes the pairs that changed state from and into the pattern; the correlations are in the workspace.
  private func change(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ changes: inout PatternChanges,
    _ workspace: KineticWorkspace
  ) {
    let (values, velocity) = (workspace.values, workspace.velocity)
    let firing = Int(state.firing)
    if clock.velocity != nil { gatherVelocity(list, neuron: neuron, state, workspace) }
    // Points that fire now and did not, into the support.
    var support = Int(state.support)
    for k in support..<list.count where values[k] > threshold {
      for p in stride(from: k, to: support, by: -1) {
        list.exchange(p, p - 1)
        swap(&values[p], &values[p - 1])
      }
      list.plane(KineticPlane.alpha)[support] = 0
      if clock.velocity != nil { list.plane(KineticPlane.residue)[support] = 0 }
      velocity[support] = 0
      support += 1
    }
    let columns = workspace.terms.columns
    let (staying, ceasing, beginning) = (columns, workspace.terms.rows, workspace.terms.positions)
    var counts = (staying: 0, ceasing: 0, beginning: 0)
    for k in 0..<support {
      let fires = values[k] > threshold
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
    report(
      list, neuron: neuron, support: support, counts: counts, &changes, workspace)
    if let global = clock.velocity {
      moveResidues(
        list, neuron: neuron, global, ceasing: UnsafeBufferPointer(start: ceasing, count: counts.ceasing),
        beginning: UnsafeBufferPointer(start: beginning, count: counts.beginning))
    }
    // The ones that fire to the front.
    var next = 0
    for k in 0..<support where values[k] > threshold {
      list.exchange(k, next)
      swap(&values[k], &values[next])
      next += 1
    }
    state.firing = Int32(next)
    state.support = Int32(support)
  }

  /// The coefficients of the neuron's velocity: <a_r, V_i> / sqrt(m) where it fires, and the residues.
  func gatherVelocity(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) {
    guard let global = clock.velocity else { return }
    let (firing, support) = (Int(state.firing), Int(state.support))
    Kernels.historyProducts(
      outputWeights.row(neuron), now: global, then: nil, stride: clock.stride, points: list.points,
      count: firing, scale: outputScale, into: workspace.velocity)
    for k in firing..<support { workspace.velocity[k] = 0 }
    let residue = list.plane(KineticPlane.residue)
    for k in 0..<support { workspace.velocity[k] += residue[k] }
  }

  /// Residues are what the velocity differs by from that of a point that has fired all along, or else never.
  private func moveResidues(
    _ list: CandidateLists.List, neuron: Int, _ global: UnsafePointer<Float>,
    ceasing: UnsafeBufferPointer<UInt16>, beginning: UnsafeBufferPointer<UInt16>
  ) {
    let residue = list.plane(KineticPlane.residue)
    for (group, sign) in [(ceasing, Float(1)), (beginning, Float(-1))] {
      for k in group {
        var point = list.points[Int(k)]
        var share: Float = 0
        Kernels.historyProducts(
          outputWeights.row(neuron), now: global, then: nil, stride: clock.stride, points: &point, count: 1,
          scale: outputScale, into: &share)
        residue[Int(k)] += sign * share
      }
    }
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
      var speed: Float = 0
      if clock.velocity != nil {
        var point = list.points[Int(k)]
        Kernels.combineRows(
          of: gram, list.points, coefficients: workspace.velocity, terms: support, columns: &point, count: 1,
          into: &speed)
      }
      return PatternChanges.Correction(
        point: list.points[Int(k)], excess: sign * (workspace.values[Int(k)] - threshold),
        velocity: sign * speed)
    }
    changes.append(
      neuron: neuron, staying: UnsafeBufferPointer(start: workspace.terms.columns, count: counts.staying),
      ceasing: ceasing.lazy.map { list.points[Int($0)] },
      beginning: beginning.lazy.map { list.points[Int($0)] },
      corrections: [
        ceasing.lazy.map { correction($0, -1) }, beginning.lazy.map { correction($0, 1) },
      ].joined())
  }
}
