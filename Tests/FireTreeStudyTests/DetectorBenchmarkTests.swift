import FireTree
import FireTreeStudy
import Testing

@Suite struct DetectorBenchmarkTests {
  /// Every detector gives the answers of `LinearScan` on hard and on training instances, and counts its work.
  @Test func theBenchmarkComparesEveryPair() throws {
    for instance in DetectorBenchmark.instances(vectors: 300, factor: 3, seed: 1) {
      let rows = DetectorBenchmark.run(instance)
      #expect(rows.map(\.detector) == DetectorKind.allCases.map { "\($0.type)" })
      #expect(rows.allSatisfy { $0.pairsCompared == 180_000 && $0.pairsDifferent == 0 }, "\(instance.name)")
      let reported = instance.name == "no pair" ? 0 : instance.name == "planted pair" ? 1 : nil
      for row in rows {
        if let reported { #expect(row.query.pairsReported == reported && row.neuronsMoved == 300) }
        #expect(row.query.nodesVisited > 0 && row.buildSeconds > 0, "\(row.detector)")
      }
      if reported == nil { #expect(rows[0].query.pairsReported > 500 && rows[0].neuronsMoved > 250) }
    }
  }
}
