import CorrelationTrees
import FireTreeCore

/// One look at one neuron: see `KineticEngine`.
struct KineticStep {
  let gram: MatrixView
  /// a_r (m x C).
  let outputWeights: MatrixView
  let clock: KineticClock.View
  /// 1 / sqrt(m).
  let outputScale: Float
  let threshold: Float
  /// |x_i| (n), their inverses, and the largest of them.
  let norms: UnsafePointer<Float>
  let inverseNorms: UnsafePointer<Float>
  let largestNorm: Float
  /// Relative rounding of an inner product, so of an entry of G.
  let rounding: Float

  /// One unit of rounding, of two roundings in sequence.
  private static let unit: Float = 0x1p-23

  /// Upper bounds of what is known of a neuron's movement: its drift since the anchor; how far it moves with P, Q and
  /// carry; and the error of a correlation, and of its movement, per length of the point.
  struct Motion {
    var drift: Float
    var speeds: SIMD4<Float>
    var error: Float
    var speedErrors: SIMD4<Float>
    /// Candidates whose correlations are in the workspace: the first of the list.
    var computed: Int
  }

  /// Whether candidates that are not watched may have changed state: the neuron's clock has run out, and so it has by the
  /// neuron's own errors.
  @inline(__always)
  func mayHaveChanged(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ hands: KineticHands.View
  ) -> Bool {
    let bin = hands.bins[neuron]
    let slot = clock.slot(of: bin)
    guard clock.slotAges[slot] <= hands.deadlines[neuron], clock.error(of: bin).isFinite else { return true }
    guard !(clock.error(of: bin) <= hands.reserves[neuron]) else { return false }
    let error = Kernels.magnitudeProducts(
      outputWeights.row(neuron), clock.residuals.row(slot), stride: clock.stride,
      points: list.points + Int(state.watched), count: Int(state.firing))
    return !(error <= hands.reserves[neuron])
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
    release(list, &state)
    var motion = measure(list, neuron: neuron, state, workspace)
    guard motion.drift <= state.skin else { return motion.speeds.y + motion.speeds.w * clock.times[2, 0] }
    let (firing, support, values) = (Int(state.firing), Int(state.support), workspace.values)
    setFloors(bin: clock.bin(firing: firing), motion, pace: 0, workspace)
    var changed = false
    for k in 0..<firing { changed = changed || !(values[k].x > threshold) }
    for k in firing..<support { changed = changed || values[k].x > threshold }
    var shortest = computeOthers(list, support: support, foresees: !changed, &motion, workspace)
    for k in support..<motion.computed { changed = changed || values[k].x > threshold }
    if changed {
      change(list, neuron: neuron, &state, &motion, &changes, workspace)
      shortest = ShortestLives()
      live(list, 0..<motion.computed, &shortest, workspace)
    }
    schedule(list, neuron: neuron, &state, hands, &motion, shortest, workspace)
    return nil
  }

  /// Starts the clock of a neuron that has just been anchored; its alphas are 0.
  func start(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ hands: KineticHands.View,
    _ workspace: KineticWorkspace
  ) {
    var motion = measure(list, neuron: neuron, state, workspace)
    setFloors(bin: clock.bin(firing: Int(state.firing)), motion, pace: 0, workspace)
    let shortest = computeOthers(
      list, support: Int(state.support), foresees: true, &motion, workspace)
    schedule(list, neuron: neuron, &state, hands, &motion, shortest, workspace)
  }

  // MARK: - Movement

