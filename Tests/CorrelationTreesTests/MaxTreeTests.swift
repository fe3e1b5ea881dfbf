import Testing

import CorrelationTrees

@Suite struct MaxTreeShapeTests {
  @Test func leavesTakeTheLastNodesFromLeftToRight() {
    for count in 1...130 {
      let shape = MaxTreeShape(leafCount: count)
      let nodes = (0..<count).map { shape.node(ofLeaf: $0) }
      #expect(nodes.map(\.index).sorted() == Array(count..<2 * count))
      #expect(nodes.map { shape.leaf(of: $0) } == Array(0..<count))
      #expect(nodes.allSatisfy { shape.isLeaf($0) })
      // Walking the whole tree in preorder meets every node once, and the leaves in ascending order.
      var visited: [Int] = []
      var node = MaxTreeNode.root
      repeat {
        visited.append(node.index)
        node = shape.isLeaf(node) ? node.afterSubtree : node.leftChild
      } while !node.isRoot
      #expect(visited.sorted() == Array(1..<2 * count))
      #expect(visited.filter { $0 >= count }.map { shape.leaf(of: MaxTreeNode($0)) } == Array(0..<count))
    }
  }

  @Test func runsAreNeighboursInMemory() {
    for count in 1...20 {
      let shape = MaxTreeShape(leafCount: count)
      for low in 0...count {
        for high in low...count {
          let pairs = shape.runs(ofLeaves: low..<high).flatMap { run in
            run.leaves.map { ($0, run.firstNode + $0 - run.leaves.lowerBound) }
          }
          #expect(pairs.map(\.0) == Array(low..<high))
          #expect(pairs.allSatisfy { shape.node(ofLeaf: $0.0).index == $0.1 })
        }
      }
    }
  }
}

@Suite struct MaxTreeTests {
  /// Every assignment of three values to up to six leaves, every bound, every single change.
  @Test(arguments: 1...6)
  func exhaustivelyEqualsAPlainArray(count: Int) {
    var total = 1
    for _ in 0..<count { total *= 3 }
    for code in 0..<total {
      var leaves: [Float] = []
      var rest = code
      for _ in 0..<count {
        leaves.append(Float(rest % 3))
        rest /= 3
      }
      withTree(leaves) { tree in
        check(tree, equals: leaves)
        for leaf in 0..<count {
          for value in [0, 1, 2] as [Float] {
            _ = tree.setLeaf(leaf, to: value)
            var changed = leaves
            changed[leaf] = value
            check(tree, equals: changed)
            _ = tree.setLeaf(leaf, to: leaves[leaf])
          }
        }
      }
    }
  }

  /// Every subset of up to nine leaves is changed at once.
  @Test(arguments: 1...9)
  func repairsEverySubset(count: Int) {
    let before = (0..<count).map { Float($0 * 5 % 7) }
    for subset in 0..<(1 << count) {
      withTree(before) { tree in
        let chosen = (0..<Int32(count)).filter { subset >> Int($0) & 1 == 1 }
        var after = before
        for leaf in chosen {
          after[Int(leaf)] = Float((Int(leaf) * 3 + subset) % 8)
          tree.nodes[tree.shape.node(ofLeaf: Int(leaf)).index] = after[Int(leaf)]
        }
        var frontier = [Int](repeating: 0, count: count)
        chosen.withUnsafeBufferPointer { chosen in
          frontier.withUnsafeMutableBufferPointer { frontier in
            if let base = frontier.baseAddress { _ = tree.repairAncestors(of: chosen, frontier: base) }
          }
        }
        check(tree, equals: after)
      }
    }
  }

  /// A query visits no more than the nodes above and beside the reported leaves.
  @Test func visitsFollowTheBoundOfThePaper() {
    for count in [1, 2, 3, 63, 64, 65, 1000] {
      withTree((0..<count).map { Float($0 % 17) }) { tree in
        var depth = 1
        while 1 << (depth - 1) < count { depth += 1 }
        for bound in 0...17 {
          var reported = 0
          let visited = tree.forEachLeaf(atLeast: Float(bound)) { _, _ in reported += 1 }
          #expect(visited <= max(1, 2 * reported * depth))
        }
      }
    }
  }

  private func withTree(_ leaves: [Float], _ body: (MaxTree) -> Void) {
    let shape = MaxTreeShape(leafCount: leaves.count)
    var nodes = [Float](repeating: -.infinity, count: shape.slotCount)
    nodes.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let tree = MaxTree(shape: shape, nodes: base)
      for (leaf, value) in leaves.enumerated() { base[shape.node(ofLeaf: leaf).index] = value }
      tree.buildInnerNodes()
      body(tree)
    }
  }

  private func check(_ tree: MaxTree, equals leaves: [Float]) {
    tree.checkInvariants()
    for bound in [-1, 0, 0.5, 1, 2, 3] as [Float] {
      var found: [Int] = []
      _ = tree.forEachLeaf(atLeast: bound) { leaf, value in
        #expect(value == leaves[leaf])
        found.append(leaf)
      }
      #expect(found == leaves.indices.filter { leaves[$0] >= bound })
    }
  }
}
