import CorrelationTrees
import FireTreeCore

/// The dense pass over fresh points without the pairs that cannot fire, for weights that are stored, or made row by row, and began
/// as structured ones: transforms give <w(0), x>, and with D = |w - w(0)|
///
///     <w, x> <= <w(0), x> + D |x|.
///
/// The other pairs are computed as the dense pass computes them and added up in its order, so that outputs have its bits. W(0) is
/// not held: its rows are made again to know D, which is taken of the weights as they are, so nothing depends on where these
/// have been.
///
/// Complexity: 3 log2 D' flops a pair for blocks of D', 2 d for each that may fire, 2 D' log2 D' + 3 d a neuron. Memory: at most
/// 256 MB of points side by side, and 64 MB of rows a thread.
struct StructuredPass: FreshPoints {
  typealias Rows = @Sendable (Range<Int>, (MatrixView) -> Void) -> Void

  private let initial: InitialWeights
  private let structured: HadamardWeights
  private let pass: DensePass
  let team: any Team
  let norms: [Float]
  /// Calls its argument with the weights of a range of neurons.
  private let rows: Rows

  /// nil for weights that are not known to have been structured, for points that transforms do not fit, and where a dense
  /// pass is as fast: with few points or inputs, and with shards that are small parts of a block, of which each would
  /// transform the whole.
  init?(_ initial: InitialWeights?, _ pass: DensePass, team: any Team, rows: @escaping Rows) {
    let norms = pass.points.norms()
    guard let initial, let structured = initial.structured, initial.rows == pass.outputWeights.rows,
      initial.columns == pass.points.dimension, structured.transformsFit(norm: norms.max() ?? 0),
      pass.points.count >= Self.fewestPoints, pass.points.dimension >= Self.fewestInputs,
      2 * Tiles.neuronShards(of: initial.rows).size >= initial.copies * structured.blockSize
    else { return nil }
    (self.initial, self.structured, self.pass) = (initial, structured, pass)
    (self.team, self.norms, self.rows) = (team, norms, rows)
  }

  /// Fewer points than these cost less than to know how far the weights have moved.
  static let fewestPoints = 64
  /// Of fewer inputs a product is as cheap as a transform.
  static let fewestInputs = 64
  /// So many groups of sixteen points stay in the cache while rows pass by.
  static let groupsPerBatch = 16
  /// A batch of points more of whose pairs may fire than this is multiplied whole.
  private static let worthMultiplying = 0.3

  var outputWeights: Matrix { pass.outputWeights }
  var threshold: Float { pass.threshold }
  /// Correlations are those of a product.
  var rounding: Float { 0 }

  var chunks: Tiles {
    let most = min(
      (1 << 26) / structured.blockSize, (1 << 21) / OutputSums.stride(outputs: max(outputWeights.columns, 1)))
    return Tiles(of: norms.count, size: max(LanePoints.lanes, min(1 << 14, most / 256 * 256)))
  }

  func pairs(of chunk: Range<Int>) throws(FireTreeError) -> any FreshPairs { try Shards(self, chunk) }

  /// A chunk of points, side by side, and the dense pass's shards of neurons.
  private struct Shards: FreshPairs {
    let owner: StructuredPass
    let points: Range<Int>
    let lanes: LanePoints
    /// |x|, rounded up; of what is missing in the last group such that nothing exceeds a threshold.
    let norms: [Float]
    let shards: Tiles

    init(_ owner: StructuredPass, _ points: Range<Int>) throws(FireTreeError) {
      (self.owner, self.points) = (owner, points)
      lanes = try LanePoints(
        of: owner.pass.points, points, blockSize: owner.structured.blockSize, workers: owner.team.workers)
      let missing = lanes.groups.count * LanePoints.lanes - points.count
      let inflation = 1 + owner.productRounding
      norms = .fixed(
        joining: [owner.norms[points].map { $0 * inflation }, Array(repeating: -.infinity, count: missing)])
      shards = Tiles.neuronShards(of: owner.outputWeights.rows)
    }

    var count: Int { shards.count }

