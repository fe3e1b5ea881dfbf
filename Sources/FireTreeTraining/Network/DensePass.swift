import CorrelationTrees
import FireTreeCore

/// The dense forward pass: all correlations, tile by tile, never the whole n x m matrix.
///
/// What the dense engine, prediction and audits share. A tile is at most 256 neurons by 256 points.
struct DensePass {
  let outputWeights: Matrix
  let threshold: Float
  let points: DataPoints

  /// 64-bit words that hold a bit for every point.
  static func words(points: Int) -> Int { (points + 63) / 64 }

  /// Calls `body(neurons, scratch)` for tiles of at most 256 neurons of a shard; `scratch` holds a tile of pairs.
  func forEachTile(of shard: Range<Int>, _ body: (Range<Int>, MutableMatrixView) -> Void) {
    let tiles = Tiles(of: shard.count, size: DataPoints.weightsPerTile)
    Scratch.withMatrix(rows: min(shard.count, tiles.size), columns: DataPoints.pointsPerTile) { scratch in
      for tile in 0..<tiles.count {
        let local = tiles[tile]
        body(
          shard.lowerBound + local.lowerBound..<shard.lowerBound + local.upperBound,
          scratch.rows(0..<local.count))
      }
    }
  }

  /// Calls `body(points, correlations)` for every tile of points with the correlations of `weights` (R x d).
  func forEachCorrelationTile(
    of weights: MatrixView, scratch: MutableMatrixView, _ body: (Range<Int>, MatrixView) -> Void
  ) {
    let tiles = points.tiles
    for tile in 0..<tiles.count {
      let result = scratch.columns(0..<tiles[tile].count)
      points.correlate(weights, points: tiles[tile], into: result)
      body(tiles[tile], result.view)
    }
  }

  /// Writes a bit for every pair of a tile that fires: point i of neuron r is bit i of `bits[r]`.
  func mark(
    _ correlations: MatrixView, firstPoint: Int, in bits: UnsafeMutablePointer<UInt64>, wordsPerNeuron: Int
  ) {
    for r in 0..<correlations.rows {
      let row = correlations.row(r)
      let words = bits + r * wordsPerNeuron + firstPoint / 64
      for start in stride(from: 0, to: correlations.columns, by: 64) {
        let count = min(64, correlations.columns - start)
        words[start / 64] = Self.firingWord(row + start, count: count, threshold: threshold)
      }
    }
  }

  /// Bit i is set where `correlations[i] > threshold`; `count` is at most 64.
  @inline(__always)
  static func firingWord(_ correlations: UnsafePointer<Float>, count: Int, threshold: Float) -> UInt64 {
    var word: UInt64 = 0
    var i = 0
    while i + 16 <= count {
      let lanes = UnsafeRawPointer(correlations + i).loadUnaligned(as: SIMD16<Float>.self)
      word |= UInt64(bits(of: lanes .> SIMD16(repeating: threshold))) << UInt64(i)
      i += 16
    }
    while i < count {
      if correlations[i] > threshold { word |= 1 << UInt64(i) }
      i += 1
    }
    return word
  }

  /// A bit for every lane, lane 0 the lowest. Halves are added by hand: a sum over all lanes is not vectorised.
  @inline(__always)
  private static func bits(of mask: SIMDMask<SIMD16<Int32>>) -> UInt16 {
    let marked = unsafeBitCast(mask, to: SIMD16<Int32>.self) & powersOfTwo
    let eight = marked.lowHalf &+ marked.highHalf
    let four = eight.lowHalf &+ eight.highHalf
    let two = four.lowHalf &+ four.highHalf
    return UInt16(truncatingIfNeeded: two.x &+ two.y)
  }

  private static let powersOfTwo = SIMD16<Int32>(
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)

  /// Adds a tile's firing pairs to the outputs' sums (n x C).
  func addOutputs(
    of neurons: Range<Int>, correlations: MatrixView, firstPoint: Int,
    bits: UnsafePointer<UInt64>, wordsPerNeuron: Int, to sums: UnsafeMutablePointer<Double>
  ) {
    outputWeights.withView { outputWeights in
      for r in 0..<correlations.rows {
        let row = correlations.row(r), a = outputWeights.row(neurons.lowerBound + r)
        Self.forEachBit(
          in: bits + r * wordsPerNeuron, points: firstPoint..<firstPoint + correlations.columns
        ) { point in
          OutputSums.add(
            row[point - firstPoint] - threshold, times: a, to: sums, point: point,
            outputs: outputWeights.columns)
        }
      }
    }
  }

