import CorrelationTrees
import FireTreeCore

/// Exact full-batch training whose steps cost what changes, not what exists.
///
/// While no pair of neuron and point changes state, training is linear. With Gamma(t) the sum of the gradients at the
/// outputs up to step t, a neuron that has fired on the same points since step t0 has
///
///     alpha_ri(t) = alpha_ri(t0) - <a_r, Gamma_i(t) - Gamma_i(t0)> / sqrt(m)   where it fires,
///     s_rj(t) = s_rj(anchor) + sum_i alpha_ri(t) G_ij,
///
/// and the outputs follow from the co-firing tensor M (`CoFiringTensor`) alone,
///
///     f_i(t+1) = f_i(t) - eta / m sum_j G_ij M_ij g_j(t),
///
/// one product of n x n however wide the network is. A clock for each neuron says which pairs may have changed state
/// (`KineticStep`); those are computed, and when one did change, f and M are corrected by it alone. Momentum has the same
/// closed form: Gamma becomes that of the velocities, and what a velocity keeps from before a change of the pattern decays
/// by itself (`KineticPlane.residue`).
///
/// The outputs and Gamma are kept in doubles. Every 256 steps the outputs are computed from the correlations, and Gamma
/// starts anew, so that coefficients are not small differences of large sums. Correlations come from the neuron's anchor,
/// so that no rounding adds up over steps; when its drift has spent its skin it is anchored anew (`CandidateLists`), and
/// its part in the outputs is replaced by that of the new correlations.
///
/// Complexity of a step: n^2 C^2 / 2 multiply-adds for the outputs, a comparison a neuron, k C multiply-adds for each whose
/// clock is moved (`StepHistory`), with k points that fire, and for each neuron that is looked at a comparison a candidate
/// and one or two times k multiply-adds for each that is computed. Memory: the anchored weights, n^2 for G, that of the
/// tensor, 112 bytes a neuron, and 18 bytes a candidate (22 with momentum).
public struct KineticEngine: TrainingEngine {
  public let points: DataPoints
  public let team: any Team
  public let expectedRule: UpdateRule
  public private(set) var iteration: Int
  public private(set) var firingPairs = 0
  public let outputWeights: Matrix
  public let initialWeights: InitialWeights?
  private var current: Matrix
  let gram: Matrix
  private let skins: SkinModel
  package private(set) var store: CandidateStore
  var neurons: KineticNeurons
  var impulses: KineticImpulses
  /// The output weights of a single output, without padding; else empty.
  let singleWeights: [Float]
  let largestWeight: Float
  private let units: OutputUnits
  /// M; visible to tests.
  package private(set) var tensor: CoFiringTensor
  /// f, and the sum of a_r <v_r, x_i> / sqrt(m) over pairs that fire (n x C).
  private var exactOutputs: [Double]
  private var outputVelocities: [Double]
  var marked: Mark<KineticEngine>?
  public private(set) var preparation = PhaseTimes()

