import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

@Suite struct CandidateListsTests {
  /// Random replacements against a dictionary: lists that grow, shrink, move and are packed keep their content.
  @Test(arguments: 1...5)
  func listsKeepTheirContent(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let neurons = 40, planes = 3
    var lists = CandidateLists(neurons: neurons, planes: planes)
    var expected = [[(UInt16, Float)]](repeating: [], count: neurons)
    var marks = [Float](repeating: 0, count: neurons)
    for step in 0..<600 {
      let neuron = Int.random(in: 0..<neurons, using: &random)
      let count = Int.random(in: 0...(step % 97), using: &random)
      expected[neuron] = (0..<count).map { (UInt16($0 * 3), Float.random(in: 0..<1, using: &random)) }
      guard let shard = lists.shards.firstIndex(where: { $0.neurons.contains(neuron) }) else { return }
      let local = neuron - lists.shards[shard].neurons.lowerBound
      let (points, correlations) = (expected[neuron].map(\.0), expected[neuron].map(\.1))
      points.withUnsafeBufferPointer { points in
        correlations.withUnsafeBufferPointer {
          lists.shards[shard].replace(local, points: points, correlations: $0)
        }
      }
      marks[neuron] = Float(step)
      lists.shards[shard].withLists { lists in
        let list = lists[local]
        for k in 0..<list.count {
          #expect(list.plane(1)[k] == 0 && list.plane(2)[k] == 0)
          list.plane(2)[k] = Float(step)
        }
      }
      if step % 50 == 49 { check(&lists, expected, marks, seed: seed) }
    }
    #expect(lists.candidateCount == expected.reduce(0) { $0 + $1.count })
    // Waste is bounded: never more than about twice what the largest lists need.
    #expect(lists.memoryBytes < 60 * neurons * 97)
  }

  private func check(
    _ lists: inout CandidateLists, _ expected: [[(UInt16, Float)]], _ marks: [Float], seed: Int
  ) {
    for index in lists.shards.indices {
      let neurons = lists.shards[index].neurons
      lists.shards[index].withLists { lists in
        for (local, neuron) in neurons.enumerated() {
          let list = lists[local]
          #expect(list.count == expected[neuron].count, "seed \(seed)")
          for k in 0..<list.count {
            #expect(list.points[k] == expected[neuron][k].0 && list.plane(0)[k] == expected[neuron][k].1)
            #expect(list.plane(2)[k] == marks[neuron])
          }
        }
      }
    }
  }

  /// After any drift within the skin, every pair that fires is a candidate: random drifts, drifts along one point,
  /// duplicates, zero points, points of very different norm, sizes around sixteen.
  @Test(arguments: [1, 2, 15, 16, 17, 33, 300], [0.01, 0.3, 2] as [Float])
  func noPairFiresOutsideTheCandidates(count: Int, skin: Float) {
    var random = SeededGenerator(seed: UInt64(count))
    var x = random.matrix(rows: count, columns: 6)
    for i in 0..<count {
      let scale = [1, 1, 0.01, 30, 0][i % 5] as Float
      for c in 0..<6 { x[i, c] = i > 0 && i % 7 == 0 ? x[i - 1, c] : x[i, c] * scale }
    }
    let points = DataPoints.dense(x)
    let threshold: Float = 0.7
    let anchoring = Anchoring(points: points, threshold: threshold)
    let weights = random.matrix(rows: 20, columns: 6)
    let lists = weights.withView { view in
      [Float](repeating: skin, count: 20).withUnsafeBufferPointer { skins in
        guard let skins = skins.baseAddress else { return AnchoredLists() }
        return anchoring.candidates(of: view, points: points, skins: skins)
      }
    }
    var firing = 0
    for neuron in 0..<20 {
      let list = Set(lists.points[lists.offsets[neuron]..<lists.offsets[neuron + 1]])
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
            #expect(list.contains(UInt16(i)), "neuron \(neuron), point \(i)")
          }
        }
      }
    }
    #expect(count < 5 || firing > 0)
  }
}
