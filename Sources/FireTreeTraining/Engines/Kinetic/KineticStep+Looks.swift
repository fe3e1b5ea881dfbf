import CorrelationTrees
import FireTreeCore

// The looks at a shard's neurons, one after the other. What a look reads lies anywhere in memory, so it is asked for some looks
// before: where a list is and the neuron, then the list.
extension KineticStep {
  /// How many looks ahead lists are asked for.
  private static let looksAhead = 6

  /// Looks at the neurons of these local numbers; `retire` is called for those whose skin is spent.
  func look(
    at expired: UnsafeBufferPointer<Int32>, of range: Range<Int>, _ lists: CandidateLists.Lists,
    _ neurons: KineticNeurons, _ changes: inout PatternChanges, _ workspace: KineticWorkspace,
    retire: (Int, CandidateLists.List) -> Void
  ) {
    for k in expired.indices {
      if k + 2 * Self.looksAhead < expired.count {
        let next = Int(expired[k + 2 * Self.looksAhead])
        lists.prefetchPlace(of: next)
        Kernels.prefetch(neurons.states + range.lowerBound + next, count: 1)
      }
      if k + Self.looksAhead < expired.count {
        let next = Int(expired[k + Self.looksAhead])
        prefetch(lists[next], neurons.states[range.lowerBound + next])
      }
      let (list, neuron) = (lists[Int(expired[k])], range.lowerBound + Int(expired[k]))
      let isDone = look(
        at: list, neuron: neuron, &neurons.states[neuron], &neurons.countdowns[neuron], &changes, workspace)
      if !isDone { retire(neuron, list) }
    }
  }

  /// Asks for the list that a look will read.
  @inline(__always)
  private func prefetch(_ list: CandidateLists.List, _ state: KineticNeuron) {
    // Those that are due are among the nearest, which come first.
    let near = min(list.count, Int(state.support) + 8)
    Kernels.prefetch(list.plane(KineticPlane.limit), count: list.count)
    Kernels.prefetch(list.points, count: near)
    Kernels.prefetch(
      list.plane(KineticPlane.anchored), list.plane(KineticPlane.reach), list.plane(KineticPlane.alpha),
      count: near)
  }

  // MARK: - One look

  /// Where a neuron is headed is worth knowing when a step turns by no more than this. Then a look computes the candidates that
  /// may come to their limits within so many steps like the last, else those alone that have come to them.
  private static let (largestTurn, stepsAhead): (Float, Float) = (0.01, 8)
  /// If these are more, about so many of them are, and all that have come to their limits.
  private static let enough = 4

  private var isHeaded: Bool { impulses.history.turn <= Self.largestTurn }

  /// Computes the candidates of a neuron whose limits are near, and schedules the next look. Pairs that changed state go
  /// to `changes`. Returns false when the skin is spent: then the neuron's coefficients are up to date in its list, its pattern
  /// is that of its last look, and the correlations of its support are in `workspace.values`.
  private func look(
    at list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron,
    _ countdown: inout KineticCountdown,
    _ changes: inout PatternChanges, _ workspace: KineticWorkspace
  ) -> Bool {
    let magnitude = settle(list, neuron: neuron, state, workspace)
    let error = error(magnitude, state)
    let length = countdown.taken * state.stretch
    if !(state.path + Double(length) < Double(state.driftDue)) {
      guard measureDrift(list, &state, error: error, workspace) else {
        commit(list, neuron: neuron, state, workspace)
        return false
      }
    }
    let heading = heading(of: state, list.points, neuron: neuron, length: length, workspace)
    let (limits, positions) = (list.plane(KineticPlane.limit), workspace.terms.positions)
    let choice = Kernels.chooseDue(
      limits, count: list.count, path: state.path, ahead: isHeaded ? Self.stepsAhead * length : 0,
      enough: Self.enough, into: positions
    )
    let candidates = Kernels.List(
      points: list.points, anchored: list.plane(KineticPlane.anchored),
      reaches: list.plane(KineticPlane.reach), limits: limits)
    let found = Kernels.computeDue(
      pairs, heading: heading, candidates, choice, positions: positions, firing: Int(state.firing),
      coefficients: workspace.terms.coefficients, terms: Int(state.support), path: state.path, error: error,
      values: workspace.values)
    guard found.changed != 0 else {
      schedule(&state, &countdown, least: found.least, pace: found.pace, length: length)
      return true
    }
    let computed = UnsafeBufferPointer(start: positions, count: choice.count)
    let least = change(list, neuron: neuron, &state, computed, &changes, workspace) ?? found.least
    // Limits stand whatever the pattern is, but the neuron is headed elsewhere now, which the next look will find.
    schedule(
      &state, &countdown, least: least, length: self.length(of: state, list.points, neuron: neuron, workspace)
    )
    return true
  }

  /// Where the neuron is headed, the coefficients of its last step into `workspace.heading`, if that is worth knowing. `length`
  /// is that of the step, at least.
  @inline(__always)
  private func heading(
    of state: KineticNeuron, _ points: UnsafePointer<UInt16>, neuron: Int, length: Float,
    _ workspace: KineticWorkspace
  ) -> Kernels.Heading {
    guard isHeaded else { return Kernels.Heading(coefficients: nil, length: length, margin: 0) }
    let (firing, support) = (Int(state.firing), Int(state.support))
    stepProducts(impulses.history.now, points, count: firing, neuron: neuron, into: workspace.heading)
    for k in firing..<max(firing, support) { workspace.heading[k] = 0 }
    return Kernels.Heading(
      coefficients: workspace.heading, length: length,
      margin: length * Self.unit * Float(support + 8) + lost(of: state))
  }

  /// How long the last step would have been with the pattern that the neuron has now, at most.
  func length(
    of state: KineticNeuron, _ points: UnsafePointer<UInt16>, neuron: Int, _ workspace: KineticWorkspace
  ) -> Float {
    let (firing, coefficients) = (Int(state.firing), workspace.heading)
    stepProducts(impulses.history.now, points, count: firing, neuron: neuron, into: coefficients)
    let square = Kernels.projection(on: coefficients, of: coefficients, count: firing).square
    return square.squareRoot() * (1 + Self.unit * Float(firing + 8)) + lost(of: state)
  }

  /// What the coefficients of the last step do not say of the next: what was rounded, and what a velocity carries.
  @inline(__always)
  private func lost(of state: KineticNeuron) -> Float {
    let history = impulses.history
    return lost(firing: Int(state.firing)) * history.largest[history.now % StepHistory.capacity]
      + nextCarry(of: state)
  }
}
