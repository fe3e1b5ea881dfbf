import CorrelationTrees
import FireTreeCore

/// The reference: every correlation and the whole gradient by two matrix products a step, 4 n m d flops, whatever
/// fires.
///
/// One sweep over tiles of neurons does the backward pass of this step and the forward pass of the next, so that a
/// tile of weights is read once while it is in the cache. Between the two passes only the firing pattern is kept,
/// a bit a pair. When those bits would exceed `bitBudget`, they are recomputed from the weights instead, which
/// makes three products of two.
///
/// Memory beyond network and points: n m / 8 bytes, at most `bitBudget`, and a tile of 256 x 256 a thread. Of seeded
/// weights it keeps what steps have added to them, and makes each tile of rows again in every sweep (`DenseCombinations`):
/// no more than 256 d floats a thread of the weights are ever there.
public struct DenseEngine: TrainingEngine {
  /// Bytes that the firing pattern may take.
  public static let bitBudget = ByteCount(1 << 30)

  private var network: Network
  private var current: Matrix
  public private(set) var firingPairs = 0
  public let points: DataPoints
  public let team: any Team
  public let expectedRule: UpdateRule
  public private(set) var iteration: Int
  /// `wordsPerNeuron` words a neuron, or nothing when over budget.
  private var bits: [UInt64]
  /// Those of stored weights.
  private var velocities: Velocities
  /// Those of seeded weights; nil without momentum.
  private var combinations: PointCombinations?
  private let units: OutputUnits
  private var marked: Mark<DenseEngine>?

