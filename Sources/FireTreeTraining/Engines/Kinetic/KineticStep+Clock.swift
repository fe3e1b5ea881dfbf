import CorrelationTrees
import FireTreeCore

// The clocks: which are moved, and how.
extension KineticStep {
  /// Countdowns are set anew by a bound of what they have taken if this many times what is in doubt of that is left.
  private static let ease: Float = 16

  /// What says of a countdown whether it stands, without looking at the neuron: see `StepHistory`.
  private var clock: Kernels.Clock {
    let history = impulses.history
    return Kernels.Clock(
      bounds: history.bounds,
      growth: !usesVelocity ? history.growth : nil, ratio: history.ratio,
      classes: StepHistory.classes, scale: largestWeight * outputScale, factor: 1 + 1e-5,
      rounding: stepRounding(firing: 1), now: UInt32(truncatingIfNeeded: history.now),
      oldest: UInt32(StepHistory.capacity), ease: Self.ease)
  }

  /// What rounding may change a neuron's step by, relative to the largest coefficient that one can have.
  @inline(__always)
  private func stepRounding(firing: Int) -> Float {
    Self.unit * Float(outputWeights.columns + 4) * Float(firing)
  }

  /// The same as a length, for each unit of the largest |step_i|_1.
  @inline(__always)
  func lost(firing: Int) -> Float { stepRounding(firing: firing) * largestWeight * outputScale }

  /// Steps since the neuron's clock was moved, or its countdown set anew.
  @inline(__always)
  private func age(_ countdown: KineticCountdown) -> Int {
    Int(UInt16(truncatingIfNeeded: impulses.history.now) &- countdown.moment)
  }

  /// Of a shard's neurons stores the local numbers of those that have to be looked at, ascending, into `found`; returns
  /// how many they are, and how many neurons moved at all.
  func expired(
    of range: Range<Int>, _ lists: CandidateLists.Lists, _ neurons: KineticNeurons.View,
    into found: UnsafeMutablePointer<Int32>
  ) -> (found: Int, moved: Int) {
    let (first, countdowns) = (range.lowerBound, neurons.countdowns + range.lowerBound)
    let (late, moved) = Kernels.selectLate(clock, countdowns: countdowns, count: range.count, into: found)
    var count = 0
    for k in 0..<late {
      if k + 2 * Self.lookAhead < late { lists.prefetchPlace(of: Int(found[k + 2 * Self.lookAhead])) }
      if k + Self.lookAhead < late {
        let next = Int(found[k + Self.lookAhead])
        prefetch(first + next, of: neurons)
        let firing = Int(countdowns[next].firing)
        if firing > neurons.pointsAtHand { lists.prefetchStart(of: next, count: firing) }
      }
      let local = Int(found[k])
      let line = neurons[first + local]
      var state = line.neuron
      let points = Int(state.firing) <= neurons.pointsAtHand ? line.points : lists[local].points
      found[count] = Int32(truncatingIfNeeded: local)
      if advance(&state, &countdowns[local], points, neuron: first + local) { count += 1 }
      line.neuron = state
    }
    return (count, moved)
  }

  /// How many neurons ahead memory is asked for that moving a clock will read.
  private static let lookAhead = 12

  /// A countdown takes at least this part of the length of a step for each step like it.
  private static let leastShare: Float = 1 / 32

  /// Sets the countdown of a neuron whose clock has been moved to the last step.
  ///
  /// Take c, that step, for the neuron's heading, which brings candidate j towards the threshold by v_j, or not at all. Later
  /// steps are multiples of it and what they turn from it, c(s) = rho_s c + (c(s) - rho_s c). With A the sum of the multiples,
  /// and T that of the lengths of the turns, candidate j keeps its state as long as
  ///
  ///     A v_j / h_j + T < room_j = limit_j - P.
  ///
  /// `least` is the least limit of candidates, and room the least of all rooms, that of the drift among them. `pace` is the
  /// greatest v_j / (h_j room_j), where |c| stands for v_j / h_j of candidates that were not computed, and of the drift. One
  /// inequality says enough of all of them:
  ///
  ///     A room pace + T < room.
  ///
  /// So a step like the last takes room times pace, often far less than its `length`, and only what turns counts in full. No
  /// step takes more than its length, and without a pace that is what it takes.
  func schedule(
    _ state: inout KineticNeuron, _ countdown: inout KineticCountdown, least: Float, pace: Float? = nil,
    length: Float
  ) {
    let room = KineticNeuron.floatBelow(Double(min(least, state.driftDue)) - state.path)
    var taken = length
    if let pace, room > 0, room.isFinite {
      let pace = max(pace, length / KineticNeuron.floatBelow(Double(state.driftDue) - state.path))
      taken = max(room * pace * (1 + 1e-5), length * Self.leastShare)
    }
    start(&countdown, &state, room: room, taken: taken, length: length)
  }

  @inline(__always)
  private func start(
    _ countdown: inout KineticCountdown, _ state: inout KineticNeuron, room: Float, taken: Float,
    length: Float
  ) {
    state.room = room
    state.stretch = taken < length ? length / taken * (1 + 1e-6) : 1
    countdown = KineticCountdown(
      slack: room, taken: taken, moment: UInt16(truncatingIfNeeded: impulses.history.now),
      firing: state.firing)
  }

