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
      multiples: history.multiples, excess: history.excess,
      growth: impulses.velocities == nil ? history.growth : nil, ratio: history.ratio,
      classes: StepHistory.classes, scale: largestWeight * outputScale, factor: 1 + 1e-5,
      rounding: stepRounding(firing: 1), now: UInt32(truncatingIfNeeded: history.now),
      oldest: UInt32(StepHistory.capacity), ease: Self.ease)
  }

  /// What rounding may change a neuron's step by, relative to the largest coefficient that one can have.
  @inline(__always)
  private func stepRounding(firing: Int) -> Float {
    Self.unit * Float(outputWeights.columns + 4) * Float(firing)
  }

  /// Steps since the neuron's clock was moved, or its countdown set anew.
  @inline(__always)
  private func age(_ countdown: KineticCountdown) -> Int {
    Int(UInt16(truncatingIfNeeded: impulses.history.now) &- countdown.moment)
  }

  /// Of a shard's neurons stores the local numbers of those that have to be looked at, ascending, into `found`; returns
  /// how many they are, and how many neurons moved at all.
  func expired(
    of range: Range<Int>, _ lists: CandidateLists.Lists, _ neurons: KineticNeurons,
    into found: UnsafeMutablePointer<Int32>
  ) -> (found: Int, moved: Int) {
    let (states, countdowns) = (neurons.states + range.lowerBound, neurons.countdowns + range.lowerBound)
    let (late, moved) = Kernels.selectLate(clock, countdowns: countdowns, count: range.count, into: found)
    var count = 0
    for k in 0..<late {
      if k + 2 * Self.lookAhead < late {
        let next = Int(found[k + 2 * Self.lookAhead])
        lists.prefetchPlace(of: next)
        Kernels.prefetch(states + next, count: 1)
      }
      if k + Self.lookAhead < late {
        let next = Int(found[k + Self.lookAhead])
        Kernels.prefetch(lists[next].points, count: Int(countdowns[next].firing))
      }
      let local = Int(found[k])
      found[count] = Int32(truncatingIfNeeded: local)
      if advance(
        &states[local], &countdowns[local], lists[local].points, neuron: range.lowerBound + local)
      {
        count += 1
      }
    }
    return (count, moved)
  }

  /// How many neurons ahead memory is asked for that moving a clock will read.
  private static let lookAhead = 12

  /// Moves a neuron's clock over all steps since it was last moved; returns whether the neuron has to be looked at.
  @inline(__always)
  func advance(
    _ state: inout KineticNeuron, _ countdown: inout KineticCountdown, _ points: UnsafePointer<UInt16>,
    neuron: Int
  ) -> Bool {
    // A countdown that was set anew by a bound has taken more than the clock knows; any other by what was rounded.
    if countdown.slack > 0, countdown.slack.isFinite {
      state.path = max(state.path, Double(state.due) - Double(countdown.slack))
    }
    let age = age(countdown)
    guard age > 0 else { return !(countdown.slack > 0) }
    let history = impulses.history
    var length: Float = 0
    withLengths(of: state, points, neuron: neuron, steps: age) { lengths in
      for t in history.now - age + 1...history.now {
        length = lengths[t % StepHistory.capacity]
        if state.residue > 0 { length += carry(&state, step: t) }
        state.path += Double(length)
      }
    }
    count(&countdown, state, length: length)
    return !(state.path < Double(state.due))
  }

  /// Calls `body` with the lengths of the neuron's last `steps` steps, as far as they are those of points on which it
  /// fires, each at its number modulo `StepHistory.capacity`.
  @inline(__always)
  private func withLengths(
    of state: KineticNeuron, _ points: UnsafePointer<UInt16>, neuron: Int, steps: Int,
    _ body: (UnsafeMutablePointer<Float>) -> Void
  ) {
    let (history, firing, weights) = (impulses.history, Int(state.firing), outputWeights.row(neuron))
    let factor = (1 + Self.unit * Float(firing + 8)) * outputScale
    let margin = stepRounding(firing: firing) * largestWeight * outputScale
    withUnsafeTemporaryAllocation(of: Float.self, capacity: StepHistory.capacity) { lengths in
      guard let lengths = lengths.baseAddress else { return }
      if outputWeights.columns == 1 {
        Kernels.stepLengths(
          history.steps, points: points, count: firing, factor: factor * abs(weights[0]), margin: margin,
          margins: history.largest, into: lengths)
      } else {
        for t in history.now - steps + 1...history.now {
          let slot = t % StepHistory.capacity
          let square = Kernels.squaredProducts(
            weights, with: history.rows(t, points: gram.rows, outputs: outputWeights.columns), points: points,
            count: firing)
          lengths[slot] = factor * square.squareRoot() + margin * history.largest[slot]
        }
      }
      body(lengths)
    }
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

  /// A neuron as it is now: with its velocity's coefficients decayed over the steps that its clock was not moved in.
  func current(
    _ state: KineticNeuron, _ countdown: KineticCountdown, _ points: UnsafePointer<UInt16>, neuron: Int
  ) -> KineticNeuron {
    guard impulses.velocities != nil else { return state }
    var (state, countdown) = (state, countdown)
    _ = advance(&state, &countdown, points, neuron: neuron)
    return state
  }

  /// The countdown of a neuron whose clock has been moved to the last step, of length `length`.
  @inline(__always)
  func count(_ countdown: inout KineticCountdown, _ state: KineticNeuron, length: Float) {
    countdown = KineticCountdown(
      slack: KineticNeuron.floatBelow(Double(state.due) - state.path), length: length,
      moment: UInt16(truncatingIfNeeded: impulses.history.now), firing: UInt16(state.firing))
  }

  /// The same after a look; the length of a pattern that stands is known.
  @inline(__always)
  func count(
    _ countdown: inout KineticCountdown, _ state: KineticNeuron, _ points: UnsafePointer<UInt16>, neuron: Int,
    after result: LookResult
  ) {
    guard result == .changed else { return count(&countdown, state, length: countdown.length) }
    restart(&countdown, state, points, neuron: neuron)
  }

  /// The same for a neuron whose pattern has changed: the length is what the last step would have been with this one.
  func restart(
    _ countdown: inout KineticCountdown, _ state: KineticNeuron, _ points: UnsafePointer<UInt16>, neuron: Int
  ) {
    let history = impulses.history
    let slot = history.now % StepHistory.capacity
    var length: Float = 0
    withLengths(of: state, points, neuron: neuron, steps: 1) { length = $0[slot] }
    // The next step carries a velocity that was left just now by no more than this.
    if state.residue > 0 { length += self.length(ofCarry: history.carries[slot] * state.decay, state) }
    count(&countdown, state, length: length)
  }
}
