import CorrelationTrees
import FireTreeCore

// Candidates that hover at the threshold. Where a point's own gradient pushes a correlation down through the threshold
// and the other points' push it up, it changes state every few steps for as long as training lasts (a sliding mode of the
// kink). Such a candidate is computed in every step, by one row of G; its own coefficient is brought up to date every
// time, so that the clock of the neuron need not know whether it fired. What it has moved is taken from the reserve.
extension KineticStep {
  /// Chooses the candidates that are watched, brings them to the front of the list, and takes their part out of the
  /// foreseen movements of the others.
  func watch(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ motion: inout Motion,
    _ shortest: ShortestLives, _ workspace: KineticWorkspace
  ) {
    // Velocities of watched candidates would have to be kept too.
    guard clock.velocity == nil, clock.now > 2 else { return }
    let count = bestCount(shortest)
    guard count > 0 else { return }
    var chosen = SIMD4<UInt16>(repeating: 0)
    for k in 0..<count { chosen[k] = list.points[Int(shortest.positions[k])] }
    var (firingEnd, support) = (Int(state.firing), Int(state.support))
    for k in 0..<count {
      guard let position = (k..<motion.computed).first(where: { list.points[$0] == chosen[k] }) else {
        continue
      }
      if bring(list, from: position, to: k, &firingEnd, &support, workspace) {
        state.watchedFiring |= 1 << UInt8(k)
      }
    }
    state.watched = UInt8(count)
    state.firing = Int32(firingEnd - count)
    state.support = Int32(support)
    stop(list, neuron: neuron, state, &motion, workspace)
  }

  /// How many candidates to watch: the number with which steps are cheapest, in looks.
  private func bestCount(_ shortest: ShortestLives) -> Int {
    var (best, least) = (0, Float.infinity)
    for count in 0...KineticNeuron.mostWatched {
      let life = Int(shortest.lives[count])
      let steps = Float(life == 0 ? 1 : clock.ages[life - 1] + 1)
      let cost = 1 / steps + (count == 0 ? 0 : 0.12 + 0.03 * Float(count))
      if cost < least { (best, least) = (count, cost) }
    }
    return best
  }

  /// Brings a candidate to `target`, among the watched ones; returns whether it fires.
  private func bring(
    _ list: CandidateLists.List, from start: Int, to target: Int, _ firingEnd: inout Int,
    _ support: inout Int,
    _ workspace: KineticWorkspace
  ) -> Bool {
    func exchange(_ a: Int, _ b: Int) {
      list.exchange(a, b)
      (workspace.values[a], workspace.values[b]) = (workspace.values[b], workspace.values[a])
    }
    var position = start
    if position < firingEnd {
      exchange(position, target)
      return true
    }
    if position >= support {
      // The order of the rest stays.
      for p in stride(from: position, to: support, by: -1) { exchange(p, p - 1) }
      position = support
      list.plane(KineticPlane.alpha)[support] = 0
      support += 1
    }
    exchange(position, firingEnd)
    exchange(firingEnd, target)
    firingEnd += 1
    return false
  }

  /// Takes the directions of watched candidates out of the movements, and sets the floors for what they may do instead.
  private func stop(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ motion: inout Motion,
    _ workspace: KineticWorkspace
  ) {
    let (count, quads, results) = (Int(state.watched), workspace.quads, workspace.velocity)
    var pace: Float = 0
    for k in 0..<count { quads[k] = .zero }
    for (lane, history) in [(1, clock.directions), (2, clock.turns)] {
      Kernels.historyProducts(
        outputWeights.row(neuron), now: history.row(clock.slot), then: nil, stride: clock.stride,
        points: list.points, count: count, scale: outputScale, into: quads, lane: lane)
    }
    for k in 0..<count {
      pace += abs(quads[k].y) * norms[Int(list.points[k])]
      if !state.fires(at: k) { quads[k] = .zero }
      let size = largestNorm * SIMD4(0, abs(quads[k].y), abs(quads[k].z), 0)
      motion.speeds += size * (1 + 1e-5)
      motion.speedErrors += size * 1e-5
    }
    Kernels.combineQuads(
      of: gram, list.points, quads, terms: count, columns: list.points, count: motion.computed, into: results)
    for k in 0..<motion.computed { workspace.values[k] += results[k] }
    setFloors(bin: clock.bin(firing: Int(state.firing)), motion, pace: pace, workspace)
  }

  /// Moves the coefficients of watched candidates by the last step.
  func advanceWatched(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ hands: KineticHands.View,
    _ workspace: KineticWorkspace
  ) {
    let (count, alpha) = (Int(state.watched), list.plane(KineticPlane.alpha))
    Kernels.historyProducts(
      outputWeights.row(neuron), now: clock.directions.row(clock.slot), then: nil, stride: clock.stride,
      points: list.points, count: count, scale: -outputScale, into: workspace.quads, lane: 0)
    for k in 0..<count where state.fires(at: k) {
      let step = workspace.quads[k].x
      alpha[k] += step
      hands.reserves[neuron] -= abs(step) * norms[Int(list.points[k])] * (1 + 1e-5)
    }
  }

  /// Computes the watched candidates of a neuron of which nothing else can have changed state.
  func lookAtWatched(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ hands: KineticHands.View,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) {
    let (count, alpha) = (Int(state.watched), workspace.terms.coefficients)
    let current = workspace.terms.changes
    settle(
      list, neuron: neuron, state, bin: hands.bins[neuron], alpha: alpha, residue: nil, workspace)
    Kernels.combineRows(
      of: gram, list.points, coefficients: alpha, terms: Int(state.support), columns: list.points,
      count: count,
      into: current)
    var changed: UInt8 = 0
    for k in 0..<count {
      current[k] += list.plane(KineticPlane.anchored)[k]
      if (current[k] > threshold) != state.fires(at: k) { changed |= 1 << UInt8(k) }
    }
    guard changed != 0 else { return }
    let before = state
    let positions = (0..<count).lazy.filter { changed >> UInt8($0) & 1 == 1 }
    let staying = (0..<count + Int(state.firing)).lazy.filter {
      before.fires(at: $0) && !($0 < count && changed >> UInt8($0) & 1 == 1)
    }
    changes.append(
      neuron: neuron, staying: staying.map { list.points[$0] },
      ceasing: positions.filter { before.fires(at: $0) }.map { list.points[$0] },
      beginning: positions.filter { !before.fires(at: $0) }.map { list.points[$0] },
      corrections: positions.map {
        PatternChanges.Correction(
          point: list.points[$0], excess: (before.fires(at: $0) ? -1 : 1) * (current[$0] - threshold))
      })
    state.watchedFiring ^= changed
  }

  /// Makes watched candidates such as the others again; all coefficients are up to date.
  func release(_ list: CandidateLists.List, _ state: inout KineticNeuron) {
    guard state.watched > 0 else { return }
    var firingEnd = Int(state.watched) + Int(state.firing)
    for k in stride(from: Int(state.watched) - 1, through: 0, by: -1) where !state.fires(at: k) {
      firingEnd -= 1
      list.exchange(k, firingEnd)
    }
    state.firing = Int32(firingEnd)
    (state.watched, state.watchedFiring) = (0, 0)
  }
}