    func forEachPair(in shard: Int, _ body: (Int, Int, Float) -> Void) {
      let (structured, copies) = (owner.structured, owner.initial.copies)
      structured.withWorkspace { workspace in
        var drawn = -1
        for neurons in parts(of: shards[shard]) {
          let block = neurons.lowerBound / copies / structured.blockSize
          if drawn != block { structured.drawSigns(of: block, workspace) }
          drawn = block
          owner.rows(neurons) { rows in
            let part = Part(owner, neurons, rows)
            let batches = Tiles(of: lanes.groups.count, size: StructuredPass.groupsPerBatch)
            Part.Memory.with(neurons: neurons.count) { memory in
              for batch in 0..<batches.count {
                part.forEachPair(self, batches[batch], workspace, memory, body)
              }
            }
          }
        }
      }
    }

    /// The neurons of a shard by blocks of structured weights, in pieces whose rows take at most 32 MB.
    private func parts(of shard: Range<Int>) -> [Range<Int>] {
      let size = owner.structured.blockSize * owner.initial.copies
      let most = max(256, (1 << 23) / owner.initial.columns / 16 * 16)
      var (parts, next): ([Range<Int>], Int) = ([], shard.lowerBound)
      while next < shard.upperBound {
        let end = min(shard.upperBound, (next / size + 1) * size, next + most)
        parts.append(next..<end)
        next = end
      }
      return parts
    }
  }

  /// Neurons of one block, with their weights.
  private struct Part {
    let owner: StructuredPass
    let neurons: Range<Int>
    let rows: MatrixView
    /// Where their base rows lie in the block.
    let places: Range<Int>
    /// By how much <w, x> exceeds what transforms give of <w(0), x> at most, for each unit of |x|: the largest of the neurons
    /// of each base row.
    let reaches: [Float]

    init(_ owner: StructuredPass, _ neurons: Range<Int>, _ rows: MatrixView) {
      let copies = owner.initial.copies
      (self.owner, self.neurons, self.rows) = (owner, neurons, rows)
      let base = neurons.lowerBound / copies..<(neurons.upperBound + copies - 1) / copies
      let first = base.lowerBound % owner.structured.blockSize
      places = first..<first + base.count
      reaches = owner.reaches(of: neurons, base: base, rows)
    }

    /// Working memory for a batch of points.
    struct Memory {
      /// Pairs of base rows, by groups of points; and pairs of neurons, by rows.
      let hits: UnsafeMutablePointer<Kernels.Hit>
      let pairs: UnsafeMutablePointer<Kernels.Hit>
      /// Where the pairs of a row begin, one place ahead.
      let ends: UnsafeMutablePointer<Int>
      /// Values of all pairs.
      let values: MutableMatrixView

      static func with(neurons: Int, _ body: (Memory) -> Void) {
        let points = StructuredPass.groupsPerBatch * LanePoints.lanes
        withUnsafeTemporaryAllocation(of: Kernels.Hit.self, capacity: 2 * neurons * points) { hits in
          withUnsafeTemporaryAllocation(of: Int.self, capacity: neurons + 1) { ends in
            guard let hits = hits.baseAddress, let ends = ends.baseAddress else { return }
            Scratch.withMatrix(rows: neurons, columns: points) {
              body(Memory(hits: hits, pairs: hits + neurons * points, ends: ends, values: $0))
            }
          }
        }
      }
    }

    func forEachPair(
      _ shards: Shards, _ groups: Range<Int>, _ workspace: HadamardWeights.Workspace, _ memory: Memory,
      _ body: (Int, Int, Float) -> Void
    ) {
      let first = shards.lanes.groups[groups.lowerBound].lowerBound
      let range = first..<shards.lanes.groups[groups.upperBound - 1].upperBound
      let count = select(shards, groups, first: first, workspace, memory)
      let points = shards.points.lowerBound + range.lowerBound..<shards.points.lowerBound + range.upperBound
      let isLarge = Double(count) > StructuredPass.worthMultiplying * Double(places.count * range.count)
      if isLarge {
        multiply(points, memory.values.columns(0..<range.count)) { body($0, first + $1, $2) }
      } else {
        look(at: memory.hits, count, points, memory) { body($0, first + $1, $2) }
      }
    }

