import CorrelationTrees
import FireTreeCore

/// Exact training whose cost follows the neurons that fire, in the space of the data points.
///
/// Every weight is its anchored value plus a combination of data points, w_r = w_r(t0) + kappa_r v_r(t0) +
/// sum_i alpha_ri x_i, where v_r(t0) is the velocity at the anchor (none without momentum). A step moves the alpha of
/// the points on which the neuron fires (and with momentum of those on which it has fired), and correlations follow
/// through the Gram matrix G = X X^T without touching a weight:
///
///     s_j = s_j(t0) + kappa u_j(t0) + sum_i alpha_i G_ij,   u_j(t0) = <v_r(t0), x_j>
///
/// for the points that carry a coefficient, the neuron's support, and for the few other candidates (`CandidateLists`)
/// whose ceilings do not exclude them (`Certificate`). The drift since the anchor comes from the same numbers,
///
///     D_r^2 = |w_r - w_r(t0)|^2 = sum_i alpha_i (s_i - s_i(t0)) + kappa (kappa |v(t0)|^2 + sum_i alpha_i u_i(t0)),
///
/// and so does the length of a step. While D_r stays within the neuron's skin, no point outside the list can fire. Then
/// the weight is computed, its correlations with all points too, and the neuron is anchored anew.
///
/// One sweep over neurons does the backward pass of this step and the forward pass of the next.
///
/// Complexity of a step: O(sum_r k_r^2) for supports of k_r points and about as many candidates looked at, free of d;
/// n d for each neuron that is anchored anew. Memory: the anchored weights (m d), n^2 for G, and 14 to 22 bytes a
/// candidate.
public struct GramEngine: TrainingEngine {
  public let points: DataPoints
  public let team: any Team
  public let expectedRule: UpdateRule
  public private(set) var iteration: Int
  public private(set) var firingPairs = 0
  public let outputWeights: Matrix
  public let initialWeights: InitialWeights?
  private var current: Matrix
  package private(set) var store: CandidateStore
  /// One a neuron; empty without momentum.
  private var momenta: [MomentumState]
  private let gram: Matrix
  private let skins: SkinModel
  private let units: OutputUnits
  private var marked: Mark<GramEngine>?
  public private(set) var preparation = PhaseTimes()

