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
/// Memory beyond network and points: n m / 8 bytes, at most `bitBudget`, and a tile of 256 x 256 a thread. It trains
/// stored weights; those of a seeded network are computed when it begins.
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
  private var velocities: Velocities
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
    velocities = try Velocities(&state, points: points, isUsed: rule.usesVelocity)
    network = try state.takeNetwork().storing(workers: team.workers)
    let words = DensePass.words(points: points.count) * network.neuronCount
    bits = try [UInt64](allocating: ByteCount(8) * words <= bitBudget ? words : 0, repeating: 0)
    current = try Matrix(allocating: points.count, by: network.outputCount)
    units = try OutputUnits(
      norms: points.norms(), threshold: network.threshold, outputWeights: network.outputWeights, team: team)
    (self.points, self.team, expectedRule, iteration) = (points, team, rule, state.iteration)
    try start()
  }

  public var outputWeights: Matrix { network.outputWeights }
  public var threshold: Float { network.threshold }
  public var usesVelocity: Bool { velocities.areUsed }
  public func outputs(_ points: PointSelection) -> Matrix { points.rows(of: current) }

  public var firingSet: FiringSet {
    FiringSet(
      scanning: network.weights, points: points, atLeast: network.threshold.nextUp, workers: team.workers)
  }

  public static func memory(for shape: ProblemShape) -> EngineMemory {
    let bits = min(ByteCount(8) * DensePass.words(points: shape.points) * shape.neurons, bitBudget)
    var stored = shape
    stored.isSeeded = false
    let all = shape.commonMemory + stored.weightsMemory + bits
    return EngineMemory(steps: all, finish: all, mark: stored.weightsMemory + bits)
  }

  public static func limitation(of rule: UpdateRule) -> String? { rule.limitation(supportsDecay: true) }

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    try check(step.rule)
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    let gradient = try step.gradient(ofPoints: points.count)
    report.neuronsMoved = try report.phases.measure("sweep") { () throws(FireTreeError) in
      try sweep(along: gradient, by: step.rule)
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
    let velocity = velocities.take()
    defer { network = .nothing }
    return TrainingState(network: network, velocity: velocity, iteration: iteration)
  }

  private var pass: DensePass {
    DensePass(outputWeights: network.outputWeights, threshold: network.threshold, points: points)
  }

  /// The forward pass over the initial network, which it only reads: its weights may still have another owner.
  private mutating func start() throws(FireTreeError) {
    let (pass, network) = (pass, network)
    var sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    let results = bits.withUnsafeMutableBufferPointer { bits in
      network.weights.withTile(0..<network.neuronCount) { weights in
        let sweep = DenseSweep(pass: pass, bits: bits.isEmpty ? nil : bits.baseAddress)
        let shards = Tiles.neuronShards(of: weights.rows)
        return sums.collect(shards: shards.count) { sweep.run(shards[$0], weights, $1) { _, _, _ in 0 } }
      }
    }
    finish(results, sums)
  }

  /// Moves the weights along the gradient and computes outputs and firing pattern of the result.
  ///
  /// Returns the number of neurons that moved.
  private mutating func sweep(along outputGradient: Matrix, by rule: UpdateRule) throws(FireTreeError) -> Int
  {
    let (pass, outputWeights, outputScale) = (pass, network.outputWeights, network.outputScale)
    var sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    let results = network.weights.withMutableView { weights in
      velocities.withView { velocities in
        bits.withUnsafeMutableBufferPointer { bits in
          Matrix.withViews(outputWeights, outputGradient) { outputWeights, outputGradient in
            let sweep = DenseSweep(pass: pass, bits: bits.isEmpty ? nil : bits.baseAddress)
            let move = DenseMove(
              pass: pass, weights: weights, velocities: velocities, isPatternKept: !bits.isEmpty,
              gradient: PairGradient(
                outputWeights: outputWeights, outputGradient: outputGradient, outputScale: outputScale),
              rule: rule)
            let shards = Tiles.neuronShards(of: weights.rows)
            return sums.collect(shards: shards.count) {
              sweep.run(shards[$0], weights.view, $1, before: move.run)
            }
          }
        }
      }
    }
    finish(results, sums)
    return results.reduce(0) { $0 + $1.neuronsMoved }
  }

  private mutating func finish(_ results: [DenseSweep.Result], _ sums: consuming OutputSums) {
    current = sums.rounded(scale: Double(network.outputScale), team: team)
    firingPairs = results.reduce(0) { $0 + $1.firingPairs }
  }
}

