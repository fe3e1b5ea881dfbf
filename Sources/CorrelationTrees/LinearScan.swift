import FireTreeCore

/// The plain detector: all correlations in a matrix, every query a scan. What the trees are compared with.
///
/// Memory 4 n m bytes. Update O(n d); query by neuron O(n), by point O(m), of all pairs O(n m).
public struct LinearScan: FiringDetector {
  public private(set) var points: DataPoints
  /// s_ri, one neuron a row (m x n).
  private var correlations: Matrix

  public init(weights: Matrix, points: DataPoints, workers: Workers) throws(FireTreeError) {
    self.points = points
    correlations = try Matrix(allocating: weights.rows, by: points.count)
    update(.ascending(weights.rows), from: weights, workers: workers)
  }

  public var neuronCount: Int { correlations.rows }
  public var memoryBytes: Int { correlations.memoryBytes }
  public static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
    .matrix(rows: neurons, columns: points)
  }

  public func correlation(neuron: Int, point: Int) -> Float { correlations[neuron, point] }

  @discardableResult
  public mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
    for (point, value) in points.correlations(of: weights).enumerated() {
      correlations[neuron, point] = value
    }
    return OperationCounts(innerProducts: pointCount, nodesWritten: pointCount)
  }

  @discardableResult
  public mutating func update(
    _ neurons: [Int32], from weights: Matrix, workers: Workers
  ) -> OperationCounts {
    correlations.withMutableView { correlations in
      points.forEachCorrelatedRow(of: neurons, from: weights, workers: workers) { neuron, points, row in
        (correlations.row(neuron) + points.lowerBound).update(from: row, count: points.count)
      }
    }
    let pairs = neurons.count * pointCount
    return OperationCounts(innerProducts: pairs, nodesWritten: pairs)
  }

  @discardableResult
  public mutating func replacePoint(
    _ index: Int, with point: [Float], weights: Matrix, workers: Workers
  ) -> OperationCounts {
    points.replacePoint(index, with: point)
    for (neuron, value) in points.correlations(ofPoint: index, with: weights, workers: workers).enumerated() {
      correlations[neuron, index] = value
    }
    return OperationCounts(innerProducts: neuronCount, nodesWritten: neuronCount)
  }

  public func points(of neuron: Int, atLeast bound: Float) -> FiringList {
    var list = FiringList()
    for point in 0..<pointCount where correlations[neuron, point] >= bound {
      list.append(point, correlations[neuron, point])
    }
    list.counts = OperationCounts(nodesVisited: pointCount, pairsReported: list.indices.count)
    return list
  }

  public func neurons(of point: Int, atLeast bound: Float) -> FiringList {
    var list = FiringList()
    for neuron in 0..<neuronCount where correlations[neuron, point] >= bound {
      list.append(neuron, correlations[neuron, point])
    }
    list.counts = OperationCounts(nodesVisited: neuronCount, pairsReported: list.indices.count)
    return list
  }

  public func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
    FiringSet.collect(neurons: neuronCount, workers: workers) { neuron, shard in
      correlations.withView { correlations in
        let row = correlations.row(neuron)
        for point in 0..<correlations.columns where row[point] >= bound {
          shard.append(point: point, correlation: row[point])
        }
        return correlations.columns
      }
    }
  }

  public func _checkInvariants() {
    precondition(correlations.columns == points.count)
  }
}
