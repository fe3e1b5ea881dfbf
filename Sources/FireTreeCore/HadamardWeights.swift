/// Structured random weights: blocks of D neurons, D the power of two from d on,
///
///     W = H S1 H S2 H S3 / D        (D x D, the first d columns)
///
/// with H the Hadamard matrix of entries +-1 and S random signs by (seed, block): the products of a whole block with a point
/// are three fast transforms, O(log D) a pair in place of O(d). (Yu et al. 2016, "Orthogonal
/// random features", arXiv 1610.09072, the structured ones.) No network is made of them yet.
///
/// Rows of a block are orthogonal, of norm sqrt(D) over all D columns, so an element has the variance 1. Every element is an
/// integer over D, exact in 32 bits for D up to 4096: a row made alone has the bits of the row of its block.
///
/// Memory: none that grows with m.
public struct HadamardWeights: Sendable, Equatable {
  /// The stream of `CounterGenerator` that signs are drawn from, a row a block.
  public static let stream: UInt32 = 4
  /// The largest D whose elements are exact.
  public static let largestBlock = 4096

  public let seed: UInt64
  /// Number of neurons, m; the last block need not be whole.
  public let rows: Int
  /// d.
  public let columns: Int

  /// Precondition: `columns` from 1 to `largestBlock`.
  public init(seed: UInt64, rows: Int, columns: Int) {
    precondition(columns >= 1 && columns <= Self.largestBlock, "structured weights of \(columns) inputs")
    (self.seed, self.rows, self.columns) = (seed, rows, columns)
  }

  /// D.
  public var blockSize: Int { Self.blockSize(columns: columns) }

  /// The power of two from `columns` on.
  public static func blockSize(columns: Int) -> Int {
    columns <= 1 ? 1 : 1 << (Int.bitWidth - (columns - 1).leadingZeroBitCount)
  }

  /// The neurons of each block, D but for the last.
  public var blocks: Tiles { Tiles(of: rows, size: blockSize) }

  /// How many points, or rows, are transformed side by side.
  public static let lanes = 16

  /// An upper bound of |s - <w, x>| / |x| for products computed by transforms: gamma_k sqrt(D), k = 3 log2 D. Each of k
  /// levels rounds once, relative to the norm of what it gives, and over D the last is sqrt(D) |x| long (Higham 2002,
  /// section 3.1).
  public var rounding: Float {
    let levels = Float(3 * blockSize.trailingZeroBitCount) * 0x1p-24
    return levels / (1 - levels) * Float(blockSize).squareRoot()
  }

  // MARK: Transforms

  /// Memory of a shard for transforms: a tile of D x 16, and the signs of a block.
  public struct Workspace {
    fileprivate let tile: MutableMatrixView
    fileprivate let signs: UnsafeMutablePointer<UInt32>
  }

  /// Calls `body` with memory for transforms, valid during the call. Without memory for it the process ends (`Memory.end`).
  public func withWorkspace<Result>(_ body: (Workspace) -> Result) -> Result {
    Scratch.withMatrix(rows: blockSize, columns: Self.lanes) { tile in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 3 * words) { signs in
        guard let signs = signs.baseAddress else { preconditionFailure("signs have memory") }
        return body(Workspace(tile: tile, signs: signs))
      }
    }
  }

  /// Words of 32 signs, whole blocks of the generator.
  private var words: Int { max(4, blockSize / 32) }

  /// S1, S2 and S3 of a block, one after the other.
  private func drawSigns(of block: Int, _ workspace: Workspace) {
    let generator = CounterGenerator(seed: seed, stream: Self.stream)
    for position in stride(from: 0, to: 3 * words, by: 4) {
      let drawn = generator.words(row: block, block: UInt32(position / 4))
      for k in 0..<4 { workspace.signs[position + k] = drawn[k] }
    }
  }

  /// `result[r, i] = <w_(r of the block), x_i>` for all neurons of a block and a tile of dense points, as many as there are.
  ///
  /// Shapes: `points` N x d, `result` as many rows as the block has neurons x N. A product has the same bits whatever
  /// other points there are. Complexity: 3 D log2 D flops a point; those of sixteen points for fewer.
  public func correlate(
    block: Int, with points: MatrixView, into result: MutableMatrixView, _ workspace: Workspace
  ) {
    precondition(
      points.columns == columns && result.rows == blocks[block].count && result.columns == points.rows,
      "shapes do not match")
    drawSigns(of: block, workspace)
    let tile = workspace.tile, groups = Tiles(of: points.rows, size: Self.lanes)
    for group in 0..<groups.count {
      tile.fill(0)
      for (lane, point) in groups[group].enumerated() {
        let row = points.row(point)
        for column in 0..<columns { tile[column, lane] = row[column] }
      }
      for round in [2, 1, 0] {
        Kernels.hadamard(tile.base, size: blockSize, signs: workspace.signs + round * words)
      }
      let scale = 1 / Float(blockSize)
      for r in 0..<result.rows {
        for (lane, point) in groups[group].enumerated() { result[r, point] = tile[r, lane] * scale }
      }
    }
  }

  /// Computes the weights of `neurons` into `result`, one neuron a row: the transform of unit vectors, the other way round.
  ///
  /// Shapes: `result` is `neurons.count` x d. Complexity: 3 D log2 D flops a neuron; those of sixteen for fewer of a block.
  public func generate(_ neurons: Range<Int>, into result: MutableMatrixView) {
    precondition(neurons.lowerBound >= 0 && neurons.upperBound <= rows, "neurons \(neurons) of \(rows)")
    precondition(result.rows == neurons.count && result.columns == columns, "shapes do not match")
    withWorkspace { workspace in
      var next = neurons.lowerBound
      while next < neurons.upperBound {
        let block = blocks[next / blockSize]
        let end = min(next + Self.lanes, block.upperBound, neurons.upperBound)
        generate(
          next..<end, block: block, into: result.rows(next - neurons.lowerBound..<end - neurons.lowerBound),
          workspace)
        next = end
      }
    }
  }

  /// At most sixteen neurons of one block.
  private func generate(
    _ neurons: Range<Int>, block: Range<Int>, into result: MutableMatrixView, _ workspace: Workspace
  ) {
    drawSigns(of: block.lowerBound / blockSize, workspace)
    let tile = workspace.tile
    tile.fill(0)
    for (lane, neuron) in neurons.enumerated() { tile[neuron - block.lowerBound, lane] = 1 }
    Kernels.hadamard(tile.base, size: blockSize)
    for round in [0, 1] {
      Kernels.hadamard(tile.base, size: blockSize, signs: workspace.signs + round * words)
    }
    let scale = 1 / Float(blockSize), last = workspace.signs + 2 * words
    for column in 0..<columns {
      let sign: Float = (last[column / 32] >> UInt32(column % 32)) & 1 == 0 ? scale : -scale
      for lane in 0..<neurons.count { result[lane, column] = tile[column, lane] * sign }
    }
  }
}
