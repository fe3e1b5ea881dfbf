import FireTreeCore

/// Half-space reporting, dynamic over the weights (arXiv 2110.04622, its second algorithm): the data point asks for the
/// weights of the half-space <x_i, w> >= bound.
///
/// The structure over the m weights is a `BallTree` that follows when they move. A point skips the balls that cannot
/// reach the bound; in many dimensions there are none.
///
/// Memory 4 m d bytes for the weights, and the tree. Init O(m d log m). `update` O(d log m) amortised. Query by point:
/// inner products with the centres of the balls it meets and with the weights of the leaves it cannot exclude; between
/// O(log m) and O(m). Query by neuron: O(n) inner products.
public struct HalfSpaceWeights: FiringDetector {
  private var book: PairBook
  private var tree: BallTree

  public init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError) {
    try self.init(weights: weights, points: points, leafSize: nil, workers: workers)
  }

  /// With leaves of another size than the usual, for tests.
  package init(
    weights: Matrix, points: DataPoints, leafSize: Int?, workers: Workers
  ) throws(FireTreeError) {
    book = try PairBook(weights: weights, points: points, workers: workers)
    tree = try BallTree(of: .dense(weights), leafSize: leafSize, workers: workers)
  }

  public var points: DataPoints { book.points }
  public var neuronCount: Int { book.weights.rows }
  public var memoryBytes: Int { book.memoryBytes + tree.memoryBytes }

  public static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
    PairBook.requiredMemory(neurons: neurons, points: points, dimension: dimension)
      + BallTree.requiredMemory(count: neurons, dimension: dimension)
  }

  public func correlation(neuron: Int, point: Int) -> Float { book.correlation(neuron: neuron, point: point) }

  /// Complexity: O(d log m) amortised. No correlation is computed; written nodes are balls.
  @discardableResult
  public mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
    book.setWeights(of: neuron, to: weights)
    return OperationCounts(
      nodesWritten: tree.move([Int32(neuron)], in: .dense(book.weights), workers: Workers(threads: 1)))
  }

  @discardableResult
  public mutating func update(
    _ neurons: [Int32], from weights: Matrix, workers: Workers
  ) -> OperationCounts {
    guard !neurons.isEmpty else { return OperationCounts() }
    book.setWeights(of: neurons, from: weights, workers: workers)
    return OperationCounts(nodesWritten: tree.move(neurons, in: .dense(book.weights), workers: workers))
  }

  /// Complexity: O(d). `weights` are not looked at.
  @discardableResult
  public mutating func replacePoint(
    _ index: Int, with point: [Float], weights: Matrix, workers: Workers
  ) -> OperationCounts {
    book.replacePoint(index, with: point)
    return OperationCounts()
  }

  /// There is no structure over the points: every point is tried.
  public func points(of neuron: Int, atLeast bound: Float) -> FiringList {
    book.points(of: neuron, atLeast: bound, among: .ascending(pointCount))
  }

  public func neurons(of point: Int, atLeast bound: Float) -> FiringList {
    let open = points.withView {
      tree.open(by: $0, in: point..<point + 1, norms: book.pointNorms, bound: bound, limits: book.limits)
    }
    let candidates = open.leaves.flatMap { tree.items(ofLeaf: Int($0)) }.sorted()
    var list = book.neurons(of: point, atLeast: bound, among: candidates)
    list.counts.nodesVisited = open.nodesVisited
    return list
  }

  /// All points descend together; then each leaf's weights meet the points that opened it in a matrix product.
  public func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
    let tiles = Tiles(of: pointCount, size: max(16, (pointCount + 15) / 16))
    let searches = points.withView { points in
      workers.map(shards: tiles.count) { tile in
        tree.open(by: points, in: tiles[tile], norms: book.pointNorms, bound: bound, limits: book.limits)
      }
    }
    let groups = tree.groups(of: searches)
    let parts = workers.map(shards: groups.count) { index in
      let (items, open) = (groups[index].items, groups[index].queries)
      var lists = [FiringList].fixed(items.count, repeating: FiringList())
      book.forEachPair(neurons: items, points: open, atLeast: bound) { r, k, value in
        lists[r].append(Int(open[k]), value)
      }
      return lists
    }
    let set = FiringSet(parts, of: groups, neurons: neuronCount, workers: workers)
    return (
      set,
      OperationCounts(
        innerProducts: groups.reduce(0) { $0 + $1.items.count * $1.queries.count },
        nodesVisited: searches.reduce(0) { $0 + $1.nodesVisited }, pairsReported: set.pairCount)
    )
  }

  public func _checkInvariants() {
    precondition(book.weights.columns == points.dimension)
    tree.checkInvariants(of: .dense(book.weights))
  }
}

extension FiringSet {
  /// Puts the answers of neurons, group by group of leaves of a tree over them, into the order of neurons.
  fileprivate init(_ parts: [[FiringList]], of groups: [LeafGroup], neurons: Int, workers: Workers) {
    var lists = [FiringList].fixed(neurons, repeating: FiringList())
    for (group, part) in zip(groups, parts) {
      for (item, list) in zip(group.items, part) { lists[Int(item)] = list }
    }
    let tiles = Tiles.neuronShards(of: neurons)
    self.init(
      shards: workers.map(shards: tiles.count) { tile in
        var shard = Shard()
        for neuron in tiles[tile] {
          shard.points.fixRoom(for: lists[neuron].indices.count)
          shard.correlations.fixRoom(for: lists[neuron].indices.count)
          shard.points += lists[neuron].indices
          shard.correlations += lists[neuron].correlations
          shard.endRow(of: neuron)
        }
        return shard
      })
  }
}
