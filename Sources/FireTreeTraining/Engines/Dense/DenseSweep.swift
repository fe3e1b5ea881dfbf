import CorrelationTrees
import FireTreeCore

/// The sweep over one shard, tile by tile: what moves a tile and has its weights is the caller's, the forward pass and the
/// firing pattern are done here.
struct DenseSweep {
  let pass: DensePass
  /// The whole firing pattern, or nil when it is not kept.
  let bits: UnsafeMutablePointer<UInt64>?

  struct Result {
    var firingPairs = 0
    var neuronsMoved = 0
  }

  /// A tile of neurons, and working memory for it.
  struct Tile {
    let neurons: Range<Int>
    /// Room for a tile of pairs.
    let scratch: MutableMatrixView
    /// `wordsPerNeuron` words a neuron: the pattern before the step, if it is kept.
    let bits: UnsafeMutablePointer<UInt64>
  }

  /// Calls `body(tile, forward)` for every tile. It is to move its neurons, call `forward` with their weights, and return how
  /// many have moved.
  func run(
    _ shard: Range<Int>, _ sums: UnsafeMutablePointer<Double>,
    _ body: (Tile, (MatrixView) -> Void) -> Int
  ) -> Result {
    var result = Result()
    let words = DensePass.words(points: pass.points.count)
    let localCount = bits == nil ? DataPoints.weightsPerTile * words : 1
    Memory.demand(try Memory.ask(for: localCount, of: UInt64.self))
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: localCount) { local in
      guard let local = local.baseAddress else { return }
      pass.forEachTile(of: shard) { neurons, scratch in
        let bits = self.bits.map { $0 + neurons.lowerBound * words } ?? local
        result.neuronsMoved += body(Tile(neurons: neurons, scratch: scratch, bits: bits)) { weights in
          pass.forward(weights, neurons: neurons, scratch: scratch, bits: bits, sums: sums)
        }
        for word in 0..<neurons.count * words { result.firingPairs += bits[word].nonzeroBitCount }
      }
    }
    return result
  }
}
