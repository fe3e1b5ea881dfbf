import CorrelationTrees
import FireTreeCore

// The looks at a shard's neurons, one after the other. What a look reads lies anywhere in memory, so it is asked for some looks
// before: where a list starts, with the neuron and its output weights, then the rest.
extension KineticStep {
  /// How many looks ahead lists are asked for.
  private static let looksAhead = 6

  /// Looks at the neurons of these local numbers; `retire` is called for those whose skin is spent.
  func look(
    at expired: UnsafeBufferPointer<Int32>, of range: Range<Int>, _ lists: CandidateLists.Lists,
    _ neurons: KineticNeurons.View, _ changes: inout PatternChanges, _ workspace: KineticWorkspace,
    retire: (Int, KineticNeuron, CandidateLists.List) -> Void
  ) {
    // Where headings are followed, candidates are chosen one look before, so that their entries of G can be asked for.
    var (due, next) = (Due(workspace.terms.positions), Due(workspace.nextPositions))
    if isHeaded, let first = expired.first {
      choose(of: lists[Int(first)], neurons, range.lowerBound + Int(first), into: &next)
    }
    for k in expired.indices {
      if k + 2 * Self.looksAhead < expired.count {
        let next = Int(expired[k + 2 * Self.looksAhead])
        lists.prefetchStart(of: next, count: 1)
        prefetch(range.lowerBound + next, of: neurons)
      }
      if k + Self.looksAhead < expired.count {
        let next = Int(expired[k + Self.looksAhead])
        prefetch(lists[next], neurons[range.lowerBound + next].neuron)
      }
      let (list, neuron) = (lists[Int(expired[k])], range.lowerBound + Int(expired[k]))
      swap(&due, &next)
      if !isHeaded {
        choose(of: list, neurons, neuron, into: &due)
      } else if k + 1 < expired.count {
        let following = Int(expired[k + 1])
        choose(of: lists[following], neurons, range.lowerBound + following, into: &next)
      }
      let line = neurons[neuron]
      var state = line.neuron
      if look(at: list, neuron: neuron, &state, &neurons.countdowns[neuron], due, &changes, workspace) {
        line.neuron = state
        line.keep(list.points)
      } else {
        retire(neuron, state, list)
      }
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
  private static let largestTurn: Float = 0.04
  private static let stepsAhead: Float = 8
  /// If these are more, about so many of them are, and all that have come to their limits.
  private static let enough = 4
  /// No more entries of G are asked for before a look: they have to stay in the nearest cache.
  private static let mostEntries = 256
  /// No more are followed through a change of the pattern.
  private static let mostTraced = 16

  private var isHeaded: Bool { impulses.history.turn <= Self.largestTurn }

  /// The candidates that a look computes: where they are in the list, ascending.
  private struct Due {
    let positions: UnsafeMutablePointer<UInt16>
    var choice = Kernels.Choice()

    init(_ positions: UnsafeMutablePointer<UInt16>) { self.positions = positions }
  }

  /// Chooses the candidates that a look at a neuron computes, and asks for what it will read of G if that is not at once.
  @inline(__always)
  private func choose(
    of list: CandidateLists.List, _ neurons: KineticNeurons.View, _ neuron: Int, into due: inout Due
  ) {
    let (state, countdown) = (neurons[neuron].neuron, neurons.countdowns[neuron])
    due.choice = Kernels.chooseDue(
      list.plane(KineticPlane.limit), count: list.count, path: state.path,
      ahead: isHeaded ? Self.stepsAhead * countdown.taken * state.stretch : 0, enough: Self.enough,
      into: due.positions)
    if isHeaded, due.choice.count * Int(state.support) <= Self.mostEntries {
      Kernels.prefetchEntries(
        of: gram, list.points, due.positions, count: due.choice.count, terms: Int(state.support))
    }
  }

  /// Computes the candidates of a neuron whose limits are near, and schedules the next look. Pairs that changed state go
  /// to `changes`. Returns false when the skin is spent: then the neuron's coefficients are up to date in its list, its pattern
  /// is that of its last look, and the correlations of its support are in `workspace.values`.
  private func look(
    at list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron,
    _ countdown: inout KineticCountdown, _ due: Due,
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
    let (positions, choice) = (due.positions, due.choice)
    let candidates = Kernels.List(
      points: list.points, anchored: list.plane(KineticPlane.anchored),
      reaches: list.plane(KineticPlane.reach), limits: list.plane(KineticPlane.limit))
    let found = Kernels.computeDue(
      pairs, heading: heading, candidates, choice, positions: positions, firing: Int(state.firing),
      coefficients: workspace.terms.coefficients, terms: Int(state.support), path: state.path, error: error,
      values: workspace.values, speeds: workspace.speeds)
    guard found.changed != 0 else {
      schedule(&state, &countdown, least: found.least, pace: found.pace, length: length)
      return true
    }
    let computed = UnsafeBufferPointer(start: positions, count: choice.count)
    let change = change(list, neuron: neuron, &state, computed, &changes, workspace)
    // Limits stand whatever the pattern is, but the neuron is headed elsewhere now.
    let newLength = self.length(of: state, list.points, neuron: neuron, workspace)
    let pace =
      isTraced(computed.count)
      ? pace(
        after: change, candidates, count: list.count, computed: computed.count, neuron: neuron, state,
        lengths: (before: length, now: newLength), workspace) : nil
    schedule(&state, &countdown, least: change.least ?? found.least, pace: pace, length: newLength)
    return true
  }

  /// Whether the candidates that a look has computed, so many, are followed through a change of the pattern, for the new pace.
  @inline(__always)
  func isTraced(_ computed: Int) -> Bool { isHeaded && computed <= Self.mostTraced }

  /// The pace after a change of the pattern, by which the heading has turned in the coefficients of the points that ceased or
  /// began to fire. `lengths` are those of the last step with the old pattern and the new.
  private func pace(
    after change: Change, _ candidates: Kernels.List, count: Int, computed: Int, neuron: Int,
    _ state: KineticNeuron, lengths: (before: Float, now: Float), _ workspace: KineticWorkspace
  ) -> Float {
    let (turned, turns) = (workspace.ceasing, workspace.heading)
    (turned + change.ceasing).update(from: workspace.beginning, count: change.beginning)
    let turnCount = change.ceasing + change.beginning
    stepProducts(impulses.history.now, turned, count: turnCount, neuron: neuron, into: turns)
    for t in 0..<change.ceasing { turns[t].negate() }
    let rounded = (lengths.before + lengths.now) * Self.unit * Float(Int(state.support) + 2 * turnCount + 8)
    return Kernels.findPace(
      pairs,
      heading: Kernels.Heading(coefficients: nil, length: lengths.now, margin: rounded + lost(of: state)),
      candidates, count: count, positions: workspace.places, computed: computed, firing: Int(state.firing),
      Kernels.Turns(points: turned, values: turns, count: turnCount), path: state.path,
      speeds: workspace.speeds)
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
