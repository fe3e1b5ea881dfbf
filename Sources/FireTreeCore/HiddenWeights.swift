/// The hidden weights of a network, one neuron a row (m x d), in one of two forms.
///
/// Work on weights goes by tiles, so that it need not know the form: a tile of stored weights is read in place, one of
/// seeded weights is made in working memory. Both forms of the same weights give the same bits in every product.
public enum HiddenWeights: Sendable, Equatable {
  /// Every element is kept: 4 m d bytes.
  case stored(Matrix)
  /// Rows are made again when they are needed; see `SeededWeights`.
  case seeded(SeededWeights)

  /// The form without the weights.
  public enum Form: String, Sendable, CaseIterable {
    case stored
    case seeded
  }

  public var form: Form {
    switch self {
    case .stored: .stored
    case .seeded: .seeded
    }
  }

  /// The initial weights, when these are nothing else and only their seed is kept.
  public var initial: InitialWeights? {
    guard case .seeded(let weights) = self, weights.isInitial else { return nil }
    return weights.initial
  }

  /// Number of neurons, m.
  public var rows: Int {
    switch self {
    case .stored(let matrix): matrix.rows
    case .seeded(let weights): weights.rows
    }
  }

  /// d.
  public var columns: Int {
    switch self {
    case .stored(let matrix): matrix.columns
    case .seeded(let weights): weights.columns
    }
  }

  /// Bytes held.
  public var memoryBytes: Int {
    switch self {
    case .stored(let matrix): matrix.memoryBytes
    case .seeded(let weights): weights.memoryBytes
    }
  }

  /// Calls `body` with the weights of `neurons`, one neuron a row, valid during the call.
  ///
  /// To be called on tiles, from inside a shard. Complexity: O(1) for stored weights; for seeded ones
  /// `neurons.count` x d floats of working memory and the cost of `SeededWeights.generate`.
  public func withTile<Result, Failure: Error>(
    _ neurons: Range<Int>, _ body: (MatrixView) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch self {
    case .stored(let matrix):
      return try matrix.withView { (view) throws(Failure) in try body(view.rows(neurons)) }
    case .seeded(let weights):
      return try Scratch.withMatrix(
        rows: neurons.count, columns: weights.columns
      ) { (tile) throws(Failure) in
        weights.generate(neurons, into: tile)
        return try body(tile.view)
      }
    }
  }

  /// Calls `body(range, rows)` for tiles of at most `size` of the chosen neurons, which ascend and are distinct:
  /// `range` is a range of positions in `chosen`, `rows` holds their weights one below the other.
  ///
  /// Complexity: as `withTile`; stored rows that are not neighbours are copied together.
  public func forEachTile(
    of chosen: UnsafeBufferPointer<Int32>, size: Int, _ body: (Range<Int>, MatrixView) -> Void
  ) {
    switch self {
    case .stored(let matrix): matrix.withView { $0.forEachTile(of: chosen, size: size, body) }
    case .seeded(let weights):
      let tiles = Tiles(of: chosen.count, size: size)
      Scratch.withMatrix(rows: min(size, chosen.count), columns: weights.columns) { scratch in
        for tile in 0..<tiles.count {
          let rows = scratch.rows(0..<tiles[tile].count)
          weights.generate(chosen[tiles[tile]].lazy.map(Int.init), into: rows)
          body(tiles[tile], rows.view)
        }
      }
    }
  }

  /// Every weight (m x d). Seeded weights are computed, in parallel.
  ///
  /// Throws a usage error when there is no memory for them.
  public func materialized(workers: Workers = .all) throws(FireTreeError) -> Matrix {
    switch self {
    case .stored(let matrix): return matrix
    case .seeded(let weights):
      var result = try Matrix(allocating: weights.rows, by: weights.columns)
      let shards = Tiles.neuronShards(of: weights.rows)
      result.withMutableView { result in
        workers.forEachShard(of: shards.count) { weights.generate(shards[$0], into: result.rows(shards[$0])) }
      }
      return result
    }
  }

  /// Calls `body` with all weights, to change them in place; seeded weights become stored ones before, and without
  /// memory for them the process ends (`Memory.end`): where they may be seeded, take `materialized` first.
  public mutating func withMutableView<Result>(
    workers: Workers = .all, _ body: (MutableMatrixView) -> Result
  ) -> Result {
    var matrix = Memory.demand(try materialized(workers: workers))
    self = .stored(Matrix(rows: 0, columns: 0))  // so that the matrix is unique and not copied
    defer { self = .stored(matrix) }
    return matrix.withMutableView(body)
  }

  /// |w_r| for every neuron (m). Without memory for them the process ends (`Memory.end`).
  public func norms(workers: Workers = .all) -> [Float] {
    workers.norms(ofRows: rows) { withTile($0, $1) }
  }
}