  /// Calls `body(point)` for every bit set among `points`, ascending. The range starts at a multiple of 64.
  @inline(__always)
  static func forEachBit(in words: UnsafePointer<UInt64>, points: Range<Int>, _ body: (Int) -> Void) {
    for index in points.lowerBound / 64..<(points.upperBound + 63) / 64 {
      var word = words[index]
      while word != 0 {
        body(index * 64 + word.trailingZeroBitCount)
        word &= word - 1
      }
    }
  }
}

// MARK: - Whole passes

extension DensePass {
  /// A tile's forward pass: its bits, and its part of the outputs.
  func forward(
    _ weights: MatrixView, neurons: Range<Int>, scratch: MutableMatrixView,
    bits: UnsafeMutablePointer<UInt64>, sums: UnsafeMutablePointer<Double>
  ) {
    let wordsPerNeuron = Self.words(points: points.count)
    forEachCorrelationTile(of: weights, scratch: scratch) { tile, correlations in
      mark(correlations, firstPoint: tile.lowerBound, in: bits, wordsPerNeuron: wordsPerNeuron)
      addOutputs(
        of: neurons, correlations: correlations, firstPoint: tile.lowerBound, bits: bits,
        wordsPerNeuron: wordsPerNeuron, to: sums)
    }
  }

  /// f on every point (n x C); `weights(neurons, body)` calls `body` with the hidden weights of a tile of neurons.
  ///
  /// A row has the same bits whichever other points there are (`DataPoints.correlateAlike`). Throws a usage error when
  /// there is no memory for them. Complexity: 2 n m d flops; memory beyond the result is at most 2^21 numbers a thread, and
  /// a tile of 256 x 256.
  func outputs(
    team: any Team, weights: (Range<Int>, (MatrixView) -> Void) -> Void
  ) throws(FireTreeError) -> Matrix {
    let outputs = outputWeights.columns
    let norms = points.norms()
    var result = try Matrix(allocating: points.count, by: outputs)
    let blocks = Tiles(
      of: points.count,
      size: max(256, min(1 << 16, (1 << 21) / OutputSums.stride(outputs: outputs) / 256 * 256)))
    for block in 0..<blocks.count {
      let range = blocks[block]
      let units = try OutputUnits(
        norms: Array(norms[range]), threshold: threshold, outputWeights: outputWeights, team: team)
      let rows = try self.outputs(of: range, units: units, team: team, weights: weights)
      result.withMutableView { result in rows.withView { result.rows(range).copy($0) } }
    }
    return result
  }

  private func outputs(
    of range: Range<Int>, units: OutputUnits, team: any Team,
    weights: (Range<Int>, (MatrixView) -> Void) -> Void
  ) throws(FireTreeError) -> Matrix {
    let shards = Tiles.neuronShards(of: outputWeights.rows)
    let tiles = Tiles(of: range.count, size: DataPoints.pointsPerTile)
    var sums = try OutputSums(outputs: outputWeights.columns, units: units, workers: team.workers)
    withoutActuallyEscaping(weights) { weights in
      // Tiles of weights are made by many threads at a time, each in memory of its own.
      nonisolated(unsafe) let weights = weights
      _ = sums.collect(shards: shards.count) { shard, sums in
        outputWeights.withView { outputWeights in
          forEachTile(of: shards[shard]) { neurons, scratch in
            weights(neurons) { rows in
              for tile in 0..<tiles.count {
                let (local, first) = (tiles[tile], range.lowerBound)
                let correlations = scratch.columns(0..<local.count)
                points.correlateAlike(
                  rows, points: first + local.lowerBound..<first + local.upperBound, into: correlations)
                add(correlations.view, of: neurons, firstPoint: local.lowerBound, outputWeights, to: sums)
              }
            }
          }
        }
      }
    }
    return sums.rounded(scale: Double(Network.outputScale(neurons: outputWeights.rows)), team: team)
  }

  /// Adds the pairs of a tile that fire to the outputs' sums.
  private func add(
    _ correlations: MatrixView, of neurons: Range<Int>, firstPoint: Int, _ outputWeights: MatrixView,
    to sums: UnsafeMutablePointer<Double>
  ) {
    for (r, neuron) in neurons.enumerated() {
      let (row, a) = (correlations.row(r), outputWeights.row(neuron))
      for start in stride(from: 0, to: correlations.columns, by: 64) {
        var word = Self.firingWord(
          row + start, count: min(64, correlations.columns - start), threshold: threshold)
        while word != 0 {
          let i = start + word.trailingZeroBitCount
          OutputSums.add(
            row[i] - threshold, times: a, to: sums, point: firstPoint + i, outputs: outputWeights.columns)
          word &= word - 1
        }
      }
    }
  }
}