    /// Stores the pairs of base rows that may fire, points counted from `first`; returns how many there are.
    private func select(
      _ shards: Shards, _ groups: Range<Int>, first: Int, _ workspace: HadamardWeights.Workspace,
      _ memory: Memory
    ) -> Int {
      reaches.withUnsafeBufferPointer { reaches in
        shards.norms.withUnsafeBufferPointer { norms in
          guard let reaches = reaches.baseAddress, let norms = norms.baseAddress else { return 0 }
          var count = 0
          for group in groups {
            owner.structured.transform(shards.lanes, group: group, workspace)
            let begin = shards.lanes.groups[group].lowerBound
            count += Kernels.selectLanes(
              workspace.tile.row(places.lowerBound), size: places.count, scale: owner.structured.scale,
              reaches: reaches, norms: norms + begin, threshold: owner.threshold,
              first: UInt16(begin - first), into: memory.hits + count)
          }
          return count
        }
      }
    }

    /// Computes all pairs of the part with a batch of points.
    private func multiply(
      _ points: Range<Int>, _ values: MutableMatrixView, _ body: (Int, Int, Float) -> Void
    ) {
      owner.pass.points.correlateAlike(rows, points: points, into: values)
      for (slot, neuron) in neurons.enumerated() {
        for point in 0..<points.count where values[slot, point] > owner.threshold {
          body(neuron, point, values[slot, point])
        }
      }
    }

    /// Computes pairs that may fire, those of a base row for each of its neurons, by rows.
    private func look(
      at hits: UnsafeMutablePointer<Kernels.Hit>, _ count: Int, _ points: Range<Int>, _ memory: Memory,
      _ body: (Int, Int, Float) -> Void
    ) {
      let copies = owner.initial.copies
      memory.ends.update(repeating: 0, count: neurons.count + 1)
      func forEachSlot(_ body: (Int, UInt16) -> Void) {
        for k in 0..<count {
          let first = Int(hits[k].row) * copies
          for slot in first..<min(first + copies, neurons.count) { body(slot, hits[k].point) }
        }
      }
      forEachSlot { slot, _ in memory.ends[slot + 1] += 1 }
      for slot in 0..<neurons.count { memory.ends[slot + 1] += memory.ends[slot] }
      let chosen = UnsafeMutableBufferPointer(start: memory.pairs, count: memory.ends[neurons.count])
      forEachSlot { slot, point in
        memory.pairs[memory.ends[slot]] = Kernels.Hit(value: 0, row: UInt16(slot), point: point)
        memory.ends[slot] += 1
      }
      owner.pass.points.correlateAlike(rows, points: points, pairs: chosen)
      for pair in chosen where pair.value > owner.threshold {
        body(neurons.lowerBound + Int(pair.row), Int(pair.point), pair.value)
      }
    }
  }

  /// The relative rounding of a product over all coordinates, 2 gamma_d.
  private var productRounding: Float {
    let u = Float(initial.columns + 8) * 0x1p-24
    return 2 * u / max(1 - u, 0.5)
  }

  /// See `Part.reaches`: D and its rounding; gamma_d |w| of the product; that of transforms; and what rounding has of a
  /// comparison between numbers of at most |w(0)| + D.
  private func reaches(of neurons: Range<Int>, base: Range<Int>, _ rows: MatrixView) -> [Float] {
    let (copies, columns, rounding) = (initial.copies, initial.columns, productRounding)
    let own = Float(structured.blockSize).squareRoot()
    var reaches = [Float].fixed(base.count, repeating: 0)
    Scratch.withMatrix(rows: base.count + 1, columns: columns) { scratch in
      structured.generate(base, into: scratch.rows(0..<base.count))
      let difference = scratch.row(base.count)
      for slot in 0..<neurons.count {
        let (start, now) = (scratch.row(slot / copies), rows.row(slot))
        for j in 0..<columns { difference[j] = now[j] - start[j] }
        let square = LinearAlgebra.dot(difference, difference, count: columns)
        let distance = square.squareRoot() * (1 + rounding)
        let reach = distance + rounding * (2 * (own + distance) + 1) + structured.rounding * (1 + rounding)
        // What overflows reaches every point, also one at 0.
        let largest = Float.greatestFiniteMagnitude
        reaches[slot / copies] = max(reaches[slot / copies], reach < largest ? reach : largest)
      }
    }
    return reaches
  }
}
