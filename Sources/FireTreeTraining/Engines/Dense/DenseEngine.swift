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

  public private(set) var network: Network
  public private(set) var outputs: Matrix
  public private(set) var firingPairs: Int
  public let points: DataPoints
  public var optimizer: GradientDescent
  /// `wordsPerNeuron` words a neuron, or nothing when over budget.
  private var bits: [UInt64]
  private var velocities = Velocities()
  private let workers: Workers

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    self.init(
      network: network, points: points, optimizer: optimizer, workers: workers, bitBudget: Self.bitBudget)
  }

  package init(
    network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers, bitBudget: ByteCount
  ) {
    let words = DensePass.words(points: points.count) * network.neuronCount
    bits = ByteCount(8) * words <= bitBudget ? [UInt64](repeating: 0, count: words) : []
    outputs = Matrix(rows: points.count, columns: network.outputCount)
    firingPairs = 0
    self.points = points
    self.optimizer = optimizer
    self.workers = workers
    self.network = network.storing(workers: workers)
    start()
  }

  public var firingSet: FiringSet {
    FiringSet(
      scanning: network.weights, points: points, atLeast: network.threshold.nextUp, workers: workers)
  }

  public static func requiredMemory(for shape: ProblemShape) -> ByteCount {
    let bits = ByteCount(8) * DensePass.words(points: shape.points) * shape.neurons
    return shape.baseMemory + min(bits, bitBudget)
  }

  public mutating func advance(outputGradient: Matrix) -> StepReport {
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    report.neuronsMoved = report.phases.measure("sweep") { sweep(along: outputGradient) }
    report.counts.innerProducts = network.neuronCount * points.count
    return report
  }

  /// The forward pass over the initial network, which it only reads: its weights may still have another owner.
  private mutating func start() {
    let pass = DensePass(network: network, points: points)
    let (network, workers) = (network, workers)
    let results = bits.withUnsafeMutableBufferPointer { bits in
      network.weights.withTile(0..<network.neuronCount) { weights in
        let sweep = DenseSweep(pass: pass, bits: bits.isEmpty ? nil : bits.baseAddress)
        let shards = Tiles.neuronShards(of: weights.rows)
        return workers.map(shards: shards.count) { shard in sweep.run(shards[shard], weights) { _, _, _ in 0 }
        }
      }
    }
    finish(results)
  }

  /// Moves the weights along the gradient and computes outputs and firing pattern of the result.
  ///
  /// Returns the number of neurons that moved.
  private mutating func sweep(along outputGradient: Matrix) -> Int {
    let pass = DensePass(network: network, points: points)
    let (optimizer, workers) = (optimizer, workers)
    let (outputWeights, outputScale) = (network.outputWeights, network.outputScale)
    let (neurons, dimension) = (network.neuronCount, network.dimension)
    let results = network.weights.withMutableView { weights in
      velocities.withView(of: optimizer, neurons: neurons, dimension: dimension) { velocities in
        bits.withUnsafeMutableBufferPointer { bits in
          outputWeights.withView { outputWeights in
            outputGradient.withView { outputGradient in
              let sweep = DenseSweep(pass: pass, bits: bits.isEmpty ? nil : bits.baseAddress)
              let move = DenseMove(
                pass: pass, weights: weights, velocities: velocities, isPatternKept: !bits.isEmpty,
                gradient: PairGradient(
                  outputWeights: outputWeights, outputGradient: outputGradient, outputScale: outputScale),
                optimizer: optimizer)
              let shards = Tiles.neuronShards(of: neurons)
              return workers.map(shards: shards.count) {
                sweep.run(shards[$0], weights.view, before: move.run)
              }
            }
          }
        }
      }
    }
    finish(results)
    return results.reduce(0) { $0 + $1.neuronsMoved }
  }

  private mutating func finish(_ results: [DenseSweep.Result]) {
    outputs = OutputSums(shards: results.map(\.sums), network: network, points: points.count)
      .reduced(workers: workers)
    firingPairs = results.reduce(0) { $0 + $1.firingPairs }
  }
}

/// The forward pass over one shard, tile by tile; what happens to a tile before it is the caller's choice.
private struct DenseSweep {
  let pass: DensePass
  /// The whole firing pattern, or nil when it is not kept.
  let bits: UnsafeMutablePointer<UInt64>?

  struct Result {
    var sums: [Double]
    var firingPairs = 0
    var neuronsMoved = 0
  }

  /// Calls `before(neurons, scratch, bits)` for every tile, which may move its weights and returns how many it moved,
  /// and then computes the tile's outputs and bits.
  func run(
    _ shard: Range<Int>, _ weights: MatrixView,
    before: (Range<Int>, MutableMatrixView, UnsafeMutablePointer<UInt64>) -> Int
  ) -> Result {
    var result = Result(
      sums: OutputSums.zeros(points: pass.points.count, outputs: pass.outputWeights.columns))
    let words = DensePass.words(points: pass.points.count)
    let localCount = bits == nil ? DataPoints.weightsPerTile * words : 1
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: localCount) { local in
      result.sums.withUnsafeMutableBufferPointer { sums in
        guard let local = local.baseAddress, let sums = sums.baseAddress else { return }
        pass.forEachTile(of: shard) { neurons, scratch in
          let bits = self.bits.map { $0 + neurons.lowerBound * words } ?? local
          result.neuronsMoved += before(neurons, scratch, bits)
          pass.forward(weights.rows(neurons), neurons: neurons, scratch: scratch, bits: bits, sums: sums)
          for word in 0..<neurons.count * words { result.firingPairs += bits[word].nonzeroBitCount }
        }
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
  let optimizer: GradientDescent

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
    guard let velocities else {
      accumulate(-optimizer.learningRate, neurons: neurons, scratch: scratch, bits: bits, into: rows)
      return fires.count { $0 }
    }
    return Scratch.withMatrix(rows: rows.rows, columns: rows.columns) { gradients in
      gradients.fill(0)
      accumulate(1, neurons: neurons, scratch: scratch, bits: bits, into: gradients)
      return (0..<rows.rows).count { r in
        optimizer.move(
          neuron: neurons.lowerBound + r, weights: rows.row(r), velocities: velocities,
          gradient: fires[r] ? UnsafePointer(gradients.row(r)) : nil)
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
