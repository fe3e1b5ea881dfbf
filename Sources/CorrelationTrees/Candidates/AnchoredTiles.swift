import FireTreeCore

extension Anchoring {
  /// The candidates of `neurons`, ascending, by tiles of matrix products; `skins` has one element a neuron. Without
  /// `blocks` all points are in one.
  ///
  /// `rows(chosen, body)` calls `body` with the weights of the chosen neurons, one below the other. Complexity: 2 n d
  /// flops a neuron.
  package func candidates(
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
    return AnchoredTiles(neurons: neurons, skins: skins, tiles: tiles, lists: lists)
  }
}

/// Candidates of a list of neurons, tile by tile.
package struct AnchoredTiles {
  package let neurons: [Int32]
  private let skins: [Float]
  let tiles: Tiles
  let lists: [AnchoredLists]

  init(neurons: [Int32], skins: [Float], tiles: Tiles, lists: [AnchoredLists]) {
    (self.neurons, self.skins, self.tiles, self.lists) = (neurons, skins, tiles, lists)
  }

  /// The positions in `neurons`, which ascend, of those in `range`.
  package func positions(of range: Range<Int>) -> Range<Int> {
    neurons.firstPosition(notBelow: range.lowerBound)..<neurons.firstPosition(notBelow: range.upperBound)
  }

  package func withCandidates(
    at position: Int, block: Int = 0,
    _ body: (UnsafeBufferPointer<UInt16>, UnsafeBufferPointer<Float>) -> Void
  ) {
    lists[position / tiles.size].withCandidates(of: position % tiles.size, block: block, body)
  }

  /// The skin that candidates were chosen by.
  package func skin(at position: Int) -> Float { skins[position] }

  package func weightNorm(at position: Int) -> Float {
    lists[position / tiles.size].weightNorms[position % tiles.size]
  }
}
