import FireTreeCore

/// The vectors of a half-space detector: data points and weights with their norms, and the inner products of pairs that
/// a search leaves open.
///
/// A pair is decided by the product that `DataPoints.correlate(_:chosen:into:)` computes, which has the bits of a tiled
/// matrix product. Where a query is a single one, vector products exclude most pairs first, with a rounding margin.
struct PairBook: Sendable {
  private(set) var points: DataPoints
  /// m x d.
  private(set) var weights: Matrix
  /// Upper bounds of |x_i| (n) and of |w_r| (m).
  private(set) var pointNorms: [Double]
  private(set) var weightNorms: [Double]
  let limits: CorrelationBound

  /// Throws a usage error when there is no memory for weights of its own, which are to change.
  init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError) {
    precondition(
      weights.columns == points.dimension,
      "weights of \(weights.columns) columns, points of \(points.dimension)")
    self.points = points
    self.weights = weights
    try self.weights.unshare()
    limits = CorrelationBound(dimension: points.dimension)
    pointNorms = points.upperNorms(workers: workers)
    weightNorms = DataPoints.dense(weights).upperNorms(workers: workers)
  }

  var memoryBytes: Int { weights.memoryBytes + (points.count + weights.rows) * MemoryLayout<Double>.stride }

  static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
    ByteCount.matrix(rows: neurons, columns: dimension) + ByteCount(8) * neurons + ByteCount(8) * points
  }

  mutating func setWeights(of neuron: Int, to row: [Float]) {
    precondition(row.count == weights.columns, "\(row.count) weights, not \(weights.columns)")
    weights.withMutableView { weights in
      for (column, value) in row.enumerated() { weights[neuron, column] = value }
      weightNorms[neuron] = DataPointsView.norm(of: weights.row(neuron), count: weights.columns)
    }
  }

  mutating func setWeights(of neurons: [Int32], from source: Matrix, workers: Workers) {
    precondition(source.columns == weights.columns, "\(source.columns) columns, not \(weights.columns)")
    let shards = Tiles(of: neurons.count, count: 64)
    source.withView { source in
      weights.withMutableView { weights in
        weightNorms.withUnsafeMutableBufferPointer { norms in
          // Each shard writes to places of its own.
          nonisolated(unsafe) let norms = norms
          workers.forEachShard(of: shards.count) { shard in
            for neuron in neurons[shards[shard]].lazy.map(Int.init) {
              weights.row(neuron).update(from: source.row(neuron), count: weights.columns)
              norms[neuron] = DataPointsView.norm(of: weights.row(neuron), count: weights.columns)
            }
          }
        }
      }
    }
  }

  mutating func replacePoint(_ index: Int, with point: [Float]) {
    points.replacePoint(index, with: point)
    pointNorms[index] = points.withView { $0.norm(ofPoint: index, dimension: points.dimension) }
  }
}

extension DataPoints {
  /// Upper bounds of the norms, in double precision (n).
  fileprivate func upperNorms(workers: Workers) -> [Double] {
    withView { view in
      workers.array(over: Tiles(of: count, count: 64)) { tile, norms in
        for (slot, point) in tile.enumerated() {
          norms[slot] = view.norm(ofPoint: point, dimension: dimension)
        }
      }
    }
  }
}

// MARK: - Pairs

extension PairBook {
  /// s_ri, in the bits of a tiled product.
  func correlation(neuron: Int, point: Int) -> Float {
    var result: Float = 0
    forEachBlock(neurons: [Int32(neuron)], points: [Int32(point)]) { _, _, block in result = block[0, 0] }
    return result
  }

  /// Calls `body(position, position, s)` for every pair of the chosen neurons and points, both ascending, that reaches
  /// `bound`; by neurons, then by points, within blocks.
  ///
  /// Complexity: R P inner products, as matrix products.
  func forEachPair(
    neurons: [Int32], points chosen: [Int32], atLeast bound: Float, _ body: (Int, Int, Float) -> Void
  ) {
    forEachBlock(neurons: neurons, points: chosen) { rows, columns, block in
      for r in 0..<block.rows {
        let row = block.row(r)
        for k in 0..<block.columns where row[k] >= bound {
          body(rows.lowerBound + r, columns.lowerBound + k, row[k])
        }
      }
    }
  }

