/// What a step of an engine did, by name: only what that engine counts. Counts of shards, steps and machines add up.
public struct Counters: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// What is counted, under its name in JSON.
  public enum Name: String, Sendable {
    /// Inner products of a weight with a data point, each of d (or nnz) multiply-adds.
    case innerProducts = "inner_products"
    /// Tree nodes, or stored correlations, that a query of a detector looked at.
    case nodesVisited = "nodes_visited"
    /// Tree nodes, or stored correlations, that an update of a detector wrote.
    case nodesWritten = "nodes_written"
    /// Firing pairs that a query of a detector reported.
    case pairsReported = "pairs_reported"
    /// Candidates whose correlations were computed.
    case candidatesComputed = "candidates_computed"
    /// Neurons whose anchors were moved to where they are.
    case neuronsAnchored = "neurons_anchored"
    /// Neurons that may have changed state and were looked at.
    case neuronsLookedAt = "neurons_looked_at"
    /// Pairs that came to fire, or ceased to, of neurons that were not anchored.
    case pairsChanged = "pairs_changed"
    /// Products with the tangent kernel, for a step of Gauss-Newton.
    case kernelProducts = "kernel_products"
    /// Steps of Gauss-Newton that did not lower the objective.
    case stepsTakenBack = "steps_taken_back"
  }

  private var values: [Name: Int]

  public init(dictionaryLiteral elements: (Name, Int)...) {
    values = Dictionary(elements, uniquingKeysWith: +)
  }

  /// 0 for what is not counted.
  public subscript(name: Name) -> Int { values[name] ?? 0 }

  /// What is counted, under its name in JSON.
  public var byName: [String: Int] {
    Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) })
  }

  public static func += (a: inout Counters, b: Counters) { a.values.merge(b.values, uniquingKeysWith: +) }

  /// Adds what a detector did.
  public static func += (a: inout Counters, b: OperationCounts) {
    a += [
      .innerProducts: b.innerProducts, .nodesVisited: b.nodesVisited, .nodesWritten: b.nodesWritten,
      .pairsReported: b.pairsReported,
    ]
  }
}
