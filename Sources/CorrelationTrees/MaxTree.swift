/// The shape of a complete binary tree over a fixed number of leaves, held in a flat array.
///
///     leaves      0   1   2   3   4             node 1 is the root
///                                               node k has the children 2k and 2k + 1
///                       1                       and the parent k / 2
///                 2           3
///              4     5     6     7              L leaves take the nodes L..<2L,
///             8 9   (2)   (3)   (4)             inner nodes 1..<L; slot 0 is unused
///            (0)(1)
///
/// With L leaves there are L - 1 inner nodes, whatever L is. Where L is not a power of two, the first
/// `deepLeaves` leaves lie one level below the others, so that leaves ascend from left to right.
public struct MaxTreeShape: Sendable, Equatable {
  public let leafCount: Int
  /// Number of leaves on the deepest level.
  public let deepLeaves: Int
  /// The node of leaf 0.
  private let firstDeepNode: Int

  /// Precondition: `leafCount` is at least 0.
  public init(leafCount: Int) {
    precondition(leafCount >= 0, "a tree of \(leafCount) leaves")
    self.leafCount = leafCount
    var power = 1
    while power < leafCount { power *= 2 }
    firstDeepNode = power
    deepLeaves = 2 * leafCount - power
  }

  /// Slots of the array that holds the tree, the unused one included.
  public var slotCount: Int { 2 * leafCount }

  /// The node of a leaf.
  @inlinable
  public func node(ofLeaf leaf: Int) -> MaxTreeNode {
    MaxTreeNode(leaf < deepLeaves ? _firstDeepNode + leaf : leafCount - deepLeaves + leaf)
  }

  /// The leaf of a node. Precondition: `isLeaf(node)`.
  @inlinable
  public func leaf(of node: MaxTreeNode) -> Int {
    node.index >= _firstDeepNode ? node.index - _firstDeepNode : node.index - leafCount + deepLeaves
  }

  @inlinable
  public func isLeaf(_ node: MaxTreeNode) -> Bool { node.index >= leafCount }

  @usableFromInline var _firstDeepNode: Int { firstDeepNode }

  /// The stretches of neighbouring nodes that hold the leaves in `range`, at most two.
  public func runs(ofLeaves range: Range<Int>) -> [(leaves: Range<Int>, firstNode: Int)] {
    let deep = range.clamped(to: 0..<deepLeaves)
    let shallow = range.clamped(to: deepLeaves..<max(deepLeaves, leafCount))
    return [deep, shallow].filter { !$0.isEmpty }.map { ($0, node(ofLeaf: $0.lowerBound).index) }
  }
}

extension MaxTreeShape {
  /// The expected number of inner nodes with a marked leaf below, when each leaf is marked with probability `share`,
  /// independently.
  ///
  /// Complexity: O(log `leaves`).
  static func expectedAncestors(leaves: Int, share: Double) -> Double {
    // On each level half as many nodes, each over twice as many leaves.
    var (nodes, none, sum) = (Double(leaves) / 2, (1 - share) * (1 - share), 0.0)
    while nodes >= 0.5 {
      sum += nodes * (1 - none)
      nodes /= 2
      none *= none
    }
    return sum
  }

  /// The expected number of inner nodes whose maximum changes, when this share of the leaves gets new random values.
  ///
  /// Where j of N leaves are new, the largest of the N + j old and new values is one of those that stay, and the maximum
  /// with it, with probability (N - j) / (N + j). Half of the inner nodes have two leaves; the others are taken as large.
  static func expectedRepairs(leaves: Int, changed q: Double) -> Double {
    let two = 4 / 3 * q * (1 - q) + q * q
    return Double(max(leaves - 1, 0)) * (two + 2 * q / (1 + q)) / 2
  }

  /// The expected number of nodes that a query looks at which descends to every marked leaf: the root and the children
  /// of every inner node above a marked leaf.
  ///
  /// Complexity: O(log `leaves`).
  static func expectedVisits(leaves: Int, share: Double) -> Double {
    1 + 2 * expectedAncestors(leaves: leaves, share: share)
  }
}

/// A node of a `MaxTreeShape`, by its place in the array.
@frozen
public struct MaxTreeNode: Sendable, Equatable {
  public var index: Int

  @inlinable
  public init(_ index: Int) { self.index = index }

  public static let root = MaxTreeNode(1)

  @inlinable public var parent: MaxTreeNode { MaxTreeNode(index >> 1) }
  @inlinable public var leftChild: MaxTreeNode { MaxTreeNode(index << 1) }
  @inlinable public var rightChild: MaxTreeNode { MaxTreeNode(index << 1 | 1) }
  @inlinable public var isRoot: Bool { index == 1 }