  public init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team
  ) throws(FireTreeError) {
    precondition(points.count <= Self.maximumPoints, "\(points.count) points are too many for a tensor")
    let velocity = try state.takeCombinations(of: .kinetic)
    let usesVelocity = rule.usesVelocity || velocity != nil
    (self.points, self.team, expectedRule, iteration) = (points, team, rule, state.iteration)
    let (form, network) = (state.form, state.takeNetwork())
    let initial = network.weights
    (outputWeights, initialWeights) = (network.outputWeights, network.initial)
    let (neuronCount, outputCount) = (network.neuronCount, network.outputCount)
    let anchoring = try Anchoring(
      points: points, threshold: network.threshold, transformRounding: initial.transformRounding)
    gram = try preparation.measure("kernel") { () throws(FireTreeError) in
      try points.gramMatrix(workers: team.workers)
    }
    // Far candidates cost memory and next to no time, so lists are long and neurons are rarely anchored.
    skins = SkinModel(
      points: points, threshold: network.threshold, candidateCost: 0.07, stretch: Self.candidateStretch)
    store = try CandidateStore(
      neurons: neuronCount, planes: KineticPlane.count(usesVelocity: usesVelocity),
      weights: try WeightsAtAnchor(
        network.weights, form: form, keepsVelocity: false, points: points, workers: team.workers),
      anchoring: anchoring, keepsCertificates: false, workers: team.workers)
    neurons = try KineticNeurons(count: neuronCount, usesVelocity: usesVelocity)
    impulses = try KineticImpulses(points: points.count, outputs: outputCount, usesVelocity: usesVelocity)
    var single = try [Float](allocating: outputCount == 1 ? neuronCount : 0, repeating: 0)
    for neuron in single.indices { single[neuron] = network.outputWeights[neuron, 0] }
    singleWeights = single
    largestWeight = network.outputWeights.largestMagnitude
    units = try OutputUnits(
      norms: anchoring.norms, threshold: anchoring.threshold, outputWeights: outputWeights, team: team)
    tensor = try CoFiringTensor(
      points: points.count, outputs: outputCount, separate: network.outputWeights.isSeparate,
      unit: max(largestWeight, .leastNormalMagnitude),
      whole: network.outputWeights.consists(ofMultiplesOf: largestWeight))
    current = try Matrix(allocating: points.count, by: outputCount)
    exactOutputs = try [Double](allocating: points.count * outputCount, repeating: 0)
    outputVelocities = try [Double](allocating: exactOutputs.count, repeating: 0)
    let begin = ContinuousClock.now
    try anchorAll(
      skin: skins.initial(outputWeights: outputWeights, rule: rule, steps: 16), initial: initial,
      velocity: velocity)
    preparation.add((ContinuousClock.now - begin).seconds, to: "first pass")
  }

  public var threshold: Float { store.anchoring.threshold }
  public var transformRounding: Float { store.anchoring.transformRounding }
  public var usesVelocity: Bool { impulses.usesVelocity }
  public func outputs(_ points: PointSelection) -> Matrix { points.rows(of: current) }

  static let maximumPoints = 1 << 15
  /// The logarithm of how many times the candidates of skin 0 a list has at most.
  static let candidateStretch: Float = 2
  /// Steps after which the outputs are computed from the correlations, and Gamma starts anew.
  static let refreshInterval = 256

  public static func limitation(for shape: ProblemShape) -> String? {
    shape.points > maximumPoints ? "it takes at most \(maximumPoints) points, not \(shape.points)" : nil
  }

  public static var supportsSeededWeights: Bool { true }

  /// Moves the weights at the anchors out of here.
  mutating func takeWeights() -> WeightsAtAnchor? { store.weights.take() }

  // MARK: - Steps

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    try check(step.rule)
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    let gradient = try step.gradient(ofPoints: points.count)
    // Asked for before anything has moved.
    let isDue = (impulses.now + 1) % Self.refreshInterval == 0
    let sums = isDue ? try freshSums() : nil
    report.phases.measure("outputs") { moveOutputs(along: gradient, by: step.rule) }
    report.phases.measure("clock") { gradient.withView { impulses.add(gradient: $0, rule: step.rule) } }
    var parts = report.phases.measure("look") { look() }
    report.phases.measure("anchor") { anchor(&parts) }
    report.phases.measure("changes") { apply(parts.map(\.changes)) }
    if let sums { report.phases.measure("refresh") { refresh(sums) } }
    for part in parts {
      report.neuronsMoved += part.moved
      let anchored = part.retired.entries.count
      report.counts += [
        .innerProducts: anchored * points.count, .neuronsAnchored: anchored, .neuronsLookedAt: part.looked,
        .pairsChanged: part.changes.pairs.count,
      ]
    }
    iteration += 1
    return report
  }

  /// f and its velocity after a step in which no pair changes state.
  private mutating func moveOutputs(along outputGradient: Matrix, by rule: UpdateRule) {
    let outputs = outputGradient.columns
    var gradient = [Double].fixed(exactOutputs.count, repeating: 0)
    outputGradient.withView { view in
      for i in 0..<view.rows { for c in 0..<outputs { gradient[i * outputs + c] = Double(view[i, c]) } }
    }
    let product = gram.withView { tensor.product(gram: $0, values: gradient, workers: team.workers) }
    let (p, q) = rule.weightsOfGradientAndVelocity
    let (rate, mu) = (Double(rule.rate), Double(rule.momentum.coefficient))
    let scale = 1 / Double(neuronCount)
    for k in product.indices {
      let change = product[k] * scale
      outputVelocities[k] = mu * outputVelocities[k] + change
      exactOutputs[k] -= rate * (Double(p) * change + Double(q) * outputVelocities[k])
    }
  }

  /// Computes from nothing what steps have changed little by little: the outputs, the tensor where its entries are not
  /// whole numbers, and coefficients without Gamma, which starts anew.
  private mutating func refresh(_ sums: consuming OutputSums) {
    refreshOutputs(sums)
    if !tensor.isExact {
      tensor.clear()
      fill()
    }
    setOutputs()
    rebase()
  }

  /// What the look at one shard leaves.
  private struct Part {
    var changes = PatternChanges()
    var retired = RetiredNeurons()
    var looked = 0
    var moved = 0
  }

  /// Moves every neuron's clock and looks at those whose clock has run out.
  private mutating func look() -> [Part] {
    let skins = skins
    return stepping.mapShards(of: &store, &neurons, includingWeights: true) {
      step, shard, index, neurons, anchors in
      var part = Part()
      guard let anchors else { return part }
      let range = shard.neurons
      shard.withLists { lists in
        KineticWorkspace.with(points: step.gram.rows) { workspace in
          withUnsafeTemporaryAllocation(of: Int32.self, capacity: range.count + 1) { expired in
            guard let expired = expired.baseAddress else { return }
            (part.looked, part.moved) = step.expired(of: range, lists, neurons, into: expired)
            step.look(
              at: UnsafeBufferPointer(start: expired, count: part.looked), of: range, lists, neurons,
              &part.changes, workspace
            ) { neuron, state, list in
              // Clocks go about twice as far as neurons.
              let skin = skins.skin(
                firing: Int(state.firing),
                stepLength: 0.5 * neurons.countdowns[neuron].taken * state.stretch * step.speed(of: state))
              step.retire(
                list, neuron: neuron, shard: index, state, newSkin: skin, &part.retired, anchors, workspace)
            }
          }
        }
      }
      return part
    }
  }

  /// Anchors the retired neurons of `parts`.
  private mutating func anchor(_ parts: inout [Part]) {
    let retired = [RetiredNeurons.Entry].fixed(joining: parts.map(\.retired.entries))
    var (neurons, skins) = (
      [Int32].fixed(retired.count, repeating: 0), [Float].fixed(retired.count, repeating: 0)
    )
    for (k, entry) in retired.enumerated() { (neurons[k], skins[k]) = (entry.neuron, entry.skin) }
    anchor(neurons, skins: skins, &parts)
  }

  /// Anchors the chosen neurons, ascending.
  private mutating func anchor(_ chosen: [Int32], skins: [Float], _ parts: inout [Part]) {
    let stepping = stepping
    store.anchor(chosen, skins: skins) { store, found in
      Self.place(found, into: &store, &neurons, &parts, stepping)
    }
  }

  /// Puts candidates into their lists, and what that changes into `parts`.
  private static func place(
    _ found: AnchoredTiles, into store: inout CandidateStore, _ neurons: inout KineticNeurons,
    _ parts: inout [Part], _ stepping: KineticStepping
  ) {
    parts.withUnsafeMutableBufferPointer { parts in
      _ = stepping.mapShards(of: &store, &neurons) { step, shard, index, neurons, _ in
        KineticWorkspace.with(points: step.gram.rows) { workspace in
          for position in found.positions(of: shard.neurons) {
            let neuron = Int(found.neurons[position])
            found.withCandidates(at: position) { points, correlations in
              KineticPlacing(step: step).place(
                points, correlations, neuron: neuron, skin: found.skin(at: position), into: &shard, neurons,
                &parts[index].retired, &parts[index].changes, workspace)
            }
          }
        }
      }
    }
  }

  /// Corrects outputs and tensor.
  private mutating func apply(_ changes: [PatternChanges]) {
    let scale = 1 / Double(neuronCount).squareRoot()
    var beginning = [Int32].fixed(points.count, repeating: 0)
    for part in changes {
      part.correct(
        &exactOutputs, velocities: &outputVelocities, outputCount: outputWeights.columns, scale: scale)
      firingPairs += part.firingDifference
      for pair in part.pairs where pair.begins { beginning[Int(pair.point)] += 1 }
    }
    tensor.makeRoom(for: beginning)
    ChangedPairs.with(changes, points: points.count) { pairs in
      tensor.change(workers: team.workers) { pairs.change($0) }
    }
    setOutputs()
  }

  private mutating func setOutputs() {
    let (exact, count) = (exactOutputs, outputWeights.columns)
    current.withMutableView { view in
      for i in 0..<view.rows { for c in 0..<count { view[i, c] = Float(exact[i * count + c]) } }
    }
  }

  // MARK: - Start

  /// Anchors every neuron and computes outputs and tensor from nothing. `velocity` are the neurons' velocities.
  private mutating func anchorAll(
    skin: Float, initial: HiddenWeights, velocity: PointCombinations?
  ) throws(FireTreeError) {
    var parts = store.lists.shards.map { _ in Part() }
    if let velocity {
      for index in parts.indices {
        for neuron in store.lists.shards[index].neurons {
          carry(velocity.row(neuron), of: neuron, skin: skin, &parts[index].retired)
        }
      }
    }
    let stepping = stepping
    let pass = try store.firstPass(over: initial, points: points, gram: gram, skin: skin)
    store.anchorAll(by: pass, skin: skin) { store, found in
      Self.place(found, into: &store, &neurons, &parts, stepping)
    }
    // Of what anchoring reports, the velocities of the outputs are wanted.
    for part in parts {
      part.changes.correct(
        &exactOutputs, velocities: &outputVelocities, outputCount: outputWeights.columns,
        scale: Double(Network.outputScale(neurons: neuronCount)))
    }
    // Opposite effects of pairs cancel: the outputs are 0, and the tensor has a pair twice.
    let arePairs = initial.initial?.start == .paired && velocity == nil
    if !arePairs { refreshOutputs(try freshSums()) }
    fill(copies: arePairs ? 2 : 1)
    setOutputs()
  }

  /// Makes a neuron with a velocity, which has not been anchored yet, one whose anchor is to be moved.
  private func carry(
    _ velocity: [(point: Int, coefficient: Float)], of neuron: Int, skin: Float,
    _ retired: inout RetiredNeurons
  ) {
    guard !velocity.isEmpty, let weights = store.weights else { return }
    var correlations: [Float] = []
    withUnsafePointer(to: Int32(neuron)) {
      weights.withRows(of: UnsafeBufferPointer(start: $0, count: 1)) { rows in
        correlations = points.withView { points in
          velocity.map { points.dot(rows.row(0), withPoint: $0.point) }
        }
      }
    }
    var state = KineticNeuron()
    state.support = UInt16(velocity.count)
    retired.append(
      state, neuron: neuron, skin: skin, points: velocity.map { UInt16($0.point) },
      correlations: correlations, threshold: threshold, velocities: velocity.map(\.coefficient))
  }

  private func freshSums() throws(FireTreeError) -> OutputSums {
    try OutputSums(outputs: outputWeights.columns, units: units, workers: team.workers)
  }

  /// f from the correlations as they are now. Complexity: a look at every neuron.
  private mutating func refreshOutputs(_ sums: consuming OutputSums) {
    let (outputCount, pointCount) = (outputWeights.columns, points.count)
    let (stepping, store, neurons) = (stepping, store, neurons)
    _ = stepping.withStep { step in
      sums.collect(shards: store.lists.shards.count) { index, sums in
        let shard = store.lists.shards[index]
        shard.readLists { lists in
          KineticWorkspace.with(points: pointCount) { workspace in
            for (local, neuron) in shard.neurons.enumerated() {
              let list = lists[local]
              let state = step.current(neurons[neuron], list, neuron: neuron)
              step.correlate(list, neuron: neuron, state, workspace)
              for k in 0..<Int(state.firing) {
                OutputSums.add(
                  workspace.values[k] - step.threshold, times: step.outputWeights.row(neuron), to: sums,
                  point: Int(list.points[k]), outputs: outputCount)
              }
            }
          }
        }
      }
    }
    exactOutputs = sums.exact(scale: Double(Network.outputScale(neurons: neuronCount)), team: team)
  }

  /// Starts Gamma anew, so that coefficients are not the small differences of sums that have grown large.
  private mutating func rebase() {
    _ = stepping.mapShards(of: &store, &neurons) { step, shard, _, neurons, _ in
      let range = shard.neurons
      shard.withLists { lists in
        KineticWorkspace.with(points: step.gram.rows) { workspace in
          for (local, neuron) in range.enumerated() {
            step.rebase(lists[local], neuron: neuron, neurons, workspace)
          }
        }
      }
    }
    impulses.startAnew()
  }

  /// The co-firing tensor of all neurons, and the number of pairs that fire. With two `copies`, neurons 2k and 2k + 1 fire on
  /// the same points and have opposite output weights, none where there is one of them alone.
  private mutating func fill(copies: Int = 1) {
    let (lists, neurons) = (store.lists, neurons)
    var firing = [Int32].fixed(points.count, repeating: 0)
    Self.forEachPattern(of: neurons, lists) { _, points, count in
      for k in 0..<count { firing[Int(points[k])] += 1 }
    }
    firingPairs = firing.reduce(0) { $0 + Int($1) }
    tensor.makeRoom(for: firing)
    outputWeights.withView { outputWeights in
      tensor.change(workers: team.workers) { rows in
        Self.forEachPattern(of: neurons, lists) { neuron, points, count in
          guard neuron % copies == 0 else { return }
          rows.begin(outputWeights.row(neuron), sign: Float(copies))
          for k in 0..<count {
            rows.add(Int(points[k]))
            rows.add(Int(points[k]), with: points, count: k)
          }
        }
      }
    }
  }

  /// Calls `body(neuron, points, count)` for every neuron that fires.
  private static func forEachPattern(
    of neurons: KineticNeurons, _ lists: CandidateLists, _ body: (Int, UnsafePointer<UInt16>, Int) -> Void
  ) {
    for shard in lists.shards {
      shard.readLists { lists in
        for (local, neuron) in shard.neurons.enumerated() {
          let firing = Int(neurons[neuron].neuron.firing)
          if firing > 0 { body(neuron, lists[local].points, firing) }
        }
      }
    }
  }
}
