import FireTreeCore

/// A binary tree of balls over vectors (the *items*: data points or weights), to find those whose inner product with a
/// query reaches a bound.
///
///            (     o  o     )              every node has a centre c and a radius R that hold its items x:
///         (  o o )    (  o o  )            |x - c| <= R, so  <q, x> <= <q, c> + |q| R  by Cauchy-Schwarz
///
/// A query that the right-hand side, with a rounding margin (`CorrelationBound`), leaves below its bound skips the node
/// with all that is in it (Ram & Gray 2012, "Maximum inner-product search using cone trees", section 3; arXiv
/// 2302.10626). The more dimensions, the larger the balls are against the distances between them, and the fewer are
/// skipped.
///
/// Layout: a complete tree; node k has the children 2k and 2k + 1, and the j-th node of level l holds the slots
/// count j / 2^l ..< count (j + 1) / 2^l of `order`. Leaves hold at most `leafSize` items, ascending. Invariant: every
/// item lies in the balls of all nodes above its slot.
///
/// Items may move (`move`): the balls above grow to hold them, and the tree is built anew when its leaves have grown by
/// half, but not before half as many items as there are have moved. So a move costs O(d log N) amortised.
///
/// Memory: 4 (d + 4) bytes for each of fewer than 4 N / `leafSize` nodes, 8 bytes an item. Build: O(N d log N).
package struct BallTree: Sendable {
  let count: Int
  let levels: Int
  /// Items by slot.
  private(set) var order: [Int32]
  /// Slots by item.
  private(set) var slots: [Int32]
  /// The centre of node k in row k - 1.
  private(set) var centers: Matrix
  /// Upper bounds of |c|, by node.
  private(set) var centerNorms: [Double]
  /// Upper bounds of |x - c| over the items, by node; infinite where they cannot be computed.
  package private(set) var radii: [Double]
  /// Items moved since the tree was built, and the sum of the leaves' radii then.
  private var moves = 0
  private var builtRadius = 0.0

  /// Items of a leaf: as many as make their products efficient.
  static func leafSize(dimension: Int) -> Int { dimension < 16 ? 8 : 32 }

  /// Levels below the root so that leaves have at most `leafSize` items.
  static func levels(count: Int, leafSize: Int) -> Int {
    var levels = 0
    while (count - 1) >> levels >= leafSize { levels += 1 }
    return levels
  }

  package init(of items: DataPoints, leafSize: Int? = nil, workers: Workers) throws(FireTreeError) {
    count = items.count
    levels = Self.levels(count: count, leafSize: leafSize ?? Self.leafSize(dimension: items.dimension))
    let nodes = 2 << levels
    order = .ascending(count)
    slots = .ascending(count)
    centers = try Matrix(allocating: nodes - 1, by: items.dimension)
    centerNorms = try Array(allocating: nodes, repeating: 0)
    radii = try Array(allocating: nodes, repeating: 0)
    build(of: items, workers: workers)
  }

  /// Nodes are numbered 1..<nodeCount.
  var nodeCount: Int { 2 << levels }
  package var leafCount: Int { 1 << levels }
  var memoryBytes: Int {
    centers.memoryBytes + 2 * nodeCount * MemoryLayout<Double>.stride + 2 * count * MemoryLayout<Int32>.stride
  }

  static func requiredMemory(count: Int, dimension: Int) -> ByteCount {
    let nodes = 2 << levels(count: count, leafSize: leafSize(dimension: dimension))
    return ByteCount.matrix(rows: nodes - 1, columns: dimension)
      + ByteCount(2 * MemoryLayout<Double>.stride) * nodes + ByteCount(2 * MemoryLayout<Int32>.stride) * count
  }

  @inline(__always)
  func isLeaf(_ node: Int) -> Bool { node >= leafCount }

  /// The slots below a node.
  @inline(__always)
  func range(of node: Int) -> Range<Int> { Self.range(of: node, count: count) }

  @inline(__always)
  fileprivate static func range(of node: Int, count: Int) -> Range<Int> {
    let level = Int.bitWidth - 1 - node.leadingZeroBitCount
    let position = node - (1 << level)
    return (count * position) >> level..<(count * (position + 1)) >> level
  }

  /// The items of a leaf, ascending; leaves are numbered from 0.
  func items(ofLeaf leaf: Int) -> ArraySlice<Int32> { order[range(of: leafCount + leaf)] }
}