/// The forward pass over one shard, tile by tile; what happens to a tile before it is the caller's choice.
private struct DenseSweep {
  let pass: DensePass
  /// The whole firing pattern, or nil when it is not kept.
  let bits: UnsafeMutablePointer<UInt64>?

  struct Result {
    var firingPairs = 0
    var neuronsMoved = 0
  }

  /// Calls `before(neurons, scratch, bits)` for every tile, which may move its weights and returns how many it moved,
  /// and then computes the tile's outputs and bits.
  func run(
    _ shard: Range<Int>, _ weights: MatrixView, _ sums: UnsafeMutablePointer<Double>,
    before: (Range<Int>, MutableMatrixView, UnsafeMutablePointer<UInt64>) -> Int
  ) -> Result {
    var result = Result()
    let words = DensePass.words(points: pass.points.count)
    let localCount = bits == nil ? DataPoints.weightsPerTile * words : 1
    Memory.demand(try Memory.ask(for: localCount, of: UInt64.self))
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: localCount) { local in
      guard let local = local.baseAddress else { return }
      pass.forEachTile(of: shard) { neurons, scratch in
        let bits = self.bits.map { $0 + neurons.lowerBound * words } ?? local
        result.neuronsMoved += before(neurons, scratch, bits)
        pass.forward(weights.rows(neurons), neurons: neurons, scratch: scratch, bits: bits, sums: sums)
        for word in 0..<neurons.count * words { result.firingPairs += bits[word].nonzeroBitCount }
      }
    }
    return result
  }
}

/// The backward pass of one tile.
private struct DenseMove {
  let pass: DensePass
  let weights: MutableMatrixView
  let velocities: Velocities.View?
  /// Whether `bits` holds the pattern already; otherwise it is computed again from the weights.
  let isPatternKept: Bool
  let gradient: PairGradient
  let rule: UpdateRule

  private var wordsPerNeuron: Int { DensePass.words(points: pass.points.count) }

  /// Moves the tile's neurons; returns how many moved.
  func run(_ neurons: Range<Int>, _ scratch: MutableMatrixView, _ bits: UnsafeMutablePointer<UInt64>) -> Int {
    let words = wordsPerNeuron
    let rows = weights.rows(neurons)
    if !isPatternKept {
      pass.forEachCorrelationTile(of: rows.view, scratch: scratch) { tile, correlations in
        pass.mark(correlations, firstPoint: tile.lowerBound, in: bits, wordsPerNeuron: words)
      }
    }
    let fires = (0..<rows.rows).map { r in (0..<words).contains { bits[r * words + $0] != 0 } }
    if rule.decay > 0 { for r in 0..<rows.rows { rule.shrink(rows.row(r), count: rows.columns) } }
    guard let velocities else {
      accumulate(-rule.rate, neurons: neurons, scratch: scratch, bits: bits, into: rows)
      return rule.decay > 0 ? rows.rows : fires.count { $0 }
    }
    return Scratch.withMatrix(rows: rows.rows, columns: rows.columns) { gradients in
      gradients.fill(0)
      accumulate(1, neurons: neurons, scratch: scratch, bits: bits, into: gradients)
      return (0..<rows.rows).count { r in
        let moved = rule.move(
          neuron: neurons.lowerBound + r, weights: rows.row(r), velocities: velocities,
          gradient: fires[r] ? UnsafePointer(gradients.row(r)) : nil)
        return moved || rule.decay > 0
      }
    }
  }

  /// `result += scale * dL/dw` for a tile of neurons, a tile of points at a time.
  private func accumulate(
    _ scale: Float, neurons: Range<Int>, scratch: MutableMatrixView, bits: UnsafePointer<UInt64>,
    into result: MutableMatrixView
  ) {
    let tiles = pass.points.tiles
    for tile in 0..<tiles.count {
      let coefficients = scratch.columns(0..<tiles[tile].count)
      coefficients.fill(0)
      for r in 0..<coefficients.rows {
        let row = coefficients.row(r)
        DensePass.forEachBit(in: bits + r * wordsPerNeuron, points: tiles[tile]) { point in
          row[point - tiles[tile].lowerBound] =
            scale * gradient.coefficient(neuron: neurons.lowerBound + r, point: point)
        }
      }
      pass.points.accumulate(coefficients.view, points: tiles[tile], into: result)
    }
  }
}
