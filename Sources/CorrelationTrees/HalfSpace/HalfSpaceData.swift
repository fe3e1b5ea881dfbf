import FireTreeCore

/// Half-space reporting, static over the data (arXiv 2110.04622, its first algorithm): the neuron asks for the points of
/// the half-space <w_r, x> >= bound.
///
/// A structure over the n points is built once. When a weight moves nothing changes but the weight, O(d): the price is
/// paid by the query, which computes correlations instead of reading them. In the plane the structure is
/// `ConvexLayers`; in other dimensions a `BallTree`, exact in all of them and fast in few: with d the balls grow until
/// every query looks at every point, as it does in the known structures, whose queries take n^(1 - 1/floor(d/2)).
///
/// Memory 4 m d bytes for the weights, and the structure. Init O(n d log n) (in the plane n log n, and n a layer).
/// `update` O(d). Query by neuron: inner products with the centres of the balls it meets and with the points of the
/// leaves it cannot exclude; between O(log n) and O(n). Query by point: O(m) inner products.
public struct HalfSpaceData: FiringDetector {
  private var book: PairBook
  private var structure: Structure

  private enum Structure {
    case layers(ConvexLayers)
    case balls(BallTree)

    init(over points: DataPoints, leafSize: Int?, workers: Workers) throws(FireTreeError) {
      self =
        points.dimension == 2
        ? .layers(ConvexLayers(of: points))
        : .balls(try BallTree(of: points, leafSize: leafSize, workers: workers))
    }
  }

  public init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError) {
    try self.init(weights: weights, points: points, leafSize: nil, workers: workers)
  }

  /// With leaves of another size than the usual, for tests.
  package init(
    weights: Matrix, points: DataPoints, leafSize: Int?, workers: Workers
  ) throws(FireTreeError) {
    book = try PairBook(weights: weights, points: points, workers: workers)
    structure = try Structure(over: points, leafSize: leafSize, workers: workers)
  }

  public var points: DataPoints { book.points }
  public var neuronCount: Int { book.weights.rows }

  public var memoryBytes: Int {
    switch structure {
    case .layers(let layers): book.memoryBytes + layers.memoryBytes
    case .balls(let tree): book.memoryBytes + tree.memoryBytes
    }
  }

  public static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
    PairBook.requiredMemory(neurons: neurons, points: points, dimension: dimension)
      + (dimension == 2
        ? ConvexLayers.requiredMemory(count: points)
        : BallTree.requiredMemory(count: points, dimension: dimension))
  }

  public func correlation(neuron: Int, point: Int) -> Float { book.correlation(neuron: neuron, point: point) }

  /// Complexity: O(d). No correlation is computed.
  @discardableResult
  public mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
    book.setWeights(of: neuron, to: weights)
    return OperationCounts()
  }

  @discardableResult
  public mutating func update(
    _ neurons: [Int32], from weights: Matrix, workers: Workers
  ) -> OperationCounts {
    book.setWeights(of: neurons, from: weights, workers: workers)
    return OperationCounts()
  }

  /// Complexity: O(d log n) amortised; in the plane the layers are peeled again. `weights` are not looked at.
  @discardableResult
  public mutating func replacePoint(
    _ index: Int, with point: [Float], weights: Matrix, workers: Workers
  ) -> OperationCounts {
    book.replacePoint(index, with: point)
    switch structure {
    case .layers:
      structure = .layers(ConvexLayers(of: points))
      return OperationCounts(nodesWritten: pointCount)
    case .balls(var tree):
      // So that the tree is unique and not copied.
      structure = .layers(ConvexLayers(of: .dense(Matrix(rows: 0, columns: 2))))
      let written = tree.move([Int32(index)], in: points, workers: workers)
      structure = .balls(tree)
      return OperationCounts(nodesWritten: written)
    }
  }

  public func points(of neuron: Int, atLeast bound: Float) -> FiringList {
    let (candidates, visited) = candidates(of: neuron, atLeast: bound)
    var list = book.points(of: neuron, atLeast: bound, among: candidates)
    list.counts.nodesVisited = visited
    return list
  }

  /// The points that the structure leaves open, ascending, and what it looked at.
  private func candidates(of neuron: Int, atLeast bound: Float) -> (points: [Int32], visited: Int) {
    switch structure {
    case .layers(let layers):
      let query = book.weights.row(neuron)
      return layers.candidates(x: query[0], y: query[1], atLeast: bound, limits: book.limits)
    case .balls(let tree):
      let open = book.weights.withView {
        tree.open(
          by: .dense($0), in: neuron..<neuron + 1, norms: book.weightNorms, bound: bound, limits: book.limits)
      }
      return (open.leaves.flatMap { tree.items(ofLeaf: Int($0)) }.sorted(), open.nodesVisited)
    }
  }

  /// There is no structure over the weights: every neuron is tried.
  public func neurons(of point: Int, atLeast bound: Float) -> FiringList {
    book.neurons(of: point, atLeast: bound, among: .ascending(neuronCount))
  }

  public func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
    switch structure {
    case .layers: firingSetByNeuron(atLeast: bound, workers: workers)
    case .balls(let tree): firingSet(atLeast: bound, tree: tree, workers: workers)
    }
  }

  public func _checkInvariants() {
    precondition(book.weights.columns == points.dimension)
    switch structure {
    case .layers(let layers): layers.checkInvariants(of: points)
    case .balls(let tree): tree.checkInvariants(of: points)
    }
  }
}

