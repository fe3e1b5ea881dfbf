import FireTreeCore

extension Anchoring {
  /// Neurons of a tile: at least four tiles, so that all threads have one, whatever their number.
  static func tileSize(neurons: Int) -> Int { max(16, min(weightsPerProduct, (neurons + 63) / 64 * 16)) }

  /// The candidates of `neurons`, ascending, by tiles of matrix products; `skins` has one element a neuron. Without
  /// `blocks` all points are in one.
  ///
  /// `rows(chosen, body)` calls `body` with the weights of the chosen neurons, one below the other. Complexity: 2 n d
  /// flops a neuron.
  package func candidates(
    of neurons: [Int32], skins: [Float], blocks: Tiles? = nil, workers: Workers,
    rows: (UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void
  ) -> AnchoredTiles {
    let tiles = Tiles(of: neurons.count, size: Self.tileSize(neurons: neurons.count))
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

/// Candidates of a list of neurons, tile by tile. Neurons that have the same weights may share them: then a row of a tile is
/// that of `copies` neighbours in the list.
package struct AnchoredTiles {
  package let neurons: [Int32]
  private let skins: [Float]
  private let copies: Int
  let tiles: Tiles
  let lists: [AnchoredLists]

  init(neurons: [Int32], skins: [Float], tiles: Tiles, lists: [AnchoredLists]) {
    (self.neurons, self.skins, self.tiles, self.lists, copies) = (neurons, skins, tiles, lists, 1)
  }

  /// Of all neurons in a range.
  init(_ neurons: Range<Int>, copies: Int, skin: Float, tiles: Tiles, lists: [AnchoredLists]) {
    self.neurons = .ascending(neurons)
    skins = .fixed(neurons.count, repeating: skin)
    (self.copies, self.tiles, self.lists) = (copies, tiles, lists)
  }

  /// The positions in `neurons`, which ascend, of those in `range`.
  package func positions(of range: Range<Int>) -> Range<Int> {
    neurons.firstPosition(notBelow: range.lowerBound)..<neurons.firstPosition(notBelow: range.upperBound)
  }

  package func withCandidates(
    at position: Int, block: Int = 0,
    _ body: (UnsafeBufferPointer<UInt16>, UnsafeBufferPointer<Float>) -> Void
  ) {
    let row = position / copies
    lists[row / tiles.size].withCandidates(of: row % tiles.size, block: block, body)
  }

  /// What the candidate lists of all neurons take, `words(count)` being that of one.
  func words(_ words: (Int) -> Int) -> Int {
    var sum = 0
    for part in lists {
      for block in part.blocks {
        for row in 1..<max(block.offsets.count, 1) {
          sum += words(block.offsets[row] - block.offsets[row - 1])
        }
      }
    }
    return sum * copies
  }

  /// The skin that candidates were chosen by.
  package func skin(at position: Int) -> Float { skins[position] }

  package func weightNorm(at position: Int) -> Float {
    let row = position / copies
    return lists[row / tiles.size].weightNorms[row % tiles.size]
  }
}