  /// The coefficients as they are now: from the planes of the list to `alpha` and `residue`, which may be the same.
  func settle(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, bin: UInt16,
    alpha: UnsafeMutablePointer<Float>, residue: UnsafeMutablePointer<Float>?, _ workspace: KineticWorkspace
  ) {
    let (watched, support) = (Int(state.watched), Int(state.support))
    let (firing, slot) = (Int(state.firing), clock.slot(of: bin))
    let old = list.plane(KineticPlane.alpha)
    Kernels.historyProducts(
      outputWeights.row(neuron), now: clock.impulses.row(clock.slot), then: clock.impulses.row(slot),
      stride: clock.stride, points: list.points + watched, count: firing, scale: -outputScale,
      into: workspace.quads, lane: 0)
    // Those of watched candidates are up to date.
    for k in 0..<watched { alpha[k] = old[k] }
    for k in 0..<firing { alpha[watched + k] = old[watched + k] + workspace.quads[k].x }
    for k in watched + firing..<support { alpha[k] = old[k] }
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

  /// The correlations of the support with their movements, into the workspace.
  private func measure(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) -> Motion {
    let (firing, support) = (Int(state.firing), Int(state.support))
    let (quads, values) = (workspace.quads, workspace.values)
    for (lane, history) in [(1, clock.directions), (2, clock.turns)] {
      Kernels.historyProducts(
        outputWeights.row(neuron), now: history.row(clock.slot), then: nil, stride: clock.stride,
        points: list.points, count: firing, scale: -outputScale, into: quads, lane: lane)
    }
    let alpha = list.plane(KineticPlane.alpha)
    for k in 0..<firing { (quads[k].x, quads[k].w) = (alpha[k], 0) }
    for k in firing..<support { quads[k] = SIMD4(alpha[k], 0, 0, 0) }
    if clock.velocity != nil {
      let residue = list.plane(KineticPlane.residue)
      for k in 0..<support { quads[k].w = -residue[k] }
    }
    Kernels.combineQuadsSymmetric(of: gram, list.points, quads, count: support, into: values)
    var (squares, reach) = (SIMD4<Float>.zero, SIMD4<Float>.zero)
    for k in 0..<support {
      squares += quads[k] * values[k]
      reach += SIMD4(abs(quads[k].x), abs(quads[k].y), abs(quads[k].z), abs(quads[k].w))
    }
    let relative = Self.unit * Float(support + 6) + rounding
    reach *= largestNorm * (1 + relative)
    let lengths = pointwiseMin(
      (pointwiseMax(squares, .zero) + 2 * relative * reach * reach).squareRoot(), reach)
    // Correlations are those of the anchor, with the rounding that they have, moved by products with the entries of G,
    // with the rounding that these have. What is left is that of sums.
    let ownRounding = Self.unit * Float(support + 6)
    let motion = Motion(
      drift: lengths.x, speeds: lengths, error: ownRounding * reach.x + Self.unit * (state.weightNorm + 1),
      speedErrors: (ownRounding + 4e-6) * reach, computed: support)
    let anchored = list.plane(KineticPlane.anchored)
    for k in 0..<support { values[k].x += anchored[k] }
    return motion
  }

  /// The correlations of the candidates so near to firing that they matter as long as the support does not change, and
  /// the margins of all that are computed. Those beyond the support are in the order of their distances.
  private func computeOthers(
    _ list: CandidateLists.List, support: Int, foresees: Bool, _ motion: inout Motion,
    _ workspace: KineticWorkspace
  ) -> ShortestLives {
    var shortest = ShortestLives()
    var age = 0
    if foresees {
      live(list, 0..<support, &shortest, workspace)
      // Those that last the shortest will be watched.
      age = min(shortest.last, clock.horizon)
    }
    let cut = motion.drift + motion.error + distance(motion, at: age)
    let anchored = list.plane(KineticPlane.anchored)
    var count = support
    while count < list.count,
      !((threshold - anchored[count]) * inverseNorms[Int(list.points[count])] > cut)
    { count += 1 }
    Kernels.combineQuads(
      of: gram, list.points, workspace.quads, terms: support, columns: list.points + support,
      count: count - support, into: workspace.values + support)
    for k in support..<count { workspace.values[k].x += anchored[k] }
    motion.computed = count
    if foresees { live(list, support..<count, &shortest, workspace) }
    return shortest
  }

  /// For how many ages some candidates last; the shortest go to `shortest`.
  func live(
    _ list: CandidateLists.List, _ range: Range<Int>, _ shortest: inout ShortestLives,
    _ workspace: KineticWorkspace
  ) {
    Kernels.futureLives(
      of: workspace.values + range.lowerBound, points: list.points + range.lowerBound,
      inverseNorms: inverseNorms, count: range.count, threshold: threshold, times: clock.times.base,
      floors: workspace.floors, into: workspace.lives + range.lowerBound)
    for k in range where workspace.lives[k] < shortest.limit { shortest.insert(workspace.lives[k], at: k) }
  }

  /// The shortest lives of candidates, one more than can be watched, with their positions.
  struct ShortestLives {
    private(set) var lives = SIMD8<UInt8>(repeating: UInt8(KineticClock.ageCount))
    private(set) var positions = SIMD8<Int32>(repeating: 0)
    /// Lives from here on are too long.
    private(set) var limit = UInt8(KineticClock.ageCount)

    /// The life of the shortest that is not watched when all that can be are, as a position in the ages.
    var last: Int { max(Int(limit) - 1, 0) }

    @inline(__always)
    mutating func insert(_ life: UInt8, at position: Int) {
      var place = KineticNeuron.mostWatched
      while place > 0, life < lives[place - 1] {
        lives[place] = lives[place - 1]
        positions[place] = positions[place - 1]
        place -= 1
      }
      lives[place] = life
      positions[place] = Int32(position)
      limit = lives[KineticNeuron.mostWatched]
    }
  }

  /// Lowers the margins to those of some candidates.
  private func foresee(_ list: CandidateLists.List, _ range: Range<Int>, _ workspace: KineticWorkspace) {
    for k in 0..<KineticClock.ageCount { workspace.margins[k] = .greatestFiniteMagnitude }
    Kernels.futureMargins(
      of: workspace.values + range.lowerBound, points: list.points + range.lowerBound,
      inverseNorms: inverseNorms, count: range.count, threshold: threshold, times: clock.times.base,
      into: workspace.margins)
  }

  /// An upper bound of how far the neuron is going to move in so many ages' time.
  private func distance(_ motion: Motion, at age: Int) -> Float {
    (motion.speeds.y * clock.times[0, age] + motion.speeds.z * abs(clock.times[1, age]))
      + motion.speeds.w * clock.times[2, age]
  }

  /// What margins have to be at the clock's ages: the error that is expected, what watched candidates that move by
  /// `pace` a step add to it, and rounding.
  func setFloors(bin: UInt16, _ motion: Motion, pace: Float, _ workspace: KineticWorkspace) {
    let expected = clock.expected.row(Int(bin) % KineticClock.classCount)
    for k in 0..<KineticClock.ageCount {
      // One age is always tried.
      let error = k == 0 ? 0 : expected[k] * Self.caution + 0.6 * pace * clock.times[0, k]
      workspace.floors[k] = error + rounding(motion, at: k)
    }
  }

  private func rounding(_ motion: Motion, at age: Int) -> Float {
    motion.error + motion.speedErrors.y * clock.times[0, age]
      + (motion.speedErrors.z * abs(clock.times[1, age]) + motion.speedErrors.w * clock.times[2, age])
  }

  /// Sets the neuron's hands from its correlations and their movements, and chooses the candidates that are watched.
  private func schedule(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron, _ hands: KineticHands.View,
    _ motion: inout Motion, _ shortest: ShortestLives, _ workspace: KineticWorkspace
  ) {
    (state.watched, state.watchedFiring) = (0, 0)
    guard state.firing > 0 || motion.speeds.w > 0 else {
      // At rest until the end of time.
      hands.bins[neuron] = clock.bin(firing: 0)
      (hands.deadlines[neuron], hands.reserves[neuron]) = (.max, .infinity)
      return
    }
    watch(list, neuron: neuron, &state, &motion, shortest, workspace)
    var bin = clock.bin(firing: Int(state.firing))
    foresee(list, Int(state.watched)..<motion.computed, workspace)
    // The end of the skin, and the first candidate that was not computed, are met head-on.
    var farthest = max(state.skin - motion.drift, 0)
    if motion.computed < list.count {
      let anchored = list.plane(KineticPlane.anchored)[motion.computed]
      let distance = (threshold - anchored) * inverseNorms[Int(list.points[motion.computed])]
      farthest = min(farthest, max(distance - motion.drift - motion.error, 0))
    }
    var (deadline, reserve, least) = (0, Float(0), Float.infinity)
    for k in 0..<KineticClock.ageCount {
      let error = workspace.floors[k] - rounding(motion, at: k)
      least = min(least, workspace.margins[k] - rounding(motion, at: k), farthest - distance(motion, at: k))
      guard least > error else { break }
      (deadline, reserve) = (clock.ages[k], least)
    }
    if state.watched > 0 { bin |= KineticClock.watched }
    hands.bins[neuron] = bin
    hands.deadlines[neuron] = UInt8(deadline)
    hands.reserves[neuron] = reserve
  }

  /// How much of the errors' bounds is expected of a neuron's own error.
  private static let caution: Float = 0.4
}
