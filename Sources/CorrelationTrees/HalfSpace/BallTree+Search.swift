import FireTreeCore

/// The leaves into which queries have to look: for every leaf that some query opens, those queries, ascending.
struct OpenLeaves: Sendable {
  /// Leaves, ascending, numbered from 0.
  private(set) var leaves: [Int32] = []
  /// Queries of `leaves[k]`: positions `offsets[k]..<offsets[k + 1]`.
  private(set) var offsets: [Int] = [0]
  private(set) var queries: [Int32] = []
  /// Balls whose bounds were computed, each by an inner product.
  fileprivate(set) var nodesVisited = 0

  fileprivate mutating func append(_ leaf: Int, _ open: UnsafeBufferPointer<UInt32>) {
    leaves.fixRoom(for: 1)
    queries.fixRoom(for: open.count)
    offsets.fixRoom(for: 1)
    leaves.append(Int32(leaf))
    queries.append(contentsOf: open.lazy.map(Int32.init))
    offsets.append(queries.count)
  }

  /// The queries that open a leaf. Complexity: O(log of the leaves).
  func queries(ofLeaf leaf: Int) -> ArraySlice<Int32> {
    let k = leaves.firstPosition(notBelow: leaf)
    guard k < leaves.count, Int(leaves[k]) == leaf else { return [] }
    return queries[offsets[k]..<offsets[k + 1]]
  }
}

extension BallTree {
  /// The leaves in which an item may reach `bound` with one of the queries in `range`.
  ///
  /// `norms` are upper bounds of the queries' norms. Complexity: an inner product a query and visited node.
  func open(
    by queries: DataPointsView, in range: Range<Int>, norms: [Double], bound: Float, limits: CorrelationBound
  ) -> OpenLeaves {
    guard count > 0, !range.isEmpty else { return OpenLeaves() }
    Memory.demand(try Memory.ask(for: range.count * (levels + 1), of: UInt32.self))
    return centers.withView { centers in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: range.count * (levels + 1)) { active in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count) { products in
          norms.withUnsafeBufferPointer { norms in
            // Queries that open a node lie level by level below each other.
            guard let base = active.baseAddress, let scratch = products.baseAddress else {
              return OpenLeaves()
            }
            for (k, query) in range.enumerated() { base[k] = UInt32(query) }
            var search = BallSearch(
              tree: self, centers: centers, queries: queries, norms: norms, bound: Double(bound),
              limits: limits,
              products: scratch)
            search.descend(1, active: base, count: range.count, into: base, capacity: range.count)
            return search.result
          }
        }
      }
    }
  }
}

/// Leaves side by side that the same queries open: their items meet these queries in one product.
struct LeafGroup: Sendable {
  /// Ascending.
  var items: [Int32]
  /// Ascending.
  var queries: [Int32]
}

extension BallTree {
  /// The open leaves, from left to right, in groups of at most so many items that there are sixteen groups or more where
  /// there is work for them.
  ///
  /// `searches` are those of ascending ranges of queries. Complexity: O(K) for K queries of all leaves.
  func groups(of searches: [OpenLeaves]) -> [LeafGroup] {
    let largest = min(512, count / 16)
    var groups: [LeafGroup] = []
    for leaf in 0..<leafCount {
      let items = items(ofLeaf: leaf), queries = searches.flatMap { $0.queries(ofLeaf: leaf) }
      guard !queries.isEmpty else { continue }
      if let last = groups.last, last.items.count + items.count <= largest, last.queries == queries {
        groups[groups.count - 1].items += items
      } else {
        groups.append(LeafGroup(items: Array(items), queries: queries))
      }
    }
    for k in groups.indices { groups[k].items.sort() }
    return groups
  }
}

/// One descent with several queries.
private struct BallSearch {
  let tree: BallTree
  let centers: MatrixView
  let queries: DataPointsView
  let norms: UnsafeBufferPointer<Double>
  let bound: Double
  let limits: CorrelationBound
  let products: UnsafeMutablePointer<Float>
  var result = OpenLeaves()

  /// Goes down with those of the active queries that cannot skip `node`. They are written to `kept`, which may be
  /// `active` itself; the levels below write behind it.
  mutating func descend(
    _ node: Int, active: UnsafePointer<UInt32>, count: Int, into kept: UnsafeMutablePointer<UInt32>,
    capacity: Int
  ) {
    guard !tree.range(of: node).isEmpty else { return }
    result.nodesVisited += count
    queries.dots(centers.row(node - 1), withPoints: active, count: count, into: products)
    let radius = tree.radii[node], reach = tree.centerNorms[node] + radius
    var open = 0
    for k in 0..<count {
      let norm = norms[Int(active[k])]
      let ceiling = Double(products[k]) + norm * radius + limits.margin(norm, reach)
      // A ceiling that is not a number says nothing.
      guard !(ceiling < bound) else { continue }
      kept[open] = active[k]
      open += 1
    }
    guard open > 0 else { return }
    guard !tree.isLeaf(node) else {
      return result.append(node - tree.leafCount, UnsafeBufferPointer(start: kept, count: open))
    }
    for child in [2 * node, 2 * node + 1] {
      descend(child, active: kept, count: open, into: kept + capacity, capacity: capacity)
    }
  }
}