  public init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team
  ) throws(FireTreeError) {
    try self.init(state, points: points, expecting: rule, team: team, bitBudget: Self.bitBudget)
  }

  package init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team,
    bitBudget: ByteCount
  ) throws(FireTreeError) {
    let isSeeded = Self.keepsSeed(of: state, points: points, rule: rule)
    if isSeeded {
      velocities = .none
      combinations =
        try state.takeCombinations(of: .dense)
        ?? (rule.usesVelocity ? PointCombinations(rows: state.network.neuronCount) : nil)
      network = state.takeNetwork()
    } else {
      velocities = try Velocities(&state, points: points, isUsed: rule.usesVelocity)
      network = try state.takeNetwork().storing(workers: team.workers)
    }
    let words = DensePass.words(points: points.count) * network.neuronCount
    bits = try [UInt64](allocating: ByteCount(8) * words <= bitBudget ? words : 0, repeating: 0)
    current = try Matrix(allocating: points.count, by: network.outputCount)
    units = try OutputUnits(
      norms: points.norms(), threshold: network.threshold, outputWeights: network.outputWeights, team: team)
    (self.points, self.team, expectedRule, iteration) = (points, team, rule, state.iteration)
    try start()
  }

  /// Whether the weights stay seeded: neither they nor their velocities are stored element by element or about other points,
  /// and no decay is expected, which would change the initial weights.
  private static func keepsSeed(of state: borrowing TrainingState, points: DataPoints, rule: UpdateRule)
    -> Bool
  {
    guard case .seeded(let weights) = state.network.weights, state.form != .stored, rule.decay == 0,
      points.count <= PointCombinations.maximumPoints
    else { return false }
    if case .stored = state.velocity { return false }
    return weights.isInitial || weights.points == points
  }

  public var outputWeights: Matrix { network.outputWeights }
  public var threshold: Float { network.threshold }
  public var initialWeights: InitialWeights? { network.initial }
  public var usesVelocity: Bool { velocities.areUsed || combinations != nil }
  public func outputs(_ points: PointSelection) -> Matrix { points.rows(of: current) }

  public var firingSet: FiringSet {
    FiringSet(
      scanning: network.weights, points: points, atLeast: network.threshold.nextUp, workers: team.workers)
  }

  public static var supportsSeededWeights: Bool { true }
  public static var prefersSeededWeights: Bool { false }

  public func seededWeights() -> SeededWeights? {
    guard case .seeded(let weights) = network.weights else { return nil }
    return weights
  }

  public static func memory(for shape: ProblemShape) -> EngineMemory {
    let bits = min(ByteCount(8) * DensePass.words(points: shape.points) * shape.neurons, bitBudget)
    // A step makes new combinations beside the old ones.
    let weights = shape.weightsMemory * (shape.isSeeded ? 2 : 1)
    let all = shape.commonMemory + weights + bits
    return EngineMemory(steps: all, finish: all, mark: shape.weightsMemory + bits)
  }

  public static func limitation(of rule: UpdateRule) -> String? { rule.limitation(supportsDecay: true) }

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    try check(step.rule)
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    guard step.rule.decay == 0 || seededWeights() == nil else {
      throw .usage("the engine dense: seeded weights do not follow a decay; store them")
    }
    let gradient = try step.gradient(ofPoints: points.count)
    report.neuronsMoved = try report.phases.measure("sweep") { () throws(FireTreeError) in
      try moveWeights(along: gradient, by: step.rule)
    }
    report.counts = [.innerProducts: network.neuronCount * points.count]
    iteration += 1
    return report
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

  public func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void) {
    network.weights.withTile(neurons, body)
  }

  public mutating func finish() -> TrainingState {
    (marked, bits) = (nil, [])
    let velocity = combinations.map(Velocity.combinations) ?? velocities.take()
    defer { (network, combinations) = (.nothing, nil) }
    return TrainingState(network: network, velocity: velocity, iteration: iteration)
  }

  private var pass: DensePass {
    DensePass(outputWeights: network.outputWeights, threshold: network.threshold, points: points)
  }

  private var shards: Tiles { Tiles.neuronShards(of: network.neuronCount) }

  /// Calls `body` with what the sweeps over all shards need.
  private mutating func withSweep<Result>(_ body: (DenseSweep) -> Result) -> Result {
    let pass = pass
    return bits.withUnsafeMutableBufferPointer { bits in
      body(DenseSweep(pass: pass, bits: bits.isEmpty ? nil : bits.baseAddress))
    }
  }

  /// The forward pass over the initial network, which it only reads: its weights may still have another owner.
  private mutating func start() throws(FireTreeError) {
    let (shards, weights) = (shards, network.weights)
    var sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    let results = withSweep { sweep in
      sums.collect(shards: shards.count) {
        sweep.run(shards[$0], $1) { tile, forward in
          weights.withTile(tile.neurons, forward)
          return 0
        }
      }
    }
    finish(results, sums)
  }

  /// Moves the weights along the gradient and computes outputs and firing pattern of the result.
  ///
  /// Returns the number of neurons that moved.
  private mutating func moveWeights(
    along outputGradient: Matrix, by rule: UpdateRule
  ) throws(FireTreeError) -> Int {
    var sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    let (outputWeights, outputScale) = (network.outputWeights, network.outputScale)
    let results = Matrix.withViews(outputWeights, outputGradient) { outputWeights, outputGradient in
      let gradient = PairGradient(
        outputWeights: outputWeights, outputGradient: outputGradient, outputScale: outputScale)
      if let weights = seededWeights() { return move(weights, along: gradient, by: rule, &sums) }
      return moveRows(along: gradient, by: rule, &sums)
    }
    finish(results, sums)
    return results.reduce(0) { $0 + $1.neuronsMoved }
  }

  private mutating func moveRows(
    along gradient: PairGradient, by rule: UpdateRule, _ sums: inout OutputSums
  ) -> [DenseSweep.Result] {
    let (pass, shards, isPatternKept) = (pass, shards, !bits.isEmpty)
    return network.weights.withMutableView { weights in
      velocities.withView { velocities in
        bits.withUnsafeMutableBufferPointer { bits in
          let sweep = DenseSweep(pass: pass, bits: bits.isEmpty ? nil : bits.baseAddress)
          let move = DenseMove(
            pass: pass, weights: weights, velocities: velocities, isPatternKept: isPatternKept,
            gradient: gradient, rule: rule)
          return sums.collect(shards: shards.count) {
            sweep.run(shards[$0], $1) { tile, forward in
              let moved = move.run(tile)
              forward(weights.view.rows(tile.neurons))
              return moved
            }
          }
        }
      }
    }
  }

  private mutating func move(
    _ weights: SeededWeights, along gradient: PairGradient, by rule: UpdateRule, _ sums: inout OutputSums
  ) -> [DenseSweep.Result] {
    let shards = shards
    let move = DenseCombinations(
      pass: pass, weights: weights, velocity: combinations, isPatternKept: !bits.isEmpty, gradient: gradient,
      rule: rule)
    let moved = withSweep { sweep in
      sums.collect(shards: shards.count) { move.run($0, of: shards, sweep: sweep, sums: $1) }
    }
    network.weights = .seeded(
      SeededWeights(
        initial: weights.initial, points: points,
        combinations: PointCombinations(rows: weights.rows, shards: moved.map(\.alpha))))
    if combinations != nil {
      combinations = PointCombinations(rows: weights.rows, shards: moved.map(\.beta))
    }
    return moved.map(\.result)
  }

  private mutating func finish(_ results: [DenseSweep.Result], _ sums: consuming OutputSums) {
    current = sums.rounded(scale: Double(network.outputScale), team: team)
    firingPairs = results.reduce(0) { $0 + $1.firingPairs }
  }
}
