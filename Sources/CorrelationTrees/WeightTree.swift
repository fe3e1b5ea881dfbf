import FireTreeCore

/// The Correlation WTree of arXiv 2211.14227 ("Correlation WTree data structure"): for each neuron a
/// max-tree over its n correlations with the data points.
///
/// The weight is the one that is asked: `points(of:atLeast:)` descends one small tree. When a neuron moves, its n
/// correlations are computed anew and its tree is rebuilt, O(n d); nothing else is touched.
///
/// Layout: one row of `nodes` a neuron, each a `MaxTreeShape` over n leaves in 2 n slots. Invariant: every inner
/// node is the maximum of its children, leaf i of row r is s_ri.
///
/// Memory 8 n m bytes. Init O(n m d). Query by neuron O((1 + k) log n), of all pairs O(m + k log n).
public struct WeightTree: FiringDetector {
  public private(set) var points: DataPoints
  /// m x 2n.
  private var nodes: Matrix
  private let shape: MaxTreeShape

  public init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError) {
    self.points = points
    shape = MaxTreeShape(leafCount: points.count)
    nodes = try Matrix(allocating: weights.rows, by: shape.slotCount)
    update(.ascending(weights.rows), from: weights, workers: workers)
  }

  public var neuronCount: Int { nodes.rows }
  public var memoryBytes: Int { nodes.memoryBytes }
  public static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
    .matrix(rows: neurons, columns: points > Int.max / 2 ? .max : 2 * points)
  }

  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    let visited = MaxTreeShape.expectedVisits(leaves: points, share: share)
    return (Double(neurons) * visited, updated * Double(2 * points))
  }

  public func correlation(neuron: Int, point: Int) -> Float {
    nodes[neuron, shape.node(ofLeaf: point).index]
  }

  @discardableResult
  public mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
    let correlations = points.correlations(of: weights)
    nodes.withMutableView { nodes in
      let tree = MaxTree(shape: shape, nodes: nodes.row(neuron))
      for (point, value) in correlations.enumerated() {
        tree.nodes[shape.node(ofLeaf: point).index] = value
      }
      tree.buildInnerNodes()
    }
    return OperationCounts(innerProducts: pointCount, nodesWritten: 2 * pointCount - 1)
  }

  @discardableResult
  public mutating func update(
    _ neurons: [Int32], from weights: Matrix, workers: Workers
  ) -> OperationCounts {
    let last = pointCount
    nodes.withMutableView { nodes in
      points.forEachCorrelatedRow(of: neurons, from: weights, workers: workers) { neuron, points, row in
        let tree = MaxTree(shape: shape, nodes: nodes.row(neuron))
        for run in shape.runs(ofLeaves: points) {
          (tree.nodes + run.firstNode).update(
            from: row + (run.leaves.lowerBound - points.lowerBound), count: run.leaves.count)
        }
        if points.upperBound == last { tree.buildInnerNodes() }
      }
    }
    let pairs = neurons.count * pointCount
    return OperationCounts(innerProducts: pairs, nodesWritten: max(2 * pairs - neurons.count, 0))
  }

  @discardableResult
  public mutating func replacePoint(
    _ index: Int, with point: [Float], weights: Matrix, workers: Workers
  ) -> OperationCounts {
    points.replacePoint(index, with: point)
    let correlations = points.correlations(ofPoint: index, with: weights, workers: workers)
    var counts = OperationCounts(innerProducts: neuronCount)
    nodes.withMutableView { nodes in
      for (neuron, value) in correlations.enumerated() {
        counts.nodesWritten += MaxTree(shape: shape, nodes: nodes.row(neuron)).setLeaf(index, to: value)
      }
    }
    return counts
  }

  public func points(of neuron: Int, atLeast bound: Float) -> FiringList {
    var list = FiringList()
    let visited = withTree(neuron) { tree in
      tree.forEachLeaf(atLeast: bound) { list.append($0, $1) }
    }
    list.counts = OperationCounts(nodesVisited: visited, pairsReported: list.indices.count)
    return list
  }

  public func neurons(of point: Int, atLeast bound: Float) -> FiringList {
    var list = FiringList()
    for neuron in 0..<neuronCount {
      let value = correlation(neuron: neuron, point: point)
      if value >= bound { list.append(neuron, value) }
    }
    list.counts = OperationCounts(nodesVisited: neuronCount, pairsReported: list.indices.count)
    return list
  }

  public func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
    FiringSet.collect(neurons: neuronCount, workers: workers) { neuron, shard in
      withTree(neuron) { tree in
        tree.forEachLeaf(atLeast: bound) { shard.append(point: $0, correlation: $1) }
      }
    }
  }

  public func _checkInvariants() {
    precondition(nodes.columns == 2 * points.count)
    for neuron in 0..<neuronCount { withTree(neuron) { $0.checkInvariants() } }
  }

  @inline(__always)
  private func withTree<Result>(_ neuron: Int, _ body: (MaxTree) -> Result) -> Result {
    nodes.withView { nodes in
      // Read only: queries and checks write no node.
      body(MaxTree(shape: shape, nodes: UnsafeMutablePointer(mutating: nodes.row(neuron))))
    }
  }
}
