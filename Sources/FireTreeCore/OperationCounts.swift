/// How much work a detector did, in the units of the complexity statements. Returned by value; counts of shards, steps
/// and machines add up.
public struct OperationCounts: Sendable, Equatable {
  /// Inner products of a weight with a data point, each of d (or nnz) multiply-adds.
  public var innerProducts = 0
  /// Tree nodes, or stored correlations, that a query looked at.
  public var nodesVisited = 0
  /// Tree nodes, or stored correlations, that an update wrote.
  public var nodesWritten = 0
  /// Firing pairs that a query reported.
  public var pairsReported = 0

  public init(innerProducts: Int = 0, nodesVisited: Int = 0, nodesWritten: Int = 0, pairsReported: Int = 0) {
    self.innerProducts = innerProducts
    self.nodesVisited = nodesVisited
    self.nodesWritten = nodesWritten
    self.pairsReported = pairsReported
  }

  public static func + (a: OperationCounts, b: OperationCounts) -> OperationCounts {
    OperationCounts(
      innerProducts: a.innerProducts + b.innerProducts, nodesVisited: a.nodesVisited + b.nodesVisited,
      nodesWritten: a.nodesWritten + b.nodesWritten, pairsReported: a.pairsReported + b.pairsReported)
  }

  public static func += (a: inout OperationCounts, b: OperationCounts) { a = a + b }
}
