import FireTreeCore

// What the detectors share: new correlations by tiled matrix products, and collecting the firing set by neuron.

extension DataPoints {
  /// Shards of a list of neurons whose correlations are to be refreshed: whole tiles of weights.
  static func refreshShards(of neurons: Int) -> Tiles {
    let tiles = Tiles(of: Tiles(of: neurons, size: weightsPerTile).count, count: 64)
    return Tiles(of: neurons, size: tiles.size * weightsPerTile)
  }

  /// Calls `store(neuron, points, row)` with the correlations of each of `neurons` with a tile of points.
  ///
  /// The neurons are handed out in parallel; each belongs to one call at a time.
  func forEachCorrelatedRow(
    of neurons: [Int32], from weights: Matrix, workers: Workers,
    _ store: (Int, Range<Int>, UnsafePointer<Float>) -> Void
  ) {
    precondition(
      weights.columns == dimension, "weights of \(weights.columns) columns, points of \(dimension)")
    let shards = Self.refreshShards(of: neurons.count)
    let tiles = self.tiles
    weights.withView { weights in
      neurons.withUnsafeBufferPointer { neurons in
        workers.forEachShard(of: shards.count) { shard in
          let chosen = UnsafeBufferPointer(rebasing: neurons[shards[shard]])
          Scratch.withMatrix(rows: min(Self.weightsPerTile, chosen.count), columns: min(tiles.size, count)) {
            scratch in
            weights.forEachTile(of: chosen, size: Self.weightsPerTile) { range, rows in
              for tile in 0..<tiles.count {
                let result = scratch.rows(0..<range.count).columns(0..<tiles[tile].count)
                correlate(rows, points: tiles[tile], into: result)
                for (slot, position) in range.enumerated() {
                  store(Int(chosen[position]), tiles[tile], UnsafePointer(result.row(slot)))
                }
              }
            }
          }
        }
      }
    }
  }

  /// The correlations of one point with every weight (m).
  func correlations(ofPoint index: Int, with weights: Matrix, workers: Workers) -> [Float] {
    weights.withView { weights in
      withView { points in
        workers.array(over: Tiles.neuronShards(of: weights.rows)) { shard, result in
          for (slot, neuron) in shard.enumerated() {
            result[slot] = points.dot(weights.row(neuron), withPoint: index)
          }
        }
      }
    }
  }

  /// The correlations of one weight (d elements) with every point (n).
  func correlations(of weights: [Float]) -> [Float] {
    precondition(weights.count == dimension, "\(weights.count) weights, not \(dimension)")
    return weights.withUnsafeBufferPointer { weights in
      var result = [Float].fixed(count, repeating: 0)
      guard let base = weights.baseAddress else { return result }
      withView { points in for point in result.indices { result[point] = points.dot(base, withPoint: point) }
      }
      return result
    }
  }
}

extension FiringSet {
  /// The pairs that reach `bound`, by computing all n m correlations and keeping none of the others.
  ///
  /// Shapes: `weights` m x d. Complexity: O(n m d), in tiled matrix products; memory beyond the result is 64 rows of
  /// n correlations a thread, and as many of d elements for seeded weights.
  public init(scanning weights: HiddenWeights, points: DataPoints, atLeast bound: Float, workers: Workers) {
    self.init(scanning: weights.rows, of: weights, points: points, atLeast: bound, workers: workers)
  }

  /// The same for the first `neurons` neurons alone.
  public init(
    scanning neurons: Int, of weights: HiddenWeights, points: DataPoints, atLeast bound: Float,
    workers: Workers
  ) {
    precondition(neurons <= weights.rows, "\(neurons) neurons of \(weights.rows)")
    let shards = Tiles.neuronShards(of: neurons)
    self.init(
      shards: workers.map(shards: shards.count) { index in
        var result = Shard()
        let tiles = Tiles(of: shards[index].count, size: 64)
        Scratch.withMatrix(rows: min(64, shards[index].count), columns: points.count) { scratch in
          for tile in 0..<tiles.count {
            let first = shards[index].lowerBound + tiles[tile].lowerBound
            let rows = scratch.rows(0..<tiles[tile].count)
            weights.withTile(first..<first + rows.rows) {
              points.correlate($0, points: 0..<points.count, into: rows)
            }
            for slot in 0..<rows.rows {
              result.appendRow(of: first + slot, rows.view.row(slot), points.count, bound)
            }
          }
        }
        return result
      })
  }

  /// Collects the set of a detector that is asked neuron by neuron.
  ///
  /// `query(neuron, &shard)` appends the neuron's pairs, ascending by point, and returns the nodes it looked at.
  static func collect(
    neurons: Int, workers: Workers, query: (Int, inout Shard) -> Int
  ) -> (set: FiringSet, counts: OperationCounts) {
    let tiles = Tiles.neuronShards(of: neurons)
    let parts = workers.map(shards: tiles.count) { tile in
      var shard = Shard()
      var visited = 0
      for neuron in tiles[tile] {
        visited += query(neuron, &shard)
        shard.endRow(of: neuron)
      }
      return (shard: shard, counts: OperationCounts(nodesVisited: visited, pairsReported: shard.points.count))
    }
    return (FiringSet(shards: parts.map(\.shard)), parts.reduce(OperationCounts()) { $0 + $1.counts })
  }
}

extension FiringSet.Shard {
  /// Appends the row of a neuron from all its correlations.
  fileprivate mutating func appendRow(
    of neuron: Int, _ correlations: UnsafePointer<Float>, _ count: Int, _ bound: Float
  ) {
    for point in 0..<count where correlations[point] >= bound {
      append(point: point, correlation: correlations[point])
    }
    endRow(of: neuron)
  }
}