  /// The node that follows this node's whole subtree in preorder; the root when there is none.
  @inlinable public var afterSubtree: MaxTreeNode {
    // A right child ends its parent's subtree too: climb while this is a right child, then step right.
    MaxTreeNode((index + 1) >> (index + 1).trailingZeroBitCount)
  }
}

/// A max-tree in borrowed memory: every inner node holds the larger of its children, so that the leaves with a
/// value of at least tau are found by descending only into nodes that reach tau.
///
/// Source: the trees of arXiv 2211.14227 ("Correlation DTree" and "Correlation WTree data structure").
package struct MaxTree {
  package let shape: MaxTreeShape
  package let nodes: UnsafeMutablePointer<Float>

  package init(shape: MaxTreeShape, nodes: UnsafeMutablePointer<Float>) {
    self.shape = shape
    self.nodes = nodes
  }

  /// Makes every inner node the maximum of its children. Complexity: O(L) comparisons.
  package func buildInnerNodes() {
    for index in stride(from: shape.leafCount - 1, through: 1, by: -1) { repair(MaxTreeNode(index)) }
  }

  /// Sets one leaf and repairs its ancestors, as far up as something changes.
  ///
  /// Returns the number of nodes written. Complexity: O(log L) comparisons.
  package func setLeaf(_ leaf: Int, to value: Float) -> Int {
    var node = shape.node(ofLeaf: leaf)
    nodes[node.index] = value
    var written = 1
    while !node.isRoot {
      node = node.parent
      guard repair(node) else { break }
      written += 1
    }
    return written
  }

  /// Repairs the ancestors of `leaves`, ascending, whose values have been written already: level by level, each
  /// node once, and only above nodes that changed.
  ///
  /// `frontier` is working memory for `leaves.count` nodes. Returns the number of inner nodes written.
  /// Complexity: O(k + k log(L / k)) comparisons for k leaves.
  package func repairAncestors(
    of leaves: UnsafeBufferPointer<Int32>, frontier: UnsafeMutablePointer<Int>
  ) -> Int {
    guard shape.leafCount > 1 else { return 0 }
    // The deep leaves' parents lie on the level of the shallow leaves and left of them.
    var written = 0
    var count = 0
    for leaf in leaves {
      let node = shape.node(ofLeaf: Int(leaf))
      guard Int(leaf) < shape.deepLeaves else {
        frontier[count] = node.index
        count += 1
        continue
      }
      guard count == 0 || frontier[count - 1] != node.parent.index else { continue }
      if repair(node.parent) {
        written += 1
        frontier[count] = node.parent.index
        count += 1
      }
    }
    while count > 0, frontier[0] > 1 {
      var kept = 0
      var previous = 0
      for position in 0..<count {
        let parent = MaxTreeNode(frontier[position]).parent
        guard parent.index != previous else { continue }
        previous = parent.index
        if repair(parent) {
          frontier[kept] = parent.index
          kept += 1
        }
      }
      written += kept
      count = kept
    }
    return written
  }

  /// Recomputes one inner node; true when its value changed.
  @inline(__always) @discardableResult
  private func repair(_ node: MaxTreeNode) -> Bool {
    let value = max(nodes[node.leftChild.index], nodes[node.rightChild.index])
    guard value != nodes[node.index] else { return false }
    nodes[node.index] = value
    return true
  }

  /// Calls `report(leaf, value)` for every leaf of at least `bound`, ascending; returns the nodes looked at.
  ///
  /// Complexity: O((1 + k) log L) comparisons for k reported leaves.
  @inline(__always)
  package func forEachLeaf(atLeast bound: Float, _ report: (Int, Float) -> Void) -> Int {
    guard shape.leafCount > 0 else { return 0 }
    var visited = 0
    var node = MaxTreeNode.root
    repeat {
      visited += 1
      let value = nodes[node.index]
      if value >= bound {
        if !shape.isLeaf(node) {
          node = node.leftChild
          continue
        }
        report(shape.leaf(of: node), value)
      }
      node = node.afterSubtree
    } while !node.isRoot
    return visited
  }

  /// Precondition of every method, checked in full: each inner node is the maximum of its children.
  package func checkInvariants() {
    for index in stride(from: shape.leafCount - 1, through: 1, by: -1) {
      let node = MaxTreeNode(index)
      precondition(
        nodes[index] == max(nodes[node.leftChild.index], nodes[node.rightChild.index]),
        "node \(index) is not the maximum of its children")
    }
  }
}
