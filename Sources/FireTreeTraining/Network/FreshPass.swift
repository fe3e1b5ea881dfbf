import CorrelationTrees
import FireTreeCore

/// The forward pass over points that a network was not trained on, when its weights are structured ones with combinations of
/// training points, w = w(0) + sum_i alpha_i x_i:
///
///     <w, x> = <w(0), x> + sum_i alpha_i <x_i, x>.
///
/// The first term comes by transforms, for a block of neurons and sixteen points at a time. The second is added only where the
/// pair may fire: with D = |w - w(0)| it is at most D |x|. Products <x_i, x> are computed once for all neurons.
///
/// A point's outputs have the same bits alone and among any others. Complexity: 3 log2 D' flops a pair for blocks of D', a
/// flop or two a coefficient for sixteen pairs of which one may fire, and 2 n n' d for the products of n training points
/// with n' fresh ones. Memory: at most 256 MB of these products, and as much of fresh points side by side.
struct FreshPass: FreshPoints {
  private let weights: SeededWeights
  private let structured: HadamardWeights
  let outputWeights: Matrix
  let threshold: Float
  let points: DataPoints
  let team: any Team
  /// |x| (n').
  let norms: [Float]
  /// By how much <w, x> exceeds <w(0), x> at most, for each unit of |x|, with all rounding (m).
  private let reaches: [Float]

  /// nil for weights that are not structured and seeded. Throws a usage error when there is no memory for it.
  ///
  /// Complexity: O(1) an entry of the combinations; 2 nnz(x_i) when there are many points.
  init?(
    _ weights: HiddenWeights, outputWeights: Matrix, threshold: Float, points: DataPoints, team: any Team
  ) throws(FireTreeError) {
    guard case .seeded(let weights) = weights, let structured = weights.initial.structured,
      structured.transformsFit(norm: points.norms().max() ?? 0)
    else { return nil }
    (self.weights, self.structured, self.outputWeights) = (weights, structured, outputWeights)
    (self.threshold, self.points, self.team) = (threshold, points, team)
    norms = points.norms()
    try Memory.ask(for: weights.rows, of: Float.self)
    let bounds = weights.bounds(measured: points.count >= Self.pointsWorthMeasuring, workers: team.workers)
    var reaches = bounds.movements
    for neuron in reaches.indices { reaches[neuron] += bounds.errors[neuron] }
    self.reaches = reaches
  }

  /// From so many points on it pays to measure how far each neuron has moved; below, the sum of |alpha_i| |x_i| is a bound.
  private static let pointsWorthMeasuring = 4096

  /// An upper bound of the rounding of a correlation, for each unit of |x|.
  var rounding: Float { weights.largestRounding }

  /// Points that are looked at together: at most 2^26 products with training points, as many coordinates, and 2^21 sums of
  /// outputs a thread.
  var chunks: Tiles {
    let most = min(
      (1 << 26) / max(weights.points.count, 1), (1 << 26) / structured.blockSize,
      (1 << 21) / OutputSums.stride(outputs: max(outputWeights.columns, 1)))
    return Tiles(of: points.count, size: max(LanePoints.lanes, min(1 << 14, most / 256 * 256)))
  }

  func pairs(of chunk: Range<Int>) throws(FireTreeError) -> any FreshPairs {
    try FreshShards(self, chunk)
  }

  /// A chunk of points, side by side, with their products with all training points; and shards of neurons.
  private struct FreshShards: FreshPairs {
    let pass: FreshPass
    let lanes: LanePoints
    /// A group of points n x 16, one after the other.
    let products: AlignedBuffer
    let norms: [Float]
    /// Blocks of structured weights of each shard.
    let shards: Tiles