// MARK: - Building

extension BallTree {
  /// Orders the items and lays the balls, level by level from the root.
  private mutating func build(of items: DataPoints, workers: Workers) {
    let (levels, dimension) = (levels, items.dimension)
    guard count > 0 else { return }
    items.withView { items in
      for level in 0...levels {
        workers.forEachNode(of: &self, level: level) { tree, node in
          Scratch.withMatrix(rows: 2, columns: dimension) { scratch in
            tree.layBall(node, items: items)
            if level < levels {
              tree.split(node, items: items, scratch: scratch)
            } else {
              tree.sortLeaf(node)
            }
          }
        }
      }
    }
    for (slot, item) in order.enumerated() { slots[Int(item)] = Int32(slot) }
    moves = 0
    builtRadius = leafRadius
  }

  private var leafRadius: Double { radii[leafCount...].reduce(0, +) }

  /// Items have moved: those in `moved`, ascending and distinct. Returns the number of balls that were written.
  ///
  /// Complexity: O(d log N) a move, amortised.
  package mutating func move(_ moved: [Int32], in items: DataPoints, workers: Workers) -> Int {
    moves += moved.count
    var written = grow(around: moved, in: items, workers: workers)
    if moves >= max(count / 2, 1), !(leafRadius <= 1.5 * builtRadius) {
      build(of: items, workers: workers)
      written += nodeCount - 1
    }
    return written
  }

  /// Enlarges the balls above the moved items until they hold them; returns how many grew.
  private mutating func grow(around moved: [Int32], in items: DataPoints, workers: Workers) -> Int {
    let places = moved.map { slots[Int($0)] }.sorted()
    let dimension = items.dimension
    var written = 0
    items.withView { items in
      for level in 0...levels {
        written += workers.forEachNode(of: &self, level: level) { tree, node in
          let range = tree.range(of: node)
          var position = places.firstPosition(notBelow: range.lowerBound)
          let center = tree.centers.row(node - 1), old = tree.radii[node]
          let square = tree.centerNorms[node] * tree.centerNorms[node]
          var largest = old
          while position < places.count, Int(places[position]) < range.upperBound {
            let item = Int(tree.order[Int(places[position])])
            let distance = items.squaredDistance(
              ofPoint: item, to: center, centerSquare: square, dimension: dimension)
            largest = BallNodes.larger(largest, BallNodes.radius(ofSquare: distance))
            position += 1
          }
          tree.radii[node] = largest
          return largest == old ? 0 : 1
        }.reduce(0, +)
      }
    }
    return written
  }

  /// Calls `body` with the arrays of the tree in place.
  fileprivate mutating func withNodes<Result>(_ body: (BallNodes) -> Result) -> Result {
    let count = count
    return order.withUnsafeMutableBufferPointer { order in
      centerNorms.withUnsafeMutableBufferPointer { norms in
        radii.withUnsafeMutableBufferPointer { radii in
          centers.withMutableView { centers in
            body(
              BallNodes(
                count: count, order: order, centers: centers, centerNorms: norms, radii: radii))
          }
        }
      }
    }
  }
}

extension Workers {
  /// The results of `body` for every node of a level, in order; each writes to that node and the slots below alone.
  @discardableResult
  fileprivate func forEachNode<Element>(
    of tree: inout BallTree, level: Int, _ body: (BallNodes, Int) -> Element
  ) -> [Element] {
    let first = 1 << level
    return tree.withNodes { nodes in map(shards: first) { body(nodes, first + $0) } }
  }
}