  public init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team
  ) throws(FireTreeError) {
    try self.init(state, points: points, expecting: rule, team: team, fixedSkin: nil)
  }

  /// `fixedSkin` takes the place of the skins that the engine would choose. For tests and studies.
  package init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team,
    fixedSkin: Float?
  ) throws(FireTreeError) {
    precondition(
      points.count <= CandidateLists.maximumPoints, "\(points.count) points do not fit 16-bit indices")
    let velocity = try state.takeCombinations(of: .gram)
    let usesVelocity = rule.usesVelocity || velocity != nil
    (self.points, self.team, expectedRule, iteration) = (points, team, rule, state.iteration)
    let (form, network) = (state.form, state.takeNetwork())
    let initial = network.weights
    (outputWeights, initialWeights) = (network.outputWeights, network.initial)
    let anchoring = try Anchoring(
      points: points, threshold: network.threshold, transformRounding: initial.transformRounding)
    store = try CandidateStore(
      neurons: network.neuronCount, planes: GramPlane.count(usesVelocity: usesVelocity),
      weights: try WeightsAtAnchor(
        network.weights, form: form, velocity: velocity, keepsVelocity: usesVelocity, points: points,
        workers: team.workers),
      anchoring: anchoring, workers: team.workers)
    momenta = try [MomentumState](
      allocating: usesVelocity ? outputWeights.rows : 0, repeating: MomentumState())
    gram = try preparation.measure("kernel") { () throws(FireTreeError) in
      try points.gramMatrix(workers: team.workers)
    }
    var skins = SkinModel(points: points, threshold: anchoring.threshold)
    skins.fixed = fixedSkin
    self.skins = skins
    units = try OutputUnits(
      norms: anchoring.norms, threshold: anchoring.threshold, outputWeights: outputWeights, team: team)
    current = try Matrix(allocating: points.count, by: outputWeights.columns)
    var sums = try OutputSums(outputs: outputWeights.columns, units: units, workers: team.workers)
    let skin = skins.initial(outputWeights: outputWeights, rule: rule)
    let pass = try store.firstPass(over: initial, points: points, gram: gram, skin: skin)
    let begin = ContinuousClock.now
    let parts = withStart(rule: rule) { store, start in
      store.anchorAll(
        by: pass, skin: skin, outputWeights: network.outputWeights, sums: &sums, start: start)
    }
    preparation.add((ContinuousClock.now - begin).seconds, to: "first pass")
    finish(parts, sums)
  }

  public static func limitation(for shape: ProblemShape) -> String? {
    // Beyond, G takes more than 17 GB.
    shape.points > CandidateLists.maximumPoints
      ? "it takes at most \(CandidateLists.maximumPoints) points, not \(shape.points)" : nil
  }

  public static var supportsSeededWeights: Bool { true }

  public static func memory(for shape: ProblemShape) -> EngineMemory {
    let combinations = shape.usesVelocity || shape.isSeeded ? 10 : 0
    let lists = CandidateStore.requiredMemory(
      for: shape,
      bytesPerCandidate: 2 + 4 * GramPlane.count(usesVelocity: shape.usesVelocity) + combinations)
    // Velocities are among the combinations.
    var still = shape
    still.usesVelocity = false
    let kept = shape.commonMemory + still.weightsMemory + .matrix(rows: shape.points, columns: shape.points)
    let given = shape.usesVelocity || shape.isSeeded ? shape.combinationMemory * 2 : ByteCount(0)
    return EngineMemory(
      steps: kept + lists, finish: kept + lists + given, mark: still.weightsMemory + lists)
  }

  public var threshold: Float { store.anchoring.threshold }
  public var transformRounding: Float { store.anchoring.transformRounding }
  public var usesVelocity: Bool { !momenta.isEmpty }
  public var firingSet: FiringSet { store.firingSet(current: GramPlane.current) }
  public func outputs(_ points: PointSelection) -> Matrix { points.rows(of: current) }

  // MARK: - Steps

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    try check(step.rule)
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    let gradient = try step.gradient(ofPoints: points.count)
    var sums = try OutputSums(outputs: outputWeights.columns, units: units, workers: team.workers)
    var parts = report.phases.measure("sweep") { sweep(along: gradient, by: step.rule, sums: &sums) }
    let expired = parts.reduce(0) { $0 + $1.expired.count }
    report.phases.measure("anchor") { anchor(&parts, rule: step.rule, sums: &sums) }
    report.phases.measure("outputs") { finish(parts, sums) }
    report.neuronsMoved = parts.reduce(0) { $0 + $1.moved }
    report.counts = [
      .innerProducts: expired * points.count, .neuronsAnchored: expired,
      .candidatesComputed: parts.reduce(0) { $0 + $1.candidates },
    ]
    iteration += 1
    return report
  }

  private mutating func finish(_ parts: [SweepPart], _ sums: consuming OutputSums) {
    current = sums.rounded(scale: Double(Network.outputScale(neurons: neuronCount)), team: team)
    firingPairs = parts.reduce(0) { $0 + $1.firing }
  }

  /// Calls `body` with a step along `outputGradient`. Takes what it needs, so that the rest may be changed meanwhile.
  private static func withStep<Result>(
    along outputGradient: Matrix, gram: Matrix, outputWeights: Matrix, rule: UpdateRule,
    anchoring: Anchoring, _ body: (GramStep) -> Result
  ) -> Result {
    Matrix.withViews(gram, outputWeights, outputGradient) { gram, outputWeights, outputGradient in
      anchoring.norms.withUnsafeBufferPointer { norms in
        guard let norms = norms.baseAddress else { preconditionFailure("an engine needs points") }
        return body(
          GramStep(
            gram: gram, outputWeights: outputWeights, outputGradient: outputGradient,
            outputScale: Network.outputScale(neurons: outputWeights.rows), rule: rule,
            threshold: anchoring.threshold, norms: norms, largestNorm: anchoring.largestNorm,
            rounding: anchoring.rounding))
      }
    }
  }

  /// Advances every neuron; the anchors of those whose certificate ends are moved to where they are now.
  private mutating func sweep(
    along outputGradient: Matrix, by rule: UpdateRule, sums: inout OutputSums
  ) -> [SweepPart] {
    let skins = skins
    return Self.withStep(
      along: outputGradient, gram: gram, outputWeights: outputWeights, rule: rule, anchoring: store.anchoring
    ) { step in
      momenta.withUnsafeMutableBufferPointer { momenta in
        store.withAccess(includingWeights: true) { access in
          guard let anchors = access.weights, let certificates = access.certificates else { return [] }
          let sweep = GramSweep(
            step: step, skins: skins, anchors: anchors, momenta: momenta.isEmpty ? nil : momenta.baseAddress)
          return sums.collect(shards: access.shards.count) {
            sweep.run(shard: $0, &access.shards[$0], certificates, $1)
          }
        }
      }
    }
  }

  /// Finds new candidates for every expired neuron.
  private mutating func anchor(_ parts: inout [SweepPart], rule: UpdateRule, sums: inout OutputSums) {
    let outputWeights = outputWeights
    withStart(rule: rule) { store, start in
      store.anchor(&parts, outputWeights: outputWeights, sums: &sums, start: start)
    }
  }

  /// Calls `body` with the store and what fills the engine's own planes of a list.
  private mutating func withStart<Result>(
    rule: UpdateRule,
    _ body: (inout CandidateStore, (Int, Int, CandidateLists.List, inout Certificate) -> Void) -> Result
  ) -> Result {
    let (weights, outputWeights) = (store.weights, outputWeights)
    // Starting a list reads no gradient, so that any matrix will do.
    return Self.withStep(
      along: current, gram: gram, outputWeights: outputWeights, rule: rule, anchoring: store.anchoring
    ) { step in
      momenta.withUnsafeMutableBufferPointer { momenta in
        let momenta = momenta.isEmpty ? nil : momenta.baseAddress
        return body(&store) { shard, neuron, list, certificate in
          CandidateWorkspace.with(points: step.gram.rows) { workspace in
            let terms =
              momenta == nil
              ? 0 : weights?.gatherVelocity(of: neuron, shard: shard, workspace) ?? 0
            step.start(
              list, certificate: &certificate, momentum: momenta.map { $0 + neuron }, terms: terms, workspace)
          }
        }
      }
    }
  }
}

