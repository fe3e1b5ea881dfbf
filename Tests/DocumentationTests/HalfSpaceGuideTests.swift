import FireTree
import FireTreeStudy
import Testing

/// The numbers of `Documentation/HalfSpace.md`, computed again.
@Suite struct HalfSpaceGuideTests {
  let guide: String

  init() throws { guide = try Repository.text("Documentation/HalfSpace.md") }

  private func expectGuide(contains text: String) {
    #expect(guide.contains(text), "the guide does not contain\n\(text)")
  }

  private func names(_ letter: String, _ indices: [Int32]) -> String {
    indices.isEmpty ? "-" : indices.map { "\(letter)_\($0)" }.joined(separator: ", ")
  }

  private let bound = GuideTests.threshold.nextUp

  @Test func theOnion() {
    let data = Memory.demand(
      try HalfSpaceData(
        weights: GuideTests.weights, points: GuideTests.points, workers: GuideTests.workers))
    var products = 0
    for r in 0..<3 {
      let list = data.points(of: r, atLeast: bound)
      expectGuide(
        contains:
          "| w_\(r) | \(list.counts.nodesVisited) | \(list.counts.innerProducts) | \(names("x", list.indices)) |"
      )
      products += list.counts.innerProducts
    }
    #expect(products == 7)
    expectGuide(contains: "Seven correlations of twelve were computed.")
  }

  @Test func theBalls() {
    let dual = Memory.demand(
      try HalfSpaceWeights(
        weights: GuideTests.weights, points: GuideTests.points, leafSize: 1, workers: GuideTests.workers))
    for i in 0..<4 {
      let list = dual.neurons(of: i, atLeast: bound)
      expectGuide(
        contains:
          "| x_\(i) | \(list.counts.nodesVisited) | \(list.counts.innerProducts) | \(names("w", list.indices)) |"
      )
    }
    let tree = Memory.demand(
      try BallTree(of: .dense(GuideTests.weights), leafSize: 1, workers: GuideTests.workers))
    #expect(tree.radii.dropFirst().map { ($0 * 1000).rounded() / 1000 } == [2.028, 0, 1.581, 0, 0, 0, 0])
    expectGuide(contains: "R = 2.028")
    expectGuide(contains: "R = 1.581")
  }

  /// What is said of the dimensions, to the percent.
  @Test(arguments: [2, 3, 5, 8, 12, 20, 50]) func theCurse(dimension: Int) throws {
    let rows = guide.split(separator: "\n").filter { $0.hasPrefix("| \(dimension) | ") }
    #expect(rows.count == 1)
    let cells = try #require(rows.first).split(separator: "|").map { $0.filter { $0.isNumber || $0 == "." } }
    let instance = DetectionInstance.training(neurons: 2000, points: 1000, dimension: dimension, seed: 1)
    // Throws when a detector's pairs are not those of `LinearScan`.
    let counts = try [DetectorKind.halfSpaceData, .halfSpaceWeights].map {
      try DetectorTiming(
        $0, weights: instance.weights, changed: instance.movedWeights.rows(0..<1),
        points: .dense(instance.points), bound: instance.bound, workers: .all
      ).counts
    }
    let found = [
      Double(counts[0].innerProducts) / 20_000, Double(counts[1].innerProducts) / 20_000,
      Double(counts[0].nodesVisited) / 2000, Double(counts[1].nodesVisited) / 1000,
    ]
    #expect(cells.count == 5)
    for (cell, value) in zip(cells.dropFirst(), found) {
      let said = try #require(Double(cell))
      #expect(abs(said - value) <= max(0.06, 0.02 * value), "d \(dimension): \(value), not \(said)")
    }
  }
}
