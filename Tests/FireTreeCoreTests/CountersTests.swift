import FireTreeCore
import Testing

@Suite struct CountersTests {
  /// Sums hold what either counts, a count of 0 too, and nothing else.
  @Test func countersAddUp() {
    var sum: Counters = [.neuronsAnchored: 2, .pairsChanged: 0]
    sum += [.neuronsAnchored: 3, .neuronsLookedAt: 1]
    #expect(sum == [.neuronsAnchored: 5, .neuronsLookedAt: 1, .pairsChanged: 0])
    #expect(sum[.neuronsAnchored] == 5 && sum[.innerProducts] == 0)
    #expect(sum.byName == ["neurons_anchored": 5, "neurons_looked_at": 1, "pairs_changed": 0])
  }

  @Test func detectorsAddWhatTheyCount() {
    var counters: Counters = [:]
    counters += OperationCounts(innerProducts: 1, nodesVisited: 2, nodesWritten: 3, pairsReported: 4)
    #expect(
      counters.byName == ["inner_products": 1, "nodes_visited": 2, "nodes_written": 3, "pairs_reported": 4])
  }
}
