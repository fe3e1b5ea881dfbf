import FireTreeCore

/// The Correlation DTree of arXiv 2211.14227 ("Correlation DTree data structure"): for each data point a
/// max-tree over its m correlations with the weights.
///
/// The data point is the one that is asked: `neurons(of:atLeast:)` descends one large tree and never looks at the
/// neurons that do not fire. When a neuron moves, its n correlations are computed anew and one leaf changes in
/// each of the n trees, O(n (d + log m)).
///
/// Layout: one row of `nodes` a data point, each a `MaxTreeShape` over m leaves in 2 m slots. Invariant: every
/// inner node is the maximum of its children, leaf r of row i is s_ri.
///
/// Memory 8 n m bytes. Init O(n m d). Query by point O((1 + k) log m), of all pairs O(n + k log m + m / 64).
public struct DataTree: FiringDetector {
  public private(set) var points: DataPoints
  /// n x 2m.
  private var nodes: Matrix
  private let shape: MaxTreeShape

  public init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError) {
    self.points = points
    shape = MaxTreeShape(leafCount: weights.rows)
    nodes = try Matrix(allocating: points.count, by: shape.slotCount)
    buildLeaves(weights: weights, workers: workers)
    nodes.withMutableView { nodes in
      workers.forEachShard(of: nodes.rows) { point in
        MaxTree(shape: shape, nodes: nodes.row(point)).buildInnerNodes()
      }
    }
  }

  public var neuronCount: Int { shape.leafCount }
  public var memoryBytes: Int { nodes.memoryBytes }
  public static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
    .matrix(rows: points, columns: neurons > Int.max / 2 ? .max : 2 * neurons)
  }

  /// A neuron has a leaf in the row of every point.
  public static var isScattered: Bool { true }

  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    let visited = MaxTreeShape.expectedVisits(leaves: neurons, share: share)
    let changed = min(updated / Double(max(neurons, 1)), 1)
    let written = updated + MaxTreeShape.expectedRepairs(leaves: neurons, changed: changed)
    return (Double(points) * visited, Double(points) * written)
  }

  public func correlation(neuron: Int, point: Int) -> Float {
    nodes[point, shape.node(ofLeaf: neuron).index]
  }

  @discardableResult
  public mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
    var counts = OperationCounts(innerProducts: pointCount)
    let correlations = points.correlations(of: weights)
    nodes.withMutableView { nodes in
      for (point, value) in correlations.enumerated() {
        counts.nodesWritten += MaxTree(shape: shape, nodes: nodes.row(point)).setLeaf(neuron, to: value)
      }
    }
    return counts
  }

  @discardableResult
  public mutating func replacePoint(
    _ index: Int, with point: [Float], weights: Matrix, workers: Workers
  ) -> OperationCounts {
    points.replacePoint(index, with: point)
    let correlations = points.correlations(ofPoint: index, with: weights, workers: workers)
    nodes.withMutableView { nodes in
      let tree = MaxTree(shape: shape, nodes: nodes.row(index))
      for (neuron, value) in correlations.enumerated() {
        tree.nodes[shape.node(ofLeaf: neuron).index] = value
      }
      tree.buildInnerNodes()
    }
    return OperationCounts(innerProducts: neuronCount, nodesWritten: 2 * neuronCount - 1)
  }

  public func points(of neuron: Int, atLeast bound: Float) -> FiringList {
    var list = FiringList()
    for point in 0..<pointCount {
      let value = correlation(neuron: neuron, point: point)
      if value >= bound { list.append(point, value) }
    }
    list.counts = OperationCounts(nodesVisited: pointCount, pairsReported: list.indices.count)
    return list
  }

  public func neurons(of point: Int, atLeast bound: Float) -> FiringList {
    var list = FiringList()
    let visited = nodes.withView { nodes in
      // Read only: a query writes no node.
      MaxTree(shape: shape, nodes: UnsafeMutablePointer(mutating: nodes.row(point)))
        .forEachLeaf(atLeast: bound) { list.append($0, $1) }
    }
    list.counts = OperationCounts(nodesVisited: visited, pairsReported: list.indices.count)
    return list
  }

  public func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
    let lists = workers.map(shards: pointCount) { neurons(of: $0, atLeast: bound) }
    let counts = lists.reduce(OperationCounts()) { $0 + $1.counts }
    let tiles = Tiles.neuronShards(of: neuronCount)
    let shards = workers.map(shards: tiles.count) { Self.groupByNeuron(lists, neurons: tiles[$0]) }
    return (FiringSet(shards: shards), counts)
  }

  public func _checkInvariants() {
    precondition(nodes.rows == points.count)
    for point in 0..<pointCount {
      nodes.withView { nodes in
        MaxTree(shape: shape, nodes: UnsafeMutablePointer(mutating: nodes.row(point))).checkInvariants()
      }
    }
  }
}

// MARK: - Refreshing many neurons

extension DataTree {
  /// Computes all leaves, each product straight into its place.
  private mutating func buildLeaves(weights: Matrix, workers: Workers) {
    precondition(weights.columns == points.dimension, "weights and points differ in dimension")
    let neuronTiles = Tiles(of: neuronCount, size: DataPoints.weightsPerTile)
    let pointTiles = points.tiles
    nodes.withMutableView { nodes in
      weights.withView { weights in
        workers.forEachShard(of: neuronTiles.count) { tile in
          for run in shape.runs(ofLeaves: neuronTiles[tile]) {
            let columns = nodes.columns(run.firstNode..<run.firstNode + run.leaves.count)
            for pointTile in 0..<pointTiles.count {
              points.correlateByPoint(
                weights.rows(run.leaves), points: pointTiles[pointTile],
                into: columns.rows(pointTiles[pointTile]))
            }
          }
        }
      }
    }
  }

