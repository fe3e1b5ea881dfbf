import CorrelationTrees
import FireTreeCore

/// Sums of the outputs over firing pairs, one shard of neurons at a time.
///
/// Each shard sums into doubles of its own, pair by pair in ascending order of neurons; shards are added in order.
/// So the outputs have the same bits on any number of threads, and their error does not grow with the width.
struct OutputSums {
  private let points: Int
  private let outputs: Int
  private let outputScale: Float
  private var shards: [[Double]]

  init(shards: [[Double]], points: Int, outputs: Int, scale: Float) {
    self.points = points
    self.outputs = outputs
    self.outputScale = scale
    self.shards = shards
  }

  init(shards: [[Double]], network: Network, points: Int) {
    self.init(shards: shards, points: points, outputs: network.outputCount, scale: network.outputScale)
  }

  /// The sums of a network without a firing pair, for one shard.
  static func zeros(points: Int, outputs: Int) -> [Double] { [Double](repeating: 0, count: points * outputs) }

  /// `sums[point] += a * excess`, where `excess` = s_ri - b of a firing pair.
  @inline(__always)
  static func add(
    _ excess: Float, times outputWeights: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Double>,
    point: Int, outputs: Int
  ) {
    let row = sums + point * outputs
    for c in 0..<outputs { row[c] += Double(outputWeights[c] * excess) }
  }

  /// f: all shards, in order, divided by sqrt(m) (n x C).
  func reduced(workers: Workers) -> Matrix {
    var result = Matrix(rows: points, columns: outputs)
    let tiles = Tiles(of: points, size: 256)
    result.withMutableView { result in
      workers.forEachShard(of: tiles.count) { tile in
        for point in tiles[tile] {
          for c in 0..<outputs {
            let sum = shards.reduce(0.0) { $0 + $1[point * outputs + c] }
            result[point, c] = Float(sum * Double(outputScale))
          }
        }
      }
    }
    return result
  }
}

extension FiringSet {
  /// The outputs of `network` from its firing pairs (n x C). Complexity: O(k C) for k pairs.
  func outputs(of network: Network, points: Int, workers: Workers) -> Matrix {
    let outputs = network.outputCount
    let sums = network.outputWeights.withView { outputWeights in
      workers.map(shards: shards.count) { index in
        var sums = OutputSums.zeros(points: points, outputs: outputs)
        let shard = shards[index]
        sums.withUnsafeMutableBufferPointer { sums in
          guard let sums = sums.baseAddress else { return }
          for (k, neuron) in shard.neurons.enumerated() {
            let weights = outputWeights.row(Int(neuron))
            for position in shard.offsets[k]..<shard.offsets[k + 1] {
              OutputSums.add(
                shard.correlations[position] - network.threshold, times: weights, to: sums,
                point: Int(shard.points[position]), outputs: outputs)
            }
          }
        }
        return sums
      }
    }
    return OutputSums(shards: sums, network: network, points: points).reduced(workers: workers)
  }
}