  /// The correlations of the chosen neurons and points, in blocks of at most 1,024 x 8,192.
  private func forEachBlock(
    neurons: [Int32], points chosen: [Int32], _ body: (Range<Int>, Range<Int>, MatrixView) -> Void
  ) {
    guard !neurons.isEmpty, !chosen.isEmpty else { return }
    let tiles = Tiles(of: chosen.count, size: 8192)
    weights.withView { weights in
      neurons.withUnsafeBufferPointer { neurons in
        chosen.withUnsafeBufferPointer { chosen in
          weights.forEachTile(of: neurons, size: 1024) { range, rows in
            for tile in 0..<tiles.count {
              Scratch.withMatrix(rows: rows.rows, columns: tiles[tile].count) { result in
                points.correlate(
                  rows, chosen: UnsafeBufferPointer(rebasing: chosen[tiles[tile]]), into: result)
                body(range, tiles[tile], result.view)
              }
            }
          }
        }
      }
    }
  }

  /// The points among `candidates`, ascending, on which `neuron` reaches `bound`. Counts a product a candidate.
  func points(of neuron: Int, atLeast bound: Float, among candidates: [Int32]) -> FiringList {
    let likely = weights.withView { weights in
      points.withView { points in
        select(
          candidates, products: { points.dots(weights.row(neuron), withPoints: $0, count: $1, into: $2) },
          atLeast: bound
        ) { limits.margin(weightNorms[neuron], pointNorms[$0]) }
      }
    }
    var list = FiringList()
    forEachPair(neurons: [Int32(neuron)], points: likely, atLeast: bound) { _, k, value in
      list.append(Int(likely[k]), value)
    }
    list.counts = OperationCounts(innerProducts: candidates.count, pairsReported: list.indices.count)
    return list
  }

  /// The neurons among `candidates`, ascending, that reach `bound` on `point`. Counts a product a candidate.
  func neurons(of point: Int, atLeast bound: Float, among candidates: [Int32]) -> FiringList {
    let likely = weights.withView { weights in
      points.withRow(of: point) { row in
        select(
          candidates,
          products: { DataPointsView.dense(weights).dots(row, withPoints: $0, count: $1, into: $2) },
          atLeast: bound
        ) { limits.margin(weightNorms[$0], pointNorms[point]) }
      }
    }
    var list = FiringList()
    forEachPair(neurons: likely, points: [Int32(point)], atLeast: bound) { k, _, value in
      list.append(Int(likely[k]), value)
    }
    list.counts = OperationCounts(innerProducts: candidates.count, pairsReported: list.indices.count)
    return list
  }

  /// Those candidates whose vector product, with its margin, is not below the bound.
  private func select(
    _ candidates: [Int32],
    products: (UnsafePointer<UInt32>, Int, UnsafeMutablePointer<Float>) -> Void, atLeast bound: Float,
    margin: (Int) -> Double
  ) -> [Int32] {
    // An array made without room would write its count to the empty array that all threads share.
    guard !candidates.isEmpty else { return [] }
    // The products, the numbers of the candidates, and those that are left.
    Memory.demand(try Memory.ask(for: ByteCount(16) * candidates.count))
    let values = [Float](unsafeUninitializedCapacity: candidates.count) { values, count in
      count = candidates.count
      guard let base = values.baseAddress, count > 0 else { return }
      candidates.map(UInt32.init).withUnsafeBufferPointer { chosen in
        if let chosen = chosen.baseAddress { products(chosen, count, base) }
      }
    }
    return zip(candidates, values).filter { !(Double($1) + margin(Int($0)) < Double(bound)) }.map(\.0)
  }
}

extension DataPoints {
  /// Calls `body` with every coordinate of a point, as a row of a matrix.
  func withRow<Result>(of index: Int, _ body: (UnsafePointer<Float>) -> Result) -> Result {
    if case .dense(let matrix) = storage { return matrix.withView { body($0.row(index)) } }
    return Matrix([point(index)]).withView { body($0.row(0)) }
  }
}
