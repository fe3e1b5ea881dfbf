import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// A seeded network against its twin with stored weights: the same bits everywhere.
@Suite struct SeededNetworkTests {
  private static func problem(
    _ neurons: Int, isSparse: Bool
  ) -> (seeded: Network, stored: Network, points: DataPoints) {
    var random = SeededGenerator(seed: UInt64(neurons))
    let x = random.unitRows(70, columns: 19)
    let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    let seeded = random.seededNetwork(neurons: neurons, points: points, outputs: 3, threshold: 0.9)
    return (seeded, Memory.demand(try seeded.storing(workers: Workers(threads: 2))), points)
  }

  @Test(arguments: [1, 2, 17, 600, 5000], [false, true])
  func outputsHaveTheSameBits(neurons: Int, isSparse: Bool) throws {
    let (seeded, stored, points) = Self.problem(neurons, isSparse: isSparse)
    #expect(seeded.weights.form == .seeded && stored.weights.form == .stored)
    #expect(seeded.hiddenWeights == stored.hiddenWeights)
    // The combinations matter: without them the outputs are others.
    var random = SeededGenerator(seed: 77)
    let others = DataPoints.dense(random.unitRows(300, columns: 19))
    for points in [points, others] {
      let expected = Memory.demand(try stored.outputs(for: points, workers: Workers(threads: 1)))
      for threads in 1...3 {
        try #expect(seeded.outputs(for: points, workers: Workers(threads: threads)) == expected)
      }
      let bound = seeded.threshold.nextUp
      #expect(
        FiringSet(scanning: seeded.weights, points: points, atLeast: bound, workers: .all)
          == FiringSet(scanning: stored.weights, points: points, atLeast: bound, workers: .all))
    }
  }

  /// An engine that is given a seeded network trains what its twin trains.
  @Test(arguments: EngineKind.allCases) func enginesTakeSeededNetworks(kind: EngineKind) throws {
    let (seeded, stored, points) = Self.problem(600, isSparse: false)
    var random = SeededGenerator(seed: 1)
    let targets = random.matrix(rows: 70, columns: 3)
    var expected = kind.make(stored, points, rate: 0.1)
    var engine = kind.make(seeded, points, rate: 0.1)
    #expect(engine.firingSet == expected.firingSet)
    let (found, losses) = (
      engine.losses(targets: targets, iterations: 5), expected.losses(targets: targets, iterations: 5)
    )
    // The dense engine makes rows of coefficients again, which rounds otherwise.
    #expect(zip(found, losses).allSatisfy { abs($0 - $1) <= (kind == .dense ? 1e-5 : 0) * $1 })
    let audit = engine.audit()
    #expect(audit.firing > 1000 && audit.missed == 0 && audit.extra == 0)
  }

  /// Engines that are made of structured weights which training has moved find what fires without a row.
  @Test(arguments: EngineKind.allCases, InitialWeights.Start.allCases)
  func enginesTakeMovedStructuredNetworks(kind: EngineKind, start: InitialWeights.Start) throws {
    for (neurons, isSparse, share) in [
      (1, false, 0.2), (2, true, 0.2), (129, false, 0.05), (5001, true, 0.1),
    ] {
      for size in [Float(0.02), 1, 20] {
        var random = SeededGenerator(seed: UInt64(neurons))
        let x = random.unitRows(70, columns: 40)
        let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
        let combinations = random.combinations(rows: neurons, points: 70, share: share)
        let scaled = PointCombinations(
          rows: neurons,
          shards: combinations.shards.map {
            .init(
              rows: $0.rows, offsets: $0.offsets, points: $0.points,
              coefficients: $0.coefficients.map { $0 * size })
          })
        let initial = InitialWeights(
          seed: 5, rows: neurons, columns: 40, distribution: .hadamard, start: start)
        let network = Network(
          weights: .seeded(SeededWeights(initial: initial, points: points, combinations: scaled)),
          outputWeights: random.matrix(rows: neurons, columns: 2), threshold: 0.7)
        let dense = EngineKind.dense.make(try network.storing(), points, rate: 1e-6)
        let engine = kind.make(network, points, rate: 1e-6)
        let audit = engine.audit()
        #expect(audit.missed == 0 && audit.extra == 0 && abs(audit.firing - dense.firingPairs) <= 3)
        #expect(engine.outputs.distance(to: dense.outputs) <= 2e-5 * max(size, 1), "\(neurons), \(size)")
        #expect(neurons < 100 || audit.firing > 500)
      }
    }
  }

  /// Audits read seeded weights as they are.
  @Test func auditsOfASeededNetwork() {
    let (seeded, stored, points) = Self.problem(600, isSparse: false)
    let dense = EngineKind.dense.make(stored, points, rate: 0.1)
    func audit(claiming pairs: FiringSet) -> FiringAudit {
      Trainee(FalseEngine(dense, network: seeded, firing: { $0 = pairs })).audit()
    }
    let found = audit(claiming: dense.firingSet)
    #expect(found == dense.audit() && found.firing > 1000)
    let none = FiringSet(shards: dense.firingSet.shards.map { _ in FiringSet.Shard() })
    let nothing = audit(claiming: none)
    #expect(nothing.missed + nothing.ties == found.firing)
  }

  @Test func theInitialNetworkIsTheSameInBothForms() throws {
    let sizes = (neurons: 700, dimension: 21)
    func network(_ form: HiddenWeights.Form) -> Network {
      Memory.demand(
        try Network(
          neurons: sizes.neurons, dimension: sizes.dimension, outputs: 2, threshold: 1, seed: 4, form: form))
    }
    #expect(try network(.seeded).storing() == network(.stored) && network(.seeded) != network(.stored))
    #expect(network(.seeded).weights.memoryBytes == 0)
  }
}