/// The arrays of a `BallTree` in borrowed memory, while nodes are written in parallel.
private struct BallNodes {
  let count: Int
  let order: UnsafeMutableBufferPointer<Int32>
  let centers: MutableMatrixView
  let centerNorms: UnsafeMutableBufferPointer<Double>
  let radii: UnsafeMutableBufferPointer<Double>

  func range(of node: Int) -> Range<Int> { BallTree.range(of: node, count: count) }

  /// An upper bound of a root; infinite for what is not a number.
  static func radius(ofSquare square: Double) -> Double {
    square < .infinity ? square.squareRoot() * (1 + 0x1p-50) : .infinity
  }

  static func larger(_ a: Double, _ b: Double) -> Double { a >= b ? a : b }

  /// The centre is the mean of the items, the radius reaches the farthest.
  func layBall(_ node: Int, items: DataPointsView) {
    let range = range(of: node), center = centers.row(node - 1), dimension = centers.columns
    center.update(repeating: 0, count: dimension)
    for slot in range { items.add(1 / Float(range.count), timesPoint: Int(order[slot]), to: center) }
    centerNorms[node] = DataPointsView.norm(of: center, count: dimension)
    radii[node] = farthest(from: center, in: range, items: items).distance
  }

  /// The first of the items that are farthest from a vector.
  private func farthest(
    from vector: UnsafePointer<Float>, in range: Range<Int>, items: DataPointsView
  ) -> (item: Int, distance: Double) {
    let norm = DataPointsView.norm(of: vector, count: centers.columns)
    var (best, item) = (-1.0, range.isEmpty ? 0 : Int(order[range.lowerBound]))
    for slot in range {
      let square = Self.radius(
        ofSquare: items.squaredDistance(
          ofPoint: Int(order[slot]), to: vector, centerSquare: norm * norm, dimension: centers.columns))
      if square > best { (best, item) = (square, Int(order[slot])) }
    }
    return (item, max(best, 0))
  }

  /// Halves the items of a node across the line between two that lie far from each other.
  func split(_ node: Int, items: DataPointsView, scratch: MutableMatrixView) {
    let range = range(of: node), dimension = centers.columns
    let (pole, direction) = (scratch.row(0), scratch.row(1))
    pole.update(repeating: 0, count: dimension)
    items.add(1, timesPoint: farthest(from: centers.row(node - 1), in: range, items: items).item, to: pole)
    direction.update(from: pole, count: dimension)
    items.add(-1, timesPoint: farthest(from: pole, in: range, items: items).item, to: direction)
    var keys = range.map { slot in
      let value = items.dot(direction, withPoint: Int(order[slot]))
      return (value: value.isNaN ? -.infinity : value, item: order[slot])
    }
    keys.sort { $0.value != $1.value ? $0.value < $1.value : $0.item < $1.item }
    for (slot, key) in zip(range, keys) { order[slot] = key.item }
  }

  func sortLeaf(_ node: Int) {
    var items = UnsafeMutableBufferPointer(rebasing: order[range(of: node)])
    items.sort()
  }
}

extension BallTree {
  /// Checks that every ball holds its items and that slots and order are inverse. Complexity: O(N d log N).
  package func checkInvariants(of items: DataPoints) {
    precondition(items.count == count && order.count == count && Set(order).count == count)
    for (item, slot) in slots.enumerated() { precondition(Int(order[Int(slot)]) == item) }
    items.withView { view in
      for node in 1..<nodeCount {
        let range = range(of: node), center = centers.row(node - 1)
        for slot in range where radii[node] < .infinity {
          let point = items.point(Int(order[slot]))
          let square = zip(point, center).reduce(0.0) {
            let difference = Double($1.0) - Double($1.1)
            return $0 + difference * difference
          }
          precondition(
            square.squareRoot() <= radii[node] * (1 + 0x1p-40), "node \(node) does not hold slot \(slot)")
        }
        if isLeaf(node) { precondition(zip(order[range], order[range].dropFirst()).allSatisfy { $0 < $1 }) }
      }
    }
  }
}
