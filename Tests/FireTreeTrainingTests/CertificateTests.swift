import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import Foundation
import TestSupport
import Testing

/// Certificates under drifts that they like least, until a given number of pairs has been compared.
///
/// `FIRETREE_PAIR_CHECKS` says how many; `make check` asks for a billion.
@Suite struct CertificateTests {
  /// An engine with certificates, in one of its modes.
  struct Mode: Sendable, CustomTestStringConvertible {
    let kind: EngineKind
    let momentum: UpdateRule.Momentum
    var pointsPerBlock: Int?
    var isSeeded = false

    var testDescription: String {
      "\(kind.rawValue) \(momentum)\(pointsPerBlock.map { ", blocks of \($0)" } ?? "")\(isSeeded ? ", seeded" : "")"
    }

    func make(
      _ network: Network, _ points: DataPoints, rate: Float, threads: Int = 2
    ) -> Trainee {
      guard let pointsPerBlock else {
        return kind.make(network, points, rate: rate, momentum: momentum, threads: threads)
      }
      return .weights(
        network, points, UpdateRule(rate: rate, momentum: momentum),
        pointsPerBlock: pointsPerBlock, threads: threads)
    }
  }

  static let modes: [Mode] = CandidateEngineTests.momenta.flatMap { momentum in
    CandidateEngineTests.kinds.map { Mode(kind: $0, momentum: momentum) } + [
      Mode(kind: .weights, momentum: momentum, pointsPerBlock: 37),
      Mode(kind: .gram, momentum: momentum, isSeeded: true),
    ]
  }

  #if DEBUG
    private static let shortChecks = 2_000_000
  #else
    private static let shortChecks = 20_000_000
  #endif
  private static let checks =
    ProcessInfo.processInfo.environment["FIRETREE_PAIR_CHECKS"].flatMap(Int.init) ?? shortChecks

  /// Not one pair is missed: random drifts, all movement along one x, points that are the same, of very different norm,
  /// on the threshold.
  @Test(arguments: modes)
  func noPairIsMissed(mode: Mode) {
    var audited = FiringAudit()
    var seed: UInt64 = 0
    // Every layout with every drive on small problems, and then larger ones.
    while seed < 25 || audited.compared < Self.checks / Self.modes.count {
      audited += audit(mode, seed: seed, points: seed < 25 ? 60 : 300, neurons: seed < 25 ? 80 : 500)
      seed += 1
    }
    #expect(audited.missed == 0 && audited.extra == 0)
    #expect(audited.firing > audited.compared / 200 && audited.firing < audited.compared / 2)
  }

  private func audit(_ mode: Mode, seed: UInt64, points: Int, neurons: Int) -> FiringAudit {
    var problem = AdversarialProblem(seed: seed, points: points, neurons: neurons)
    var network = problem.network
    if mode.isSeeded, problem.layout != .whole {
      network = Memory.demand(
        try Network(
          neurons: network.neuronCount, dimension: network.dimension, outputs: network.outputCount,
          threshold: network.threshold, seed: seed, form: .seeded))
    }
    var engine = mode.make(network, problem.points, rate: problem.rate)
    var audited = FiringAudit()
    for step in 0..<40 {
      let audit = engine.audit()
      #expect(
        audit.missed == 0 && audit.extra == 0,
        "seed \(seed), \(problem.layout), \(problem.drive), step \(step)")
      audited += audit
      let gradient = problem.nextGradient(outputs: engine.outputs)
      engine.step(gradient)
    }
    return audited
  }

  /// More points than 16 bits number: the last of the first list, the first of the second.
  @Test func morePointsThan16Bits() throws {
    var random = SeededGenerator(seed: 6)
    let count = CandidateLists.maximumPoints + 700
    let points = DataPoints.dense(random.unitRows(count, columns: 4))
    let network = try Network(neurons: 24, dimension: 4, outputs: 2, threshold: 2, seed: 3)
    var engine = EngineKind.weights.make(network, points, rate: 3e-3)
    let targets = random.matrix(rows: count, columns: 2)
    var (audited, anchored) = (FiringAudit(), 0)
    for _ in 0..<12 {
      anchored += engine.step(towards: targets).counts[.neuronsAnchored]
      audited += engine.audit()
    }
    #expect(audited.missed == 0 && audited.extra == 0)
    #expect(audited.firing > 100_000 && anchored > 5)
    let exact = try engine.network.outputs(for: points)
    #expect(engine.outputs.distance(to: exact) < 1e-5)
    var beyond = 0
    engine.firingSet.forEachPair { _, i, _ in beyond += i >= CandidateLists.maximumPoints ? 1 : 0 }
    #expect(beyond > 10)
  }

  /// The same bits on any number of threads, in every mode, over enough steps that neurons are anchored anew.
  @Test(arguments: modes, [false, true])
  func threadsDoNotChangeBits(mode: Mode, isSparse: Bool) throws {
    var random = SeededGenerator(seed: 4)
    let x = random.unitRows(90, columns: 30), targets = random.matrix(rows: 90, columns: 4)
    let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    let network = try Network(
      neurons: 1500, dimension: 30, outputs: 4, threshold: 1, seed: 9,
      form: mode.isSeeded ? .seeded : .stored)
    var results: [Matrix] = []
    for threads in [1, 2, 3, 8] {
      var engine = mode.make(network, points, rate: 0.3, threads: threads)
      var counts: Counters = [:]
      for _ in 0..<30 {
        counts += engine.step(towards: targets).counts
      }
      // Kinetic training follows most changes without an anchor.
      #expect(counts[.neuronsAnchored] + counts[.pairsChanged] > 400 && counts[.neuronsAnchored] > 0)
      results.append(engine.network.hiddenWeights)
    }
    #expect(results.allSatisfy { $0 == results[0] } && results[0] != network.hiddenWeights)
  }
}
