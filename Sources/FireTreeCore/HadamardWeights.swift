/// Structured random weights: blocks of D neurons, D the power of two from d on,
///
///     W = H S1 H S2 H S3 / D        (D x D, the first d columns)
///
/// with H the Hadamard matrix of entries +-1 and S random signs by (seed, block): the products of a whole block with a point
/// are three fast transforms, O(log D) a pair in place of O(d). (Yu et al. 2016, "Orthogonal
/// random features", arXiv 1610.09072, the structured ones.)
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

  /// An upper bound of |s - <w, x>| / |x| for products computed by transforms: gamma_k sqrt(D), k = 3 log2 D. Each of k
  /// levels rounds once, relative to the norm of what it gives, and over D the last is sqrt(D) |x| long (Higham 2002,
  /// section 3.1).
  public var rounding: Float {
    let levels = Float(3 * blockSize.trailingZeroBitCount) * 0x1p-24
    return levels / (1 - levels) * Float(blockSize).squareRoot()
  }

  // MARK: Transforms

  /// Whether transforms of points of at most this norm stay finite: products times D, of up to sqrt(D) |x|.
  public func transformsFit(norm: Float) -> Bool {
    (Float(blockSize) * Float(blockSize).squareRoot() * norm).isFinite
  }

  /// Memory of a shard for transforms: a tile of D x 16, and the signs of a block.
  public struct Workspace {
    /// Products of a block with sixteen points, times D (D x 16).
    public let tile: MutableMatrixView
    fileprivate let signs: UnsafeMutablePointer<UInt32>
  }

  /// Calls `body` with memory for transforms, valid during the call. Without memory for it the process ends (`Memory.end`).
  public func withWorkspace<Result>(_ body: (Workspace) -> Result) -> Result {
    Scratch.withMatrix(rows: blockSize, columns: LanePoints.lanes) { tile in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 3 * words) { signs in
        guard let signs = signs.baseAddress else { preconditionFailure("signs have memory") }
        return body(Workspace(tile: tile, signs: signs))
      }
    }
  }

  /// Words of 32 signs, whole blocks of the generator.
  private var words: Int { max(4, blockSize / 32) }

  /// S1, S2 and S3 of a block, one after the other; a workspace holds those of one block at a time.
  public func drawSigns(of block: Int, _ workspace: Workspace) {
    let generator = CounterGenerator(seed: seed, stream: Self.stream)
    for position in stride(from: 0, to: 3 * words, by: 4) {
      let drawn = generator.words(row: block, block: UInt32(position / 4))
      for k in 0..<4 { workspace.signs[position + k] = drawn[k] }
    }
  }

  /// What products in a workspace's tile are multiplied by, 1 / D.
  public var scale: Float { 1 / Float(blockSize) }

  /// Makes the workspace's tile D <w_r, x_i> of the neurons of the block whose signs were drawn, with sixteen points.
  ///
  /// A product has the same bits whatever the other points are. Complexity: 48 D log2 D flops.
  public func transform(_ points: LanePoints, group: Int, _ workspace: Workspace) {
    let tile = workspace.tile.base
    var source = points.group(group, size: blockSize, orIn: tile)
    for round in [2, 1, 0] {
      Kernels.hadamard(tile, from: source, size: blockSize, signs: workspace.signs + round * words)
      source = UnsafePointer(tile)
    }
  }

  // MARK: Rows

  /// Computes the weights of `neurons`, ascending, into the rows of `result`: transforms of unit vectors, the other way round.
  ///
  /// Shapes: `result` is `neurons.count` x d. Complexity: 2 D log2 D flops a neuron.
  public func generate(_ neurons: some Collection<Int>, into result: MutableMatrixView) {
    precondition(result.rows == neurons.count && result.columns == columns, "shapes do not match")
    withWorkspace { workspace in
      var drawn = -1
      for (slot, neuron) in neurons.enumerated() {
        precondition(neuron >= 0 && neuron < rows, "neuron \(neuron) of \(rows)")
        if drawn != neuron / blockSize {
          drawn = neuron / blockSize
          drawSigns(of: drawn, workspace)
        }
        generate(neuron % blockSize, into: result.row(slot), workspace)
      }
    }
  }

  /// Row `r` of a block: S3 H S2 H S1 H e_r / D, of which H e_r are signs.
  private func generate(_ r: Int, into row: UnsafeMutablePointer<Float>, _ workspace: Workspace) {
    let vector = workspace.tile.base
    for k in 0..<blockSize { vector[k] = (r & k).nonzeroBitCount & 1 == 0 ? 1 : -1 }
    for round in [0, 1] {
      Kernels.hadamard(vector: vector, size: blockSize, signs: workspace.signs + round * words)
    }
    let last = workspace.signs + 2 * words
    for column in 0..<columns {
      row[column] =
        (last[column / 32] >> UInt32(column % 32)) & 1 == 0 ? vector[column] * scale : -vector[column] * scale
    }
  }
}
