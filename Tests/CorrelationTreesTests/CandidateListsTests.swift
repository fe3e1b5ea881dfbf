import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

@Suite struct CandidateListsTests {
  /// Random replacements against an array: lists that grow, shrink, move and are packed keep their content.
  @Test(arguments: 1...5, [1, 3])
  func listsKeepTheirContent(seed: Int, blocks: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let neurons = 40, planes = 3
    var lists = Memory.demand(try CandidateLists(neurons: neurons, planes: planes, blocks: blocks))
    // The lists of a neuron follow each other.
    var expected = [[(UInt16, Float)]](repeating: [], count: neurons * blocks)
    var marks = [Float](repeating: 0, count: neurons * blocks)
    for step in 0..<600 {
      let index = Int.random(in: 0..<neurons * blocks, using: &random)
      let (neuron, block) = (index / blocks, index % blocks)
      let count = Int.random(in: 0...(step % 97), using: &random)
      expected[index] = (0..<count).map { (UInt16($0 * 3), Float.random(in: 0..<1, using: &random)) }
      guard let shard = lists.shards.firstIndex(where: { $0.neurons.contains(neuron) }) else { return }
      let local = neuron - lists.shards[shard].neurons.lowerBound
      let (points, correlations) = (expected[index].map(\.0), expected[index].map(\.1))
      points.withUnsafeBufferPointer { points in
        correlations.withUnsafeBufferPointer {
          lists.shards[shard].replace(local, block: block, points: points, correlations: $0)
        }
      }
      marks[index] = Float(step)
      lists.shards[shard].withLists { lists in
        let list = lists[local, block: block]
        for k in 0..<list.count {
          #expect(list.plane(1)[k] == 0 && list.plane(2)[k] == 0)
          list.plane(2)[k] = Float(step)
        }
      }
      if step % 50 == 49 { check(&lists, expected, marks, blocks: blocks, seed: seed) }
    }
    #expect(lists.candidateCount == expected.reduce(0) { $0 + $1.count })
    // Waste is bounded: never more than about twice what the largest lists need.
    #expect(lists.memoryBytes < 60 * neurons * blocks * 97)
  }

  private func check(
    _ lists: inout CandidateLists, _ expected: [[(UInt16, Float)]], _ marks: [Float], blocks: Int, seed: Int
  ) {
    for index in lists.shards.indices {
      let neurons = lists.shards[index].neurons
      lists.shards[index].withLists { lists in
        for index in neurons.lowerBound * blocks..<neurons.upperBound * blocks {
          let list = lists[index / blocks - neurons.lowerBound, block: index % blocks]
          #expect(list.count == expected[index].count, "seed \(seed)")
          for k in 0..<list.count {
            #expect(list.points[k] == expected[index][k].0 && list.plane(0)[k] == expected[index][k].1)
            #expect(list.plane(2)[k] == marks[index])
          }
        }
      }
    }
  }

  /// After any drift within the skin, every pair that fires is a candidate: random drifts, drifts along one point,
  /// duplicates, zero points, points of very different norm, sizes around sixteen.
  @Test(
    arguments: [(1, 1), (2, 2), (15, 4), (16, 16), (17, 16), (33, 40), (300, 300), (300, 37)],
    [0.01, 0.3, 2] as [Float])
  func noPairFiresOutsideTheCandidates(sizes: (count: Int, block: Int), skin: Float) {
    let count = sizes.count, blocks = Tiles(of: count, size: sizes.block)
    var random = SeededGenerator(seed: UInt64(count))
    var x = random.matrix(rows: count, columns: 6)
    for i in 0..<count {
      let scale = [1, 1, 0.01, 30, 0][i % 5] as Float
      for c in 0..<6 { x[i, c] = i > 0 && i % 7 == 0 ? x[i - 1, c] : x[i, c] * scale }
    }
    let points = DataPoints.dense(x)
    let threshold: Float = 0.7
    let anchoring = Memory.demand(try Anchoring(points: points, threshold: threshold))
    let weights = random.matrix(rows: 20, columns: 6)
    let lists = weights.withView { view in
      [Float](repeating: skin, count: 20).withUnsafeBufferPointer { skins in
        guard let skins = skins.baseAddress else { return AnchoredLists() }
        return anchoring.candidates(of: view, skins: skins, blocks: blocks)
      }
    }
    var firing = 0
    for neuron in 0..<20 {
      let list = candidates(lists, of: neuron, blocks)
      for trial in 0..<60 {
        // Half of the drifts go straight along a point, the worst direction for its certificate.
        var drift = trial % 2 == 0 ? x.row(trial % count) : random.matrix(rows: 1, columns: 6).row(0)
        let length = drift.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0 else { continue }
        drift = drift.map { $0 / length * skin * (1 - 1e-5) }
        for i in 0..<count {
          let moved = (0..<6).reduce(0.0) {
            $0 + (Double(weights[neuron, $1]) + Double(drift[$1])) * Double(x[i, $1])
          }
          if moved > Double(threshold) {
            firing += 1
            #expect(list.contains(i), "neuron \(neuron), point \(i)")
          }
        }
      }
    }
    #expect(count < 5 || firing > 0)
  }

  /// The candidates of a neuron, as points of the data.
  private func candidates(_ lists: AnchoredLists, of neuron: Int, _ blocks: Tiles) -> Set<Int> {
    (0..<blocks.count).reduce(into: []) { result, block in
      lists.withCandidates(of: neuron, block: block) { points, correlations in
        #expect(points.count == correlations.count)
        result.formUnion(points.map { blocks[block].lowerBound + Int($0) })
      }
    }
  }
}