    init(_ pass: FreshPass, _ range: Range<Int>) throws(FireTreeError) {
      self.pass = pass
      lanes = try LanePoints(
        of: pass.points, range, blockSize: pass.structured.blockSize, workers: pass.team.workers)
      shards = Tiles(of: pass.structured.blocks.count, count: 64)
      let groups = lanes.groups, count = pass.weights.points.count
      products = try AlignedBuffer(count: groups.count * max(count, 1) * LanePoints.lanes)
      let missing = groups.count * LanePoints.lanes - range.count
      norms = .fixed(joining: [Array(pass.norms[range]), Array(repeating: -.infinity, count: missing)])
      computeProducts(range)
    }

    private func computeProducts(_ range: Range<Int>) {
      let (groups, training) = (lanes.groups, pass.weights.points)
      let size = training.count * LanePoints.lanes, base = products.base
      pass.team.workers.forEachShard(of: groups.count) { group in
        let all = MutableMatrixView(
          base: base + group * size, rows: training.count, columns: groups[group].count,
          stride: LanePoints.lanes)
        training.forEachDenseTile { tile, rows in
          pass.points.correlateAlike(
            rows,
            points: range.lowerBound + groups[group].lowerBound..<range.lowerBound + groups[group].upperBound,
            into: all.rows(tile))
        }
      }
    }

    var count: Int { shards.count }

    func forEachPair(in shard: Int, _ body: (Int, Int, Float) -> Void) {
      let (structured, copies) = (pass.structured, pass.weights.initial.copies)
      let room = structured.blockSize * copies * LanePoints.lanes
      structured.withWorkspace { workspace in
        withUnsafeTemporaryAllocation(of: Kernels.Hit.self, capacity: room) { hits in
          guard let hits = hits.baseAddress else { return }
          for block in shards[shard] {
            structured.drawSigns(of: block, workspace)
            let parts = pass.weights.parts(ofBlock: block)
            for group in 0..<lanes.groups.count {
              structured.transform(lanes, group: group, workspace)
              for part in parts {
                forEachHit(of: part, block: block, group: group, workspace, hits, body)
              }
            }
          }
        }
      }
    }

    private func forEachHit(
      of part: SeededWeights.Part, block: Int, group: Int, _ workspace: HadamardWeights.Workspace,
      _ hits: UnsafeMutablePointer<Kernels.Hit>, _ body: (Int, Int, Float) -> Void
    ) {
      let (initial, structured) = (pass.weights.initial, pass.structured)
      let first = lanes.groups[group].lowerBound, size = pass.weights.points.count * LanePoints.lanes
      let tile = workspace.tile.row(
        part.neurons.lowerBound / initial.copies - structured.blocks[block].lowerBound)
      let count = part.withEntries { offsets, points, coefficients in
        pass.reaches.withUnsafeBufferPointer { reaches in
          norms.withUnsafeBufferPointer { norms in
            guard let reaches = reaches.baseAddress, let norms = norms.baseAddress else { return 0 }
            return Kernels.fireLanes(
              tile, neurons: part.neurons.count, copies: initial.copies, scale: structured.scale,
              reaches: reaches + part.neurons.lowerBound, slacks: nil, norms: norms + first,
              threshold: pass.threshold,
              offsets: offsets, points: points, coefficients: coefficients,
              products: products.base + group * size,
              into: hits)
          }
        }
      }
      for k in 0..<count {
        body(part.neurons.lowerBound + Int(hits[k].row), first + Int(hits[k].point), hits[k].value)
      }
    }
  }
}

extension DataPoints {
  /// Calls `body(points, rows)` for tiles of points with all their coordinates.
  fileprivate func forEachDenseTile(_ body: (Range<Int>, MatrixView) -> Void) {
    switch storage {
    case .dense(let matrix): matrix.withView { body(0..<count, $0) }
    case .sparse(let sparse):
      let tiles = Tiles(of: count, size: 64)
      Scratch.withMatrix(rows: min(64, count), columns: dimension) { scratch in
        for tile in 0..<tiles.count {
          let rows = scratch.rows(0..<tiles[tile].count)
          rows.fill(0)
          for (slot, point) in tiles[tile].enumerated() {
            for (column, value) in sparse.row(point) { rows[slot, column] = value }
          }
          body(tiles[tile], rows.view)
        }
      }
    }
  }
}