// MARK: - What the engine knows in other forms

extension GramEngine {
  /// What neurons have moved by since their anchors, for many threads: nobody counts references to the engine.
  private struct Movements {
    let shards: UnsafePointer<CandidateLists.Shard>
    let certificates: UnsafePointer<Certificate>
    /// nil without momentum.
    let momenta: UnsafePointer<MomentumState>?

    func read(_ shard: Int, _ neuron: Int, _ body: (WeightsAtAnchor.Movement) -> Void) {
      let first = shards[shard].neurons.lowerBound
      shards[shard].readLists {
        body(
          .init(
            $0[neuron - first], support: Int(certificates[neuron].support),
            momentum: momenta.map { $0[neuron] }))
      }
    }
  }

  private func withMovements<Result>(_ body: (Movements) -> Result) -> Result {
    store.lists.shards.withUnsafeBufferPointer { shards in
      store.certificates.withUnsafeBufferPointer { certificates in
        momenta.withUnsafeBufferPointer { momenta in
          guard let shards = shards.baseAddress, let certificates = certificates.baseAddress else {
            preconditionFailure("a network has neurons")
          }
          return body(
            Movements(
              shards: shards, certificates: certificates,
              momenta: momenta.isEmpty ? nil : momenta.baseAddress))
        }
      }
    }
  }

  public func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void) {
    withMovements { movements in store.weights?.withRows(neurons, movedBy: movements.read, body) }
  }

  public func seededWeights() -> SeededWeights? {
    withMovements { movements in
      store.weights?.seededWeights(workers: team.workers, by: movements.read)
    }
  }

  public mutating func mark() {
    marked = nil
    marked = Mark(self)
  }

  public mutating func restore() {
    guard let marked else { preconditionFailure("no mark to go back to") }
    self = marked.engine
    self.marked = marked
  }

  public mutating func finish() -> TrainingState {
    marked = nil
    guard var weights = store.weights.take() else { preconditionFailure("the state has been taken already") }
    let taken = withMovements { movements in
      weights.take(keepsVelocity: usesVelocity, workers: team.workers, by: movements.read)
    }
    return TrainingState(
      network: Network(
        weights: taken.weights, outputWeights: outputWeights, threshold: threshold, initial: initialWeights),
      velocity: taken.velocity.map { .combinations($0) }, iteration: iteration)
  }

  package func _checkInvariants() {
    store.checkInvariants(
      points: points, rows: withWeights, skin: { store.certificates[$0].skin }, firing: firingSet.pairs)
  }

  /// The bound on the length of the neuron's last step. For tests.
  package func stepLength(of neuron: Int) -> Float { store.certificates[neuron].stepLength }

  /// Candidates in all lists. For tests.
  package var candidateCount: Int { store.lists.candidateCount }
}

extension FiringSet {
  /// Neuron and point of every pair.
  var pairs: Set<SIMD2<Int>> {
    var result: Set<SIMD2<Int>> = []
    forEachPair { neuron, point, _ in result.insert(SIMD2(neuron, point)) }
    return result
  }
}

extension TrainingState {
  /// Takes the velocity out as combinations of points. Throws a usage error when it is stored.
  mutating func takeCombinations(of kind: EngineKind) throws(FireTreeError) -> PointCombinations? {
    defer { velocity = nil }
    switch velocity {
    case nil: return nil
    case .combinations(let combinations): return combinations
    case .stored:
      throw .usage(
        "the engine \(kind.rawValue) cannot go on with a velocity that is stored element by element")
    }
  }
}
