import CorrelationTrees
import FireTreeCore

/// Exact training whose cost follows the neurons that fire, in the space of the weights.
///
/// A step adds c x_i to the weight of a neuron for every point i on which it fires, and then computes its correlations
/// with those candidates alone (`CandidateLists`) that may fire now (`Certificate`): the ones that fired, and a few
/// others near the threshold. While the length of the neuron's path since its anchor stays within its skin, no point
/// outside the list can fire. Then its correlations with all points are computed, and it is anchored anew.
///
/// One sweep over neurons does the backward pass of this step and the forward pass of the next.
///
/// Complexity of a step: O(nnz(x)) for each firing pair and each candidate that is looked at, so that sparse data stay
/// cheap; n d for each neuron that is anchored anew. Memory: the weights (m d, twice with momentum), and 10 bytes a
/// candidate.
public struct WeightEngine: TrainingEngine {
  public let points: DataPoints
  public let team: any Team
  public let expectedRule: UpdateRule
  public private(set) var iteration: Int
  public private(set) var firingPairs = 0
  private var current: Matrix
  private var network: Network
  private var velocities: Velocities
  private var store: CandidateStore
  private let skins: SkinModel
  private let units: OutputUnits
  private var marked: Mark<WeightEngine>?
  public private(set) var preparation = PhaseTimes()

  public init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team
  ) throws(FireTreeError) {
    try self.init(
      state, points: points, expecting: rule, team: team, pointsPerBlock: CandidateLists.maximumPoints)
  }

  /// `pointsPerBlock` is the number of points that one candidate list covers. For tests.
  package init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team,
    pointsPerBlock: Int
  ) throws(FireTreeError) {
    velocities = try Velocities(&state, points: points, isUsed: rule.usesVelocity)
    let initial = state.network.weights
    network = try state.takeNetwork().storing(workers: team.workers)
    (self.points, self.team, expectedRule, iteration) = (points, team, rule, state.iteration)
    let anchoring = try Anchoring(
      points: points, threshold: network.threshold, transformRounding: initial.initial?.rounding ?? 0)
    store = try CandidateStore(
      neurons: network.neuronCount, planes: Self.planes, weights: nil, anchoring: anchoring,
      pointsPerBlock: pointsPerBlock, workers: team.workers)
    skins = SkinModel(points: points, threshold: network.threshold)
    units = try OutputUnits(
      norms: anchoring.norms, threshold: network.threshold, outputWeights: network.outputWeights, team: team)
    current = try Matrix(allocating: points.count, by: network.outputCount)
    var sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    let weights = network.hiddenWeights
    let skin = skins.initial(outputWeights: network.outputWeights, rule: rule)
    let pass = try store.firstPass(over: initial, points: points, skin: skin)
    let begin = ContinuousClock.now
    let parts = store.anchorAll(
      by: pass, skin: skin, outputWeights: network.outputWeights, sums: &sums,
      rows: { chosen, body in
        weights.withView { $0.forEachTile(of: chosen, size: max(chosen.count, 1)) { body($1) } }
      }, start: { _, _, _, _ in })
    preparation.add((ContinuousClock.now - begin).seconds, to: "first pass")
    finish(parts, sums)
  }

  private static let planes = 2

  public static func limitation(of rule: UpdateRule) -> String? { rule.limitation(supportsDecay: true) }

  public static func memory(for shape: ProblemShape) -> EngineMemory {
    var stored = shape
    stored.isSeeded = false
    let own =
      stored.weightsMemory
      + CandidateStore.requiredMemory(for: shape, bytesPerCandidate: 2 + 4 * planes)
    let all = shape.commonMemory + own
    return EngineMemory(steps: all, finish: all, mark: own)
  }

  public var outputWeights: Matrix { network.outputWeights }
  public var threshold: Float { network.threshold }
  public var initialWeights: InitialWeights? { network.initial }
  public var transformRounding: Float { store.anchoring.transformRounding }
  public var usesVelocity: Bool { velocities.areUsed }
  public var firingSet: FiringSet { store.firingSet(current: CandidatePlane.current) }
  public func outputs(_ points: PointSelection) -> Matrix { points.rows(of: current) }

  // MARK: - Steps

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    try check(step.rule)
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    let gradient = try step.gradient(ofPoints: points.count)
    var sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    var parts = report.phases.measure("sweep") { sweep(along: gradient, by: step.rule, sums: &sums) }
    let expired = parts.reduce(0) { $0 + $1.expired.count }
    report.phases.measure("anchor") { anchor(&parts, sums: &sums) }
    report.phases.measure("outputs") { finish(parts, sums) }
    report.neuronsMoved = parts.reduce(0) { $0 + $1.moved }
    let candidates = parts.reduce(0) { $0 + $1.candidates }
    report.counts = [
      .innerProducts: expired * points.count + candidates, .neuronsAnchored: expired,
      .candidatesComputed: candidates,
    ]
    iteration += 1
    return report
  }

  private mutating func finish(_ parts: [SweepPart], _ sums: consuming OutputSums) {
    current = sums.rounded(scale: Double(network.outputScale), team: team)
    firingPairs = parts.reduce(0) { $0 + $1.firing }
  }

  /// Moves every neuron and computes the correlations that may matter.
  private mutating func sweep(
    along outputGradient: Matrix, by rule: UpdateRule, sums: inout OutputSums
  ) -> [SweepPart] {
    let (points, skins, anchoring, blocks) = (points, skins, store.anchoring, store.blocks)
    let (outputWeights, scale) = (network.outputWeights, network.outputScale)
    return Matrix.withViews(outputWeights, outputGradient) { outputWeights, outputGradient in
      anchoring.norms.withUnsafeBufferPointer { norms in
        points.withView { points in
          network.weights.withMutableView { weights in
            velocities.withView { velocities in
              store.withAccess { access in
                guard let norms = norms.baseAddress, let certificates = access.certificates else { return [] }
                let sweep = WeightSweep(
                  weights: weights, velocities: velocities, points: points, outputWeights: outputWeights,
                  outputGradient: outputGradient, outputScale: scale, rule: rule,
                  threshold: anchoring.threshold, norms: norms, largestNorm: anchoring.largestNorm,
                  rounding: anchoring.weightRounding, skins: skins, blocks: blocks)
                return sums.collect(shards: access.shards.count) {
                  sweep.run(&access.shards[$0], certificates, $1)
                }
              }
            }
          }
        }
      }
    }
  }

  /// Finds new candidates for every expired neuron.
  private mutating func anchor(_ parts: inout [SweepPart], sums: inout OutputSums) {
    let weights = network.hiddenWeights
    store.anchor(
      &parts, outputWeights: network.outputWeights, sums: &sums,
      rows: { chosen, body in
        weights.withView { $0.forEachTile(of: chosen, size: max(chosen.count, 1)) { body($1) } }
      }, start: { _, _, _, _ in })
  }

  // MARK: - What the engine knows in other forms

  public mutating func mark() {
    marked = nil
    marked = Mark(self)
  }

  public mutating func restore() {
    guard let marked else { preconditionFailure("no mark to go back to") }
    self = marked.engine
    self.marked = marked
  }

  public func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void) {
    network.weights.withTile(neurons, body)
  }

  public mutating func finish() -> TrainingState {
    marked = nil
    let velocity = velocities.take()
    defer { network = .nothing }
    return TrainingState(network: network, velocity: velocity, iteration: iteration)
  }

  package func _checkInvariants() {
    store.checkInvariants(
      points: points, rows: withWeights, skin: { store.certificates[$0].skin }, firing: firingSet.pairs)
  }
}
