import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Networks that start with structured weights, with pairs of neurons, or with both.
@Suite struct StartTests {
  struct Start: CustomTestStringConvertible {
    var distribution: InitialWeights.Distribution
    var start: InitialWeights.Start
    var testDescription: String { "\(distribution.rawValue), \(start.rawValue)" }
  }

  static let starts = InitialWeights.Distribution.allCases.flatMap { distribution in
    InitialWeights.Start.allCases.map { Start(distribution: distribution, start: $0) }
  }

  private static func network(
    _ start: Start, neurons: Int = 301, dimension: Int = 40, outputs: Int = 3, threshold: Float = 0.8,
    layout: Network.OutputLayout = .full, form: HiddenWeights.Form = .seeded, threads: Int = 2
  ) throws -> Network {
    try Network(
      neurons: neurons, dimension: dimension, outputs: outputs, threshold: threshold, seed: 21,
      layout: layout,
      form: form, initial: start.distribution, start: start.start, workers: Workers(threads: threads))
  }

  // MARK: - The network

  @Test(arguments: starts, Network.OutputLayout.allCases)
  func rowsAndOutputWeights(start: Start, layout: Network.OutputLayout) throws {
    for neurons in [1, 2, 3, 64, 301] {
      let network = try Self.network(start, neurons: neurons, layout: layout)
      let wider = try Self.network(start, neurons: neurons + 7, layout: layout)
      let (rows, widerRows) = (network.hiddenWeights, wider.hiddenWeights)
      let whole = start.start == .paired ? neurons / 2 * 2 : neurons
      for r in 0..<neurons {
        #expect(rows.row(r) == widerRows.row(r), "row \(r) of \(neurons)")
        let a = network.outputWeights.row(r)
        #expect(r >= whole ? a == [0, 0, 0] : a.contains { $0 != 0 }, "neuron \(r) of \(neurons)")
        guard start.start == .paired else { continue }
        if layout == .grouped, r < whole { #expect(a[r / 2 % 3] != 0) }
        guard r % 2 == 1 else { continue }
        #expect(rows.row(r) == rows.row(r - 1) && a == network.outputWeights.row(r - 1).map { -$0 })
      }
      let distinct = Set((0..<neurons).map { rows.row($0) })
      #expect(distinct.count == (start.start == .paired ? (neurons + 1) / 2 : neurons))
      #expect(network.weights.initial?.baseRows == distinct.count)
      for chosen in [[0], [neurons - 1], (0..<neurons).filter { $0 % 3 != 1 }] {
        let numbers = chosen.map(Int32.init)
        numbers.withUnsafeBufferPointer {
          network.weights.forEachTile(of: $0, size: 5) { range, tile in
            for (slot, position) in range.enumerated() {
              #expect((0..<tile.columns).allSatisfy { tile[slot, $0] == rows[chosen[position], $0] })
            }
          }
        }
      }
    }
  }

  /// A pair's effects cancel, also in a dense pass, up to rounding.
  @Test(arguments: InitialWeights.Distribution.allCases, EngineKind.allCases)
  func pairedOutputsAreZero(distribution: InitialWeights.Distribution, kind: EngineKind) throws {
    var random = SeededGenerator(seed: 8)
    let points = DataPoints.dense(random.unitRows(50, columns: 40))
    for neurons in [2, 301, 1000] {
      let network = try Self.network(Start(distribution: distribution, start: .paired), neurons: neurons)
      let engine = kind.make(network, points, rate: 0.1)
      let largest = (0..<50).reduce(Float(0)) { max($0, engine.outputs.row($1).map(abs).max() ?? 0) }
      #expect(largest <= 1e-6, "\(largest)")
      #expect(neurons < 3 || engine.firingSet.pairCount > 0)
    }
  }

  // MARK: - Training

  /// Every engine, whatever the start: no pair is missed, and losses are those of the dense engine.
  @Test(arguments: EngineKind.allCases, starts)
  func trajectoriesAreThoseOfDense(kind: EngineKind, start: Start) throws {
    for (seed, layout, isSparse) in [
      (1, Network.OutputLayout.full, false), (2, .grouped, true), (3, .full, true),
    ] {
      var random = SeededGenerator(seed: UInt64(seed))
      let x = random.unitRows(60, columns: 40)
      let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
      let targets = random.matrix(rows: 60, columns: 3)
      for momentum in [UpdateRule.Momentum.none, .nesterov(0.9)] {
        let network = try Self.network(start, layout: layout)
        var dense = EngineKind.dense.make(network, points, rate: 0.05, momentum: momentum)
        let expected = dense.losses(targets: targets, iterations: 12)
        var engine = kind.make(network, points, rate: 0.05, momentum: momentum)
        for (step, loss) in expected.enumerated() {
          let found = engine.loss(targets)
          #expect(abs(found - loss) <= 2e-5 * loss, "step \(step), \(momentum), \(layout)")
          let audit = FiringAudit(of: engine.engine)
          #expect(audit.missed == 0 && audit.extra == 0, "step \(step), \(momentum), \(layout)")
          engine.step(towards: targets)
        }
      }
    }
  }

  /// The bits do not depend on the number of threads, nor on the form in which the weights are held.
  @Test(arguments: [EngineKind.gram, .weights, .kinetic], starts)
  func threadsAndFormsDoNotChangeBits(kind: EngineKind, start: Start) throws {
    var random = SeededGenerator(seed: 5)
    let points = DataPoints.dense(random.unitRows(70, columns: 40))
    let targets = random.matrix(rows: 70, columns: 3)
    var all: [[Double]] = []
    for threads in 1...3 {
      let network = try Self.network(start, neurons: 600, threads: threads)
      var engine = kind.make(network, points, rate: 0.05, threads: threads)
      all.append(engine.losses(targets: targets, iterations: 8))
    }
    #expect(all[1] == all[0] && all[2] == all[0])
  }

  /// A first pass over several lists a neuron and several rounds finds what the dense pass finds.
  @Test(arguments: starts) func manyBlocksOfPointsAndRounds(start: Start) throws {
    var random = SeededGenerator(seed: 6)
    let points = DataPoints.dense(random.unitRows(100, columns: 5))
    let network = try Self.network(start, neurons: 150_001, dimension: 5, threshold: 2.5)
    let engine = try WeightEngine(
      TrainingState(network: network), points: points, expecting: UpdateRule(rate: 0.1),
      team: LocalTeam(workers: Workers(threads: 2)), pointsPerBlock: 33)
    let audit = FiringAudit(of: engine)
    #expect(audit.missed == 0 && audit.extra == 0 && audit.firing > 10_000 && audit.compared == 15_000_100)
    #expect(
      engine.firingPairs >= audit.firing - audit.ties && engine.firingPairs <= audit.firing + audit.ties)
  }

  @Test func structuredWeightsOfTooManyInputs() {
    let error = #expect(throws: FireTreeError.self) {
      try Network(
        neurons: 3, dimension: 4097, outputs: 1, threshold: 1, seed: 0, initial: .hadamard)
    }
    #expect(
      error
        == .usage(
          "structured weights take from 1 to 4096 inputs, beyond which they are not exact, not 4097"))
  }
}
