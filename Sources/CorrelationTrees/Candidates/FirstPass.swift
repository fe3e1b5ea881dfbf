import FireTreeCore

/// The first look at all neurons, when their weights are still those of a seed: a base row is looked at once for all neurons
/// that have it, and structured weights by transforms, without a row, also where training has moved them (`MovedWeights`).
///
/// Complexity: 2 n d flops a base row; of structured weights 3 log2 D flops a pair, and O(1) for each candidate.
package struct FirstPass {
  let initial: InitialWeights
  let anchoring: Anchoring
  let points: DataPoints
  let blocks: Tiles
  let skin: Float
  let workers: Workers
  /// The points of each block side by side, for structured weights.
  private let lanes: [LanePoints]
  fileprivate let laneNorms: [[Float]]
  /// nil while nothing has been added to the initial weights.
  private let moved: MovedWeights?

  /// Throws a usage error when there is no memory for another copy of the points. Precondition: one block with `moved`.
  init(
    _ initial: InitialWeights, anchoring: Anchoring, points: DataPoints, blocks: Tiles, skin: Float,
    moved: MovedWeights? = nil, workers: Workers
  ) throws(FireTreeError) {
    precondition(moved == nil || blocks.count == 1, "weights that have moved are looked at with all points")
    self.moved = moved
    (self.initial, self.anchoring, self.points, self.blocks) = (initial, anchoring, points, blocks)
    (self.skin, self.workers) = (skin, workers)
    var lanes: [LanePoints] = []
    if let structured = initial.structured {
      for block in 0..<blocks.count {
        lanes.append(
          try LanePoints(of: points, blocks[block], blockSize: structured.blockSize, workers: workers))
      }
    }
    self.lanes = lanes
    laneNorms = lanes.indices.map { anchoring.laneNorms(of: blocks[$0]) }
  }

  /// Neurons that are looked at in one round: whole blocks of structured weights, of which 4096 are the largest.
  static let neuronsPerRound = 1 << 16

  /// The candidates of the neurons of a round, which begins at a multiple of `neuronsPerRound`.
  func candidates(of neurons: Range<Int>) -> AnchoredTiles {
    let first = neurons.lowerBound / initial.copies
    let base = first..<(neurons.upperBound + initial.copies - 1) / initial.copies
    guard let structured = initial.structured else { return products(neurons, base) }
    let tiles = Tiles(of: base.count, size: structured.blockSize)
    if let moved {
      let lists = workers.map(shards: tiles.count) { tile in
        moved.candidates(
          ofBlock: first / structured.blockSize + tile, structured, lanes[0], norms: laneNorms[0], anchoring,
          skin: skin)
      }
      return AnchoredTiles(
        neurons, copies: 1, skin: skin,
        tiles: Tiles(of: neurons.count, size: structured.blockSize * initial.copies), lists: lists)
    }
    let lists = workers.map(shards: tiles.count) { tile in
      AnchoredLists(of: structured, block: first / structured.blockSize + tile, lanes, self)
    }
    return AnchoredTiles(neurons, copies: initial.copies, skin: skin, tiles: tiles, lists: lists)
  }

  private func products(_ neurons: Range<Int>, _ base: Range<Int>) -> AnchoredTiles {
    let tiles = Tiles(of: base.count, size: Anchoring.tileSize(neurons: base.count))
    let skins = [Float].fixed(tiles.size, repeating: skin)
    let lists = workers.map(shards: tiles.count) { tile in
      Scratch.withMatrix(rows: tiles[tile].count, columns: initial.columns) { rows in
        initial.generateBase(tiles[tile].lazy.map { base.lowerBound + $0 }, into: rows)
        return skins.withUnsafeBufferPointer { skins in
          guard let skins = skins.baseAddress else { return AnchoredLists() }
          return anchoring.candidates(of: rows.view, skins: skins, blocks: blocks)
        }
      }
    }
    return AnchoredTiles(neurons, copies: initial.copies, skin: skin, tiles: tiles, lists: lists)
  }
}

extension AnchoredLists {
  /// The candidates of a block of structured weights. Complexity: 3 D log2 D flops a point, and O(1) a candidate.
  fileprivate init(of weights: HadamardWeights, block: Int, _ lanes: [LanePoints], _ pass: FirstPass) {
    self.init(blocks: lanes.count)
    let rows = weights.blocks[block].count
    // Rows have this length over all D coordinates.
    let norm = Float(weights.blockSize).squareRoot() * (1 + pass.anchoring.weightRounding)
    weightNorms = .fixed(rows, repeating: norm)
    let reaches = [Float].fixed(rows, repeating: pass.skin + pass.anchoring.error(weightNorm: norm))
    weights.withWorkspace { workspace in
      weights.drawSigns(of: block, workspace)
      for (index, points) in lanes.enumerated() {
        let norms = pass.laneNorms[index]
        let hits = weights.selectPairs(
          of: points, rows: rows, reaches: reaches, norms: norms, threshold: pass.anchoring.threshold,
          workspace)
        blocks[index] = Block(hits, rows: rows)
      }
    }
  }
}

extension HadamardWeights {
  /// The pairs of a block, whose signs were drawn, that may exceed the threshold: s + reach |x| > b; by groups of points.
  ///
  /// Shapes: `reaches` has an element for each of the `rows` neurons, `norms` one for each point, and for what is missing in
  /// the last group.
  fileprivate func selectPairs(
    of points: LanePoints, rows: Int, reaches: [Float], norms: [Float], threshold: Float,
    _ workspace: Workspace
  ) -> [Kernels.Hit] {
    var hits: [Kernels.Hit] = []
    withUnsafeTemporaryAllocation(of: Kernels.Hit.self, capacity: rows * LanePoints.lanes) { found in
      reaches.withUnsafeBufferPointer { reaches in
        norms.withUnsafeBufferPointer { norms in
          guard let found = found.baseAddress, let reaches = reaches.baseAddress,
            let norms = norms.baseAddress
          else { return }
          for group in 0..<points.groups.count {
            transform(points, group: group, workspace)
            let first = points.groups[group].lowerBound
            let count = Kernels.selectLanes(
              workspace.tile.base, size: rows, scale: scale, reaches: reaches, norms: norms + first,
              threshold: threshold, first: UInt16(first), into: found)
            hits.fixRoom(for: count)
            hits += UnsafeBufferPointer(start: found, count: count)
          }
        }
      }
    }
    return hits
  }
}

extension AnchoredLists.Block {
  /// Sorts pairs by rows; in a row the points ascend, as they do in `hits`. Complexity: O(pairs + rows).
  init(_ hits: [Kernels.Hit], rows: Int) {
    offsets = .fixed(rows + 1, repeating: 0)
    for hit in hits { offsets[Int(hit.row) + 1] += 1 }
    for row in 0..<rows { offsets[row + 1] += offsets[row] }
    points = .fixed(hits.count, repeating: 0)
    correlations = .fixed(hits.count, repeating: 0)
    var next = offsets
    for hit in hits {
      let place = next[Int(hit.row)]
      next[Int(hit.row)] += 1
      points[place] = hit.point
      correlations[place] = hit.value
    }
  }
}
