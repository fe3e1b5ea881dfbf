import CorrelationTrees
import FireTreeCore

extension Anchoring {
  /// Cuts a list of neurons to be anchored into rounds, so that what is held between finding their candidates and putting
  /// them into lists does not grow with their number.
  static func rounds(of neurons: [Int32]) -> [[Int32]] {
    let rounds = Tiles(of: neurons.count, size: 1 << 16)
    return (0..<rounds.count).map { Array(neurons[rounds[$0]]) }
  }

  /// The candidates of `neurons`, ascending, by tiles of matrix products; `skins` has one element a neuron. Without
  /// `blocks` all points are in one.
  ///
  /// `rows(chosen, body)` calls `body` with the weights of the chosen neurons, one below the other. Complexity: 2 n d
  /// flops a neuron.
  func candidates(
    of neurons: [Int32], skins: [Float], blocks: Tiles? = nil, workers: Workers,
    rows: (UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void
  ) -> AnchoredTiles {
    // Four tiles at least, so that all threads have one, whatever their number.
    let size = max(16, min(Anchoring.weightsPerProduct, (neurons.count + 63) / 64 * 16))
    let tiles = Tiles(of: neurons.count, size: size)
    let lists = neurons.withUnsafeBufferPointer { neurons in
      skins.withUnsafeBufferPointer { skins in
        workers.map(shards: tiles.count) { tile in
          var result = AnchoredLists()
          guard let skins = skins.baseAddress else { return result }
          rows(UnsafeBufferPointer(rebasing: neurons[tiles[tile]])) { rows in
            result = candidates(
              of: rows, skins: skins + tiles[tile].lowerBound, blocks: blocks)
          }
          return result
        }
      }
    }
    return AnchoredTiles(neurons: neurons, tiles: tiles, lists: lists)
  }
}

/// Candidates of a list of neurons, tile by tile.
struct AnchoredTiles {
  let neurons: [Int32]
  let tiles: Tiles
  let lists: [AnchoredLists]

  /// The positions in `neurons`, which ascend, of those in `range`.
  func positions(of range: Range<Int>) -> Range<Int> {
    neurons.firstPosition(notBelow: range.lowerBound)..<neurons.firstPosition(notBelow: range.upperBound)
  }

  func withCandidates(
    at position: Int, block: Int = 0,
    _ body: (UnsafeBufferPointer<UInt16>, UnsafeBufferPointer<Float>) -> Void
  ) {
    lists[position / tiles.size].withCandidates(of: position % tiles.size, block: block, body)
  }

  func weightNorm(at position: Int) -> Float {
    lists[position / tiles.size].weightNorms[position % tiles.size]
  }
}