  /// Moves a neuron's clock over all steps since it was last moved, and its countdown by what they took; returns whether the
  /// neuron has to be looked at.
  @inline(__always)
  func advance(
    _ state: inout KineticNeuron, _ countdown: inout KineticCountdown, _ points: UnsafePointer<UInt16>,
    neuron: Int
  ) -> Bool {
    // A countdown that was set anew by a bound has taken more than the clock knows.
    if countdown.slack < state.room {
      state.path += Double((state.room - countdown.slack) * state.stretch * (1 + 1e-6))
      state.room = countdown.slack
    }
    let age = age(countdown)
    guard age > 0 else { return !(countdown.slack > 0) }
    // No countdown is of a step that has been forgotten (`selectLate`).
    assert(age < StepHistory.capacity)
    let steps = progress(of: state, points, neuron: neuron, age: age, taken: countdown.taken)
    let (carried, last) = carry(&state, steps: age)
    state.path += Double(steps.lengths) * (1 + 1e-6) + carried
    let spent = Double(steps.takes) + carried
    let room = KineticNeuron.floatBelow(Double(state.room) - spent * (1 + 1e-6))
    start(
      &countdown, &state, room: room, taken: (steps.take + last) * (1 + 1e-6), length: steps.length + last)
    return !(room > 0)
  }

  /// What the neuron's last `age` steps take of a countdown that takes `taken` for the step before them, on the points on which
  /// it fires, without what velocities that are left carry.
  @inline(__always)
  private func progress(
    of state: KineticNeuron, _ points: UnsafePointer<UInt16>, neuron: Int, age: Int, taken: Float
  ) -> Kernels.Progress {
    let (history, firing, weights) = (impulses.history, Int(state.firing), outputWeights.row(neuron))
    let (isSingle, reference) = (outputWeights.columns == 1, (history.now - age) % StepHistory.capacity)
    let scales = Kernels.Scales(
      margins: history.largest, margin: lost(firing: firing),
      factor: (1 + Self.unit * Float(firing + 8)) * (isSingle ? outputScale * abs(weights[0]) : 1),
      // Sums of one output are two side by side, of several they may be one after the other.
      rounding: Self.unit * Float((isSingle ? 1 : 2) * firing + 8))
    let size = StepHistory.capacity
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: 5 * size + (isSingle ? 0 : 2 * firing)) {
      room in
      guard let measures = room.baseAddress else { return Kernels.Progress() }
      if isSingle {
        Kernels.measureSteps(
          history.steps, points: points, count: firing, reference: reference, scales, into: measures)
      } else {
        let (squares, products, old) = (measures + 3 * size, measures + 4 * size, measures + 5 * size)
        for k in 0..<2 * size { squares[k] = 0 }
        // Where a step takes its length, no turn matters: then there is nothing to be parallel to.
        let isHeaded = state.stretch > 1
        if isHeaded {
          stepProducts(history.now - age, points, count: firing, neuron: neuron, into: old)
          squares[reference] = Kernels.projection(on: old, of: old, count: firing).square
        }
        for t in history.now - age + 1...history.now {
          let new = old + firing
          stepProducts(t, points, count: firing, neuron: neuron, into: new)
          let found = Kernels.projection(on: isHeaded ? old : new, of: new, count: firing)
          (squares[t % size], products[t % size]) = (found.square, isHeaded ? found.product : 0)
        }
        Kernels.measureProducts(
          squares: squares, products: products, reference: reference, scales, into: measures)
      }
      return Kernels.sumSteps(measures, taken: taken, now: history.now, age: age)
    }
  }

  /// The coefficients of step `t` of a neuron that fires on `points`.
  @inline(__always)
  func stepProducts(
    _ t: Int, _ points: UnsafePointer<UInt16>, count: Int, neuron: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    let weights = outputWeights.row(neuron)
    let rows = impulses.history.rows(t, points: gram.rows, outputs: outputWeights.columns)
    Kernels.shortProducts(weights, with: rows, rows: points, count: count, scale: -outputScale, into: result)
  }

  /// What is left of a velocity decays in the last steps; returns how far it carries in all of them, and in the last.
  @inline(__always)
  private func carry(_ state: inout KineticNeuron, steps: Int) -> (all: Double, last: Float) {
    var (all, last) = (0.0, Float(0))
    guard state.residue > 0 else { return (all, last) }
    let now = impulses.history.now
    for t in now - steps + 1...now {
      last = state.residue > 0 ? carry(&state, step: t) : 0
      all += Double(last)
    }
    return (all, last)
  }

  /// What is left of a velocity decays in step `t`; returns how far it carries.
  @inline(__always)
  private func carry(_ state: inout KineticNeuron, step t: Int) -> Float {
    let slot = t % StepHistory.capacity
    state.decay *= impulses.history.decays[slot]
    let carry = impulses.history.carries[slot] * state.decay
    state.carry += carry
    let length = length(ofCarry: carry, state)
    // What is left of a velocity must not end in subnormal numbers.
    if state.decay * state.residue < 1e-30 { (state.decay, state.residue) = (0, 0) }
    return length
  }

  /// How far at most what is left of a velocity moves the coefficients in a step that carries it by `carry`, which the
  /// neuron's sum already holds.
  @inline(__always)
  private func length(ofCarry carry: Float, _ state: KineticNeuron) -> Float {
    (carry * (1 + 1e-4) + Self.unit * state.carry) * state.residue
  }

  /// How far what is left of a velocity moves the coefficients in the next step at most, if it carries no more than the last.
  @inline(__always)
  func nextCarry(of state: KineticNeuron) -> Float {
    guard state.residue > 0 else { return 0 }
    let history = impulses.history
    return length(ofCarry: history.carries[history.now % StepHistory.capacity] * state.decay, state)
  }

  /// A list's neuron as it is now: with its velocity's coefficients decayed over the steps that its clock was not moved in.
  func current(
    _ kept: (neuron: KineticNeuron, countdown: KineticCountdown), _ list: CandidateLists.List, neuron: Int
  ) -> KineticNeuron {
    var (state, countdown) = kept
    if usesVelocity { _ = advance(&state, &countdown, list.points, neuron: neuron) }
    return state
  }
}
