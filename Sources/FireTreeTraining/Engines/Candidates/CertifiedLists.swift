import CorrelationTrees
import FireTreeCore
import RealModule

/// The planes that the candidates of every engine have; see `CandidateLists`.
enum CandidatePlane {
  /// s(t1) - P(t1) |x|, see `Certificate`.
  static let ceiling = 0
  /// s, of candidates that fire; at most b otherwise.
  static let current = 1
}

/// What the sweep over one shard leaves.
struct SweepPart {
  var sums: [Double]
  /// Neurons whose certificate ended, ascending; they are anchored before the step is over.
  var expired: [Int32] = []
  var firing = 0
  var moved = 0
  /// Candidates that were looked at.
  var candidates = 0

  init(points: Int, outputs: Int, expired: [Int32] = []) {
    sums = OutputSums.zeros(points: points, outputs: outputs)
    self.expired = expired
  }

  /// Adds what a neuron contributes to the outputs: its first `count` candidates, as far as they fire. `base` is the first
  /// point of the list's block.
  @inline(__always)
  mutating func addOutputs(
    of list: CandidateLists.List, first count: Int, base: Int = 0, outputWeights: UnsafePointer<Float>,
    outputs: Int, threshold: Float
  ) {
    firing += sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return 0 }
      let stride = OutputSums.stride(outputs: outputs)
      return Kernels.addExcess(
        to: sums + base * stride, stride: stride, weights: outputWeights, columns: outputs,
        points: list.points, values: list.plane(CandidatePlane.current), count: count,
        threshold: threshold)
    }
  }
}

/// Candidate lists with their certificates, and how neurons are anchored: in batches, by matrix products.
struct CertifiedLists: Sendable {
  var lists: CandidateLists
  var certificates: [Certificate]
  let points: DataPoints
  /// The points that one list can number; see `CandidateLists`.
  let blocks: Tiles
  let anchoring: Anchoring
  let threshold: Float
  let workers: Workers

  init(
    neurons: Int, planes: Int, points: DataPoints, threshold: Float, workers: Workers,
    pointsPerBlock: Int = CandidateLists.maximumPoints
  ) {
    precondition(
      pointsPerBlock <= CandidateLists.maximumPoints, "\(pointsPerBlock) points do not fit 16-bit indices")
    blocks = Tiles(of: points.count, size: pointsPerBlock)
    lists = CandidateLists(neurons: neurons, planes: planes, blocks: max(blocks.count, 1))
    certificates = [Certificate](repeating: Certificate(), count: neurons)
    anchoring = Anchoring(points: points, threshold: threshold)
    self.points = points
    self.threshold = threshold
    self.workers = workers
  }

  /// The skin of every neuron until its first anchor has been spent.
  mutating func setSkins(_ skin: Float) {
    for neuron in certificates.indices { certificates[neuron].skin = skin }
  }

  /// Bytes that lists and certificates will hold: a skin makes at most exp(`stretch`) times as many candidates as points
  /// fire (`SkinModel`), and the lists have room to grow.
  static func requiredMemory(
    for shape: ProblemShape, bytesPerCandidate: Int, stretch: Float = SkinModel.defaultStretch
  ) -> ByteCount {
    let candidates = min(
      Double(shape.points), Double(Float.exp(stretch)) * shape.firing.share * Double(shape.points))
    let lists = Tiles(of: shape.points, size: CandidateLists.maximumPoints).count
    return ByteCount(bytesPerCandidate) * shape.neurons * Int(1.6 * candidates + 4)
      + ByteCount(MemoryLayout<Certificate>.stride + 48 + 40 * lists) * shape.neurons
  }

  /// A part for each shard, in which every neuron is to be anchored.
  func unanchoredParts(outputs: Int) -> [SweepPart] {
    lists.shards.map {
      SweepPart(points: points.count, outputs: outputs, expired: $0.neurons.map(Int32.init))
    }
  }

  /// Calls `body` for every shard, in parallel, with its lists and all certificates, and returns the results in order.
  mutating func mapShards<Result>(
    _ body: (Int, inout CandidateLists.Shard, UnsafeMutablePointer<Certificate>) -> Result
  ) -> [Result] {
    let workers = workers
    return certificates.withUnsafeMutableBufferPointer { certificates in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        guard let certificates = certificates.baseAddress else { return [] }
        return workers.map(shards: shards.count) { body($0, &shards[$0], certificates) }
      }
    }
  }

  // MARK: - Anchoring

  /// Anchors the expired neurons of `parts`: finds their candidates, renews their certificates, and adds their outputs.
  ///
  /// `rows(chosen, body)` calls `body` with the weights of the chosen neurons, one below the other; `start(shard,
  /// neuron, list, certificate)` fills the engine's own planes of each list. Complexity: 2 n d flops a neuron.
  mutating func anchor(
    _ parts: inout [SweepPart], outputWeights: Matrix,
    rows: (UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void,
    start: (Int, Int, CandidateLists.List, inout Certificate) -> Void
  ) {
    for neurons in Anchoring.rounds(of: parts.flatMap(\.expired)) {
      let found = anchoring.candidates(
        of: neurons, skins: neurons.map { certificates[Int($0)].skin }, blocks: blocks,
        workers: workers, rows: rows)
      install(found, &parts, outputWeights: outputWeights, start: start)
    }
  }

  /// Puts candidates into their lists.
  private mutating func install(
    _ found: AnchoredTiles, _ parts: inout [SweepPart], outputWeights: Matrix,
    start: (Int, Int, CandidateLists.List, inout Certificate) -> Void
  ) {
    let (threshold, rounding, blocks) = (threshold, anchoring.rounding, blocks)
    parts.withUnsafeMutableBufferPointer { parts in
      outputWeights.withView { outputWeights in
        _ = mapShards { index, shard, certificates in
          for position in found.positions(of: shard.neurons) {
            let neuron = Int(found.neurons[position])
            let local = neuron - shard.neurons.lowerBound
            let weightNorm = found.weightNorm(at: position)
            certificates[neuron].renew(weightNorm: weightNorm, error: rounding * (weightNorm + 1))
            for block in 0..<blocks.count {
              found.withCandidates(at: position, block: block) {
                shard.replace(local, block: block, points: $0, correlations: $1)
              }
              shard.withLists { lists in
                let list = lists[local, block: block]
                list.plane(CandidatePlane.current).update(
                  from: list.plane(CandidatePlane.ceiling), count: list.count)
                start(index, neuron, list, &certificates[neuron])
                parts[index].addOutputs(
                  of: list, first: list.count, base: blocks[block].lowerBound,
                  outputWeights: outputWeights.row(neuron), outputs: outputWeights.columns,
                  threshold: threshold)
              }
            }
          }
        }
      }
    }
  }

  /// The pairs that fire: candidates whose current correlation exceeds the threshold.
  var firingSet: FiringSet {
    FiringSet(
      shards: lists.shards.map { shard in
        var result = FiringSet.Shard()
        shard.readLists { lists in
          for (local, neuron) in shard.neurons.enumerated() {
            for block in 0..<blocks.count {
              let list = lists[local, block: block]
              let current = list.plane(CandidatePlane.current)
              let firing = (0..<list.count).filter { current[$0] > threshold }
              for k in firing.sorted(by: { list.points[$0] < list.points[$1] }) {
                result.append(
                  point: blocks[block].lowerBound + Int(list.points[k]), correlation: current[k])
              }
            }
            result.endRow(of: neuron)
          }
        }
        return result
      })
  }
}