// MARK: - All pairs

extension HalfSpaceData {
  /// One query a neuron.
  private func firingSetByNeuron(
    atLeast bound: Float, workers: Workers
  ) -> (set: FiringSet, counts: OperationCounts) {
    let tiles = Tiles.neuronShards(of: neuronCount)
    let parts = workers.map(shards: tiles.count) { tile in
      var shard = FiringSet.Shard()
      var counts = OperationCounts()
      for neuron in tiles[tile] {
        let (candidates, visited) = candidates(of: neuron, atLeast: bound)
        counts += OperationCounts(innerProducts: candidates.count, nodesVisited: visited)
        book.forEachPair(neurons: [Int32(neuron)], points: candidates, atLeast: bound) { _, k, value in
          shard.append(point: Int(candidates[k]), correlation: value)
        }
        shard.endRow(of: neuron)
      }
      counts.pairsReported = shard.points.count
      return (shard: shard, counts: counts)
    }
    return (FiringSet(shards: parts.map(\.shard)), parts.reduce(OperationCounts()) { $0 + $1.counts })
  }

  /// All neurons descend together; then each leaf's points meet the neurons that opened it in one matrix product.
  private func firingSet(
    atLeast bound: Float, tree: BallTree, workers: Workers
  ) -> (set: FiringSet, counts: OperationCounts) {
    let tiles = Tiles.neuronShards(of: neuronCount)
    let searches = book.weights.withView { weights in
      workers.map(shards: tiles.count) { tile in
        tree.open(
          by: .dense(weights), in: tiles[tile], norms: book.weightNorms, bound: bound, limits: book.limits)
      }
    }
    let groups = tree.groups(of: searches)
    let parts = workers.map(shards: groups.count) { index in
      let (items, open) = (groups[index].items, groups[index].queries)
      var lists = [FiringList].fixed(items.count, repeating: FiringList())
      book.forEachPair(neurons: open, points: items, atLeast: bound) { r, k, value in
        lists[k].append(Int(open[r]), value)
      }
      return lists
    }
    var lists = [FiringList].fixed(pointCount, repeating: FiringList())
    for (group, part) in zip(groups, parts) {
      for (item, list) in zip(group.items, part) { lists[Int(item)] = list }
    }
    let shards = workers.map(shards: tiles.count) { DataTree.groupByNeuron(lists, neurons: tiles[$0]) }
    let set = FiringSet(shards: shards)
    return (
      set,
      OperationCounts(
        innerProducts: groups.reduce(0) { $0 + $1.items.count * $1.queries.count },
        nodesVisited: searches.reduce(0) { $0 + $1.nodesVisited }, pairsReported: set.pairCount)
    )
  }
}
