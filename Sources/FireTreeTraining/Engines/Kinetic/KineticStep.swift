import CorrelationTrees
import FireTreeCore

/// Working memory of one shard, for up to n points.
///
/// A quad belongs to a coefficient or to a candidate: alpha or s; what it moves by with the clock's P, with its Q, and
/// with the carry of velocities.
struct KineticWorkspace {
  let terms: GramWorkspace
  /// Coefficients of the support; correlations of candidates; coefficients of the velocity, in the first lane.
  let quads: UnsafeMutablePointer<SIMD4<Float>>
  let values: UnsafeMutablePointer<SIMD4<Float>>
  let velocity: UnsafeMutablePointer<SIMD4<Float>>
  /// Margins at the clock's ages (16), and what is asked of them.
  let margins: UnsafeMutablePointer<Float>
  let floors: UnsafeMutablePointer<Float>
  /// For how many ages candidates last.
  let lives: UnsafeMutablePointer<UInt8>

  static func with<Result>(points: Int, _ body: (KineticWorkspace) -> Result?) -> Result? {
    let room = points + 16
    return GramWorkspace.with(points: points) { terms in
      withUnsafeTemporaryAllocation(byteCount: 49 * room + 128, alignment: 64) { memory in
        guard let base = memory.baseAddress else { return nil }
        let margins = base.bindMemory(to: Float.self, capacity: 32)
        let quads = (base + 128).bindMemory(to: SIMD4<Float>.self, capacity: 3 * room)
        quads.initialize(repeating: .zero, count: 3 * room)
        return body(
          KineticWorkspace(
            terms: terms, quads: quads, values: quads + room, velocity: quads + 2 * room, margins: margins,
            floors: margins + 16, lives: (base + 128 + 48 * room).assumingMemoryBound(to: UInt8.self)))
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
    var motion = Motion(
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

  // MARK: - Changes

  /// Takes the pairs that changed state from and into the pattern; the correlations are in the workspace.
  private func change(
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
