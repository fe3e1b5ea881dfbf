import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Data of many columns: rounding grows with the terms of a product, which on sparse points are few.
@Suite struct WideDataTests {
  /// 40 points of unit norm, each with `terms` elements in `columns` columns, and 200 neurons.
  private struct Problem {
    let points: DataPoints
    let targets: Matrix
    let network: Network

    init(columns: Int, terms: Int) {
      var random = SeededGenerator(seed: 12)
      let values = random.unitRows(40, columns: terms)
      if terms < columns {
        let indices = (0..<40).flatMap { _ in
          // One in each of as many blocks, so that they ascend; some points share some of them.
          (0..<terms).map { Int32($0 * columns / terms + Int.random(in: 0..<5, using: &random)) }
        }
        points = .sparse(
          SparseRows(
            columns: columns, offsets: (0...40).map { $0 * terms }, columnIndices: indices,
            values: Array(values.elements.joined())))
      } else {
        points = .dense(values)
      }
      targets = random.matrix(rows: 40, columns: 2)
      network = Memory.demand(
        try Network(neurons: 200, dimension: columns, outputs: 2, threshold: 1, seed: 3))
    }

    /// What is found of an engine that misses one pair, which exceeds the threshold by an excess in `range`.
    func auditMissingAPair(_ range: ClosedRange<Float>) throws -> FiringAudit {
      let dense = EngineKind.dense.make(network, points, rate: 0)
      var missed: [(Int, Int)] = []
      dense.firingSet.forEachPair { neuron, point, s in
        if range.contains(s - network.threshold) { missed.append((neuron, point)) }
      }
      let (neuron, point) = try #require(missed.first)
      return Trainee(FalseEngine(dense, firing: { $0.remove(neuron, point) })).audit()
    }
  }

  /// 20 terms in 50,000 columns: an inner product is off by at most 20 u |w| |x|, about 3e-4.
  @Test func aPairMissedOnSparsePointsIsSeen() throws {
    let problem = Problem(columns: 50_000, terms: 20)
    let audit = try problem.auditMissingAPair(0.01...0.3)
    #expect(audit.compared == 8000 && audit.firing > 500 && audit.extra == 0)
    #expect(audit.missed == 1 && audit.ties == 0)
  }

  /// 10,000 terms: off by at most 0.06 if every rounding has the same sign, and by 3e-3 but for five standard deviations.
  @Test func aPairMissedOnDensePointsIsSeen() throws {
    let problem = Problem(columns: 10_000, terms: 10_000)
    let far = try problem.auditMissingAPair(0.2...0.5)
    #expect(far.compared == 8000 && far.firing > 500 && far.missed == 1 && far.extra == 0)
    let near = try problem.auditMissingAPair(0.02...0.1)
    #expect(near.missed == 1 && near.ties == 0)
  }

  /// Engines miss nothing, and their losses are those of a dense pass over their own weights.
  @Test(arguments: EngineKind.allCases) func enginesAreExactOnWideSparsePoints(kind: EngineKind) {
    let problem = Problem(columns: 50_000, terms: 20)
    var engine = kind.make(problem.network, problem.points, rate: 0.5, momentum: .nesterov(0.9))
    let first = engine.loss(problem.targets)
    for step in 0..<6 {
      engine.step(towards: problem.targets)
      let own = SquaredLoss().value(
        outputs: Memory.demand(try engine.network.outputs(for: problem.points)),
        truth: Supervision(targets: problem.targets))
      #expect(abs(engine.loss(problem.targets) - own) <= 1e-5 * own, "step \(step)")
      let audit = engine.audit()
      #expect(audit.firing > 500 && audit.missed == 0 && audit.extra == 0, "step \(step)")
    }
    #expect(engine.loss(problem.targets) < first)
  }
}

extension FiringSet {
  /// Precondition: the pair is in the set.
  fileprivate mutating func remove(_ neuron: Int, _ point: Int) {
    shards = shards.map { shard in
      var result = Shard()
      for (k, row) in shard.neurons.enumerated() {
        for position in shard.offsets[k]..<shard.offsets[k + 1]
        where Int(row) != neuron || Int(shard.points[position]) != point {
          result.append(point: Int(shard.points[position]), correlation: shard.correlations[position])
        }
        result.endRow(of: Int(row))
      }
      return result
    }
  }
}
