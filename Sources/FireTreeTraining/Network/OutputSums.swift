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

  /// Distance between the rows of two points, in doubles: whole vectors of eight once there are a few outputs.
  static func stride(outputs: Int) -> Int { outputs < 4 ? outputs : (outputs + 7) / 8 * 8 }

  /// The sums of a network without a firing pair, for one shard.
  static func zeros(points: Int, outputs: Int) -> [Double] {
    [Double](repeating: 0, count: points * stride(outputs: outputs))
  }

  /// `sums[point] += a * excess`, where `excess` = s_ri - b of a firing pair.
  @inline(__always)
  static func add(
    _ excess: Float, times outputWeights: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Double>,
    point: Int, outputs: Int
  ) {
    let row = sums + point * stride(outputs: outputs)
    for c in 0..<outputs { row[c] += Double(outputWeights[c] * excess) }
  }

  /// f: all shards, in order, divided by sqrt(m) (n x C).
  func reduced(workers: Workers) -> Matrix {
    let exact = exact(workers: workers)
    var result = Matrix(rows: points, columns: outputs)
    result.withMutableView { result in
      for point in 0..<points {
        for c in 0..<outputs { result[point, c] = Float(exact[point * outputs + c]) }
      }
    }
    return result
  }

  /// f in doubles, one point after the other (n x C).
  func exact(workers: Workers) -> [Double] {
    var result = [Double](repeating: 0, count: points * outputs)
    let (tiles, stride) = (Tiles(of: points, size: 256), Self.stride(outputs: outputs))
    result.withUnsafeMutableBufferPointer { result in
      nonisolated(unsafe) let result = result
      workers.forEachShard(of: tiles.count) { tile in
        let range = tiles[tile].lowerBound * stride..<tiles[tile].upperBound * stride
        withUnsafeTemporaryAllocation(of: Double.self, capacity: range.count) { total in
          total.initialize(repeating: 0)
          for shard in shards {
            shard.withUnsafeBufferPointer { shard in
              for position in range { total[position - range.lowerBound] += shard[position] }
            }
          }
          for (row, point) in tiles[tile].enumerated() {
            for c in 0..<outputs {
              result[point * outputs + c] = total[row * stride + c] * Double(outputScale)
            }
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
