import CorrelationTrees
import FireTreeCore

/// A forward pass over points that a network was not trained on which finds the pairs that fire without looking at all.
protocol FreshPoints {
  /// a_r (m x C).
  var outputWeights: Matrix { get }
  /// b.
  var threshold: Float { get }
  /// |x| (n').
  var norms: [Float] { get }
  var team: any Team { get }
  /// An upper bound of what its correlations carry for each unit of |x|, beside the rounding of a product.
  var rounding: Float { get }
  /// Points that are looked at together.
  var chunks: Tiles { get }

  /// The pairs of a chunk that fire. Throws a usage error when there is no memory for what is needed to find them.
  func pairs(of chunk: Range<Int>) throws(FireTreeError) -> any FreshPairs
}

/// The pairs of a chunk of points that fire, by shards of neurons.
protocol FreshPairs {
  /// Number of shards.
  var count: Int { get }

  /// Calls `body(neuron, point, correlation)` for every pair of a shard that fires, points counted from the chunk's first; for
  /// each point the neurons ascend.
  func forEachPair(in shard: Int, _ body: (Int, Int, Float) -> Void)
}

extension FreshPoints {
  /// f (n' x C). Throws a usage error when there is no memory for it.
  func outputs() throws(FireTreeError) -> Matrix {
    let outputs = outputWeights.columns
    var result = try Matrix(allocating: norms.count, by: outputs)
    let chunks = chunks
    for chunk in 0..<chunks.count {
      let range = chunks[chunk]
      let units = try OutputUnits(
        norms: Array(norms[range]), threshold: threshold, outputWeights: outputWeights, team: team)
      var sums = try OutputSums(outputs: outputs, units: units, workers: team.workers)
      let pairs = try pairs(of: range)
      outputWeights.withView { outputWeights in
        _ = sums.collect(shards: pairs.count) { shard, sums in
          pairs.forEachPair(in: shard) { neuron, point, correlation in
            OutputSums.add(
              correlation - threshold, times: outputWeights.row(neuron), to: sums, point: point,
              outputs: outputs)
          }
        }
      }
      let rows = sums.rounded(scale: Double(Network.outputScale(neurons: outputWeights.rows)), team: team)
      result.withMutableView { result in rows.withView { result.rows(range).copy($0) } }
    }
    return result
  }

  /// The pairs that fire, to be compared with a dense pass. Throws a usage error when there is no memory for it.
  func firingSet() throws(FireTreeError) -> FiringSet {
    var lists = [[(point: Int32, correlation: Float)]].fixed(outputWeights.rows, repeating: [])
    let chunks = chunks
    for chunk in 0..<chunks.count {
      let pairs = try pairs(of: chunks[chunk])
      let first = chunks[chunk].lowerBound
      let found = team.workers.map(shards: pairs.count) { shard in
        var found: [(neuron: Int32, point: Int32, correlation: Float)] = []
        pairs.forEachPair(in: shard) { neuron, point, correlation in
          found.fixRoom(for: 1)
          found.append((Int32(neuron), Int32(first + point), correlation))
        }
        return found
      }
      for pair in found.joined() {
        lists[Int(pair.neuron)].fixRoom(for: 1)
        lists[Int(pair.neuron)].append((pair.point, pair.correlation))
      }
    }
    let tiles = Tiles.neuronShards(of: outputWeights.rows)
    return FiringSet(
      shards: (0..<tiles.count).map { tile in
        var result = FiringSet.Shard()
        for neuron in tiles[tile] {
          for pair in lists[neuron] { result.append(point: Int(pair.point), correlation: pair.correlation) }
          result.endRow(of: neuron)
        }
        return result
      })
  }
}