  /// Neurons whose new correlations are held at once, so that they fit 16 MB.
  private var neuronsPerBatch: Int { max(1024, (4 << 20) / max(pointCount, 1)) }

  @discardableResult
  public mutating func update(
    _ neurons: [Int32], from weights: Matrix, workers: Workers
  ) -> OperationCounts {
    let batches = Tiles(of: neurons.count, size: neuronsPerBatch)
    var counts = OperationCounts(innerProducts: neurons.count * pointCount)
    Scratch.withMatrix(rows: pointCount, columns: min(batches.size, neurons.count)) { fresh in
      neurons.withUnsafeBufferPointer { neurons in
        for batch in 0..<batches.count {
          let chosen = UnsafeBufferPointer(rebasing: neurons[batches[batch]])
          let fresh = fresh.columns(0..<chosen.count)
          correlate(chosen, from: weights, into: fresh, workers: workers)
          counts.nodesWritten += write(fresh.view, to: chosen, workers: workers)
        }
      }
    }
    return counts
  }

  /// New correlations of `neurons`, one point a row.
  private func correlate(
    _ neurons: UnsafeBufferPointer<Int32>, from weights: Matrix, into fresh: MutableMatrixView,
    workers: Workers
  ) {
    let shards = DataPoints.refreshShards(of: neurons.count)
    let tiles = points.tiles
    weights.withView { weights in
      workers.forEachShard(of: shards.count) { shard in
        let chosen = UnsafeBufferPointer(rebasing: neurons[shards[shard]])
        weights.forEachTile(of: chosen, size: DataPoints.weightsPerTile) { range, rows in
          let start = shards[shard].lowerBound
          let columns = fresh.columns(start + range.lowerBound..<start + range.upperBound)
          for tile in 0..<tiles.count {
            points.correlateByPoint(rows, points: tiles[tile], into: columns.rows(tiles[tile]))
          }
        }
      }
    }
  }

  /// Writes new leaves into every tree and repairs the nodes above; returns the nodes written.
  private mutating func write(
    _ fresh: MatrixView, to neurons: UnsafeBufferPointer<Int32>, workers: Workers
  ) -> Int {
    nodes.withMutableView { nodes in
      let written = workers.map(shards: nodes.rows) { point in
        let tree = MaxTree(shape: shape, nodes: nodes.row(point))
        let row = fresh.row(point)
        for (slot, neuron) in neurons.enumerated() {
          tree.nodes[shape.node(ofLeaf: Int(neuron)).index] = row[slot]
        }
        return withUnsafeTemporaryAllocation(of: Int.self, capacity: neurons.count) { frontier in
          guard let base = frontier.baseAddress else { return 0 }
          return tree.repairAncestors(of: neurons, frontier: base)
        }
      }
      return written.reduce(neurons.count * nodes.rows, +)
    }
  }
}

// MARK: - From lists by point to a set by neuron

extension DataTree {
  /// The pairs of `neurons` in the points' ascending lists, grouped by neuron.
  ///
  /// A bit a neuron marks the ones that fire; a neuron's place is the number of bits before its own. So the cost
  /// is O(k + w / 64) for k pairs and w neurons, and no counter a neuron is ever cleared.
  static func groupByNeuron(_ lists: [FiringList], neurons: Range<Int>) -> FiringSet.Shard {
    Memory.demand(try Memory.ask(for: lists.count, of: Range<Int>.self))
    let ranges = lists.map { list in
      list.indices.firstPosition(
        notBelow: neurons.lowerBound)..<list.indices.firstPosition(
          notBelow: neurons.upperBound)
    }
    var fires = [UInt64].fixed((neurons.count + 63) / 64, repeating: 0)
    for (list, range) in zip(lists, ranges) {
      for position in range {
        let bit = Int(list.indices[position]) - neurons.lowerBound
        fires[bit >> 6] |= 1 << UInt64(bit & 63)
      }
    }
    var shard = FiringSet.Shard()
    var bitsBefore = [Int].fixed(fires.count, repeating: 0)
    for (word, bits) in fires.enumerated() {
      bitsBefore[word] = shard.neurons.count
      var rest = bits
      while rest != 0 {
        shard.neurons.fixRoom(for: 1)
        shard.neurons.append(Int32(neurons.lowerBound + word * 64 + rest.trailingZeroBitCount))
        rest &= rest - 1
      }
    }
    func place(of neuron: Int32) -> Int {
      let bit = Int(neuron) - neurons.lowerBound
      return bitsBefore[bit >> 6] + (fires[bit >> 6] & (1 << UInt64(bit & 63) - 1)).nonzeroBitCount
    }

    // Counting sort: row lengths, row starts, then the pairs; points ascend because the lists come in order.
    var next = [Int].fixed(shard.neurons.count, repeating: 0)
    shard.offsets.fixRoom(for: next.count)
    for (list, range) in zip(lists, ranges) {
      for position in range { next[place(of: list.indices[position])] += 1 }
    }
    for (row, length) in next.enumerated() {
      next[row] = shard.offsets[row]
      shard.offsets.append(shard.offsets[row] + length)
    }
    shard.points = .fixed(shard.offsets[shard.neurons.count], repeating: 0)
    shard.correlations = .fixed(shard.points.count, repeating: 0)
    for (point, (list, range)) in zip(lists, ranges).enumerated() {
      for position in range {
        let row = place(of: list.indices[position])
        shard.points[next[row]] = Int32(point)
        shard.correlations[next[row]] = list.correlations[position]
        next[row] += 1
      }
    }
    return shard
  }
}
