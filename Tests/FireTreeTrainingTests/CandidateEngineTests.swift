import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Engines with certificates, on many small problems: every step, every pair.
@Suite struct CandidateEngineTests {
  static let kinds: [EngineKind] = [.gram, .weights, .kinetic]
  static let momenta: [UpdateRule.Momentum] = [.none, .heavyBall(0.8), .nesterov(0.9)]

  /// Learning rates from tiny to the edge of divergence, so that few or many pairs change state in a step; data with
  /// duplicates, zero points, whole numbers that meet the threshold, and very different norms.
  @Test(arguments: kinds, momenta)
  func noPairIsMissed(kind: EngineKind, momentum: UpdateRule.Momentum) {
    var audited = FiringAudit()
    for rateFactor in [0.01, 0.3, 1.2] as [Float] {
      audited += audit(kind, momentum, rateFactor: rateFactor)
    }
    #expect(audited.compared > 1_500_000 && audited.firing > 150_000)
  }

  private func audit(
    _ kind: EngineKind, _ momentum: UpdateRule.Momentum, rateFactor: Float
  ) -> FiringAudit {
    var audited = FiringAudit()
    for seed in 1...40 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      let n = Int.random(in: 1...24, using: &random), m = Int.random(in: 1...90, using: &random)
      let d = Int.random(in: 1...7, using: &random), outputs = Int.random(in: 1...3, using: &random)
      var x =
        seed % 3 == 0
        ? random.wholeMatrix(rows: n, columns: d, range: -1...1) : random.unitRows(n, columns: d)
      if n > 3 { for c in 0..<d { x[1, c] = x[0, c]; x[2, c] = 0; x[3, c] *= 5 } }
      let points: DataPoints = seed % 2 == 0 ? .dense(x) : .sparse(x.sparse)
      let targets = random.matrix(rows: n, columns: outputs)
      let network = Memory.demand(
        try Network(
          neurons: m, dimension: d, outputs: outputs, threshold: Float(seed % 4) * 0.4, seed: seed))
      var engine = kind.make(network, points, rate: 0, momentum: momentum)
      let kernel = engine.kernel
      engine.rule.rate = rateFactor / Float(max(Memory.demand(try kernel.largestEigenvalue()), 0.1))
      var (path, before) = (Float(0), engine.outputs)
      for step in 0..<40 {
        engine.step(towards: targets)
        let audit = engine.audit()
        #expect(audit.missed == 0 && audit.extra == 0, "seed \(seed) step \(step)")
        audited += audit
        let moved = engine.network
        let exact = Memory.demand(try moved.outputs(for: points, workers: Workers(threads: 1)))
        // A correlation is a difference of numbers of this size.
        let scale =
          (DataPoints.dense(moved.hiddenWeights).norms().max() ?? 0) * (points.norms().max() ?? 0) + 1
        path += engine.outputs.distance(to: before)
        before = engine.outputs
        // Kinetic training adds the steps of its outputs up, each of them rounded to some units of a float.
        let bound = 5e-6 * scale + (kind == .kinetic ? 1e-6 * path : 0)
        #expect(engine.outputs.distance(to: exact) < bound, "seed \(seed) step \(step)")
        guard scale < 1e6 else { break }
      }
    }
    return audited
  }

  /// With skins from far too narrow to far too wide the answer is the same.
  @Test(arguments: [0.001, 0.02, 0.2, 1.5] as [Float])
  func everySkinGivesTheSameAnswer(skin: Float) throws {
    var random = SeededGenerator(seed: 5)
    let points = DataPoints.dense(random.unitRows(40, columns: 10)),
      targets = random.matrix(rows: 40, columns: 2)
    let network = try Network(neurons: 100, dimension: 10, outputs: 2, threshold: 0.9, seed: 2)
    var engine = Trainee.gram(network, points, UpdateRule(rate: 0.5), fixedSkin: skin)
    for step in 0..<60 {
      engine.step(towards: targets)
      let audit = engine.audit()
      #expect(audit.missed == 0 && audit.extra == 0, "step \(step)")
    }
  }

  /// The bound on the drift holds: the distance of the weight from its anchor, computed from the weights.
  @Test(arguments: momenta)
  func stepsAreNoLongerThanTheirBound(momentum: UpdateRule.Momentum) throws {
    var random = SeededGenerator(seed: 77)
    let points = DataPoints.dense(random.unitRows(30, columns: 12)),
      targets = random.matrix(rows: 30, columns: 2)
    let network = try Network(neurons: 60, dimension: 12, outputs: 2, threshold: 0.8, seed: 1)
    var engine = EngineKind.gram.make(network, points, rate: 0.3, momentum: momentum)
    var before = network.hiddenWeights
    var moved = 0
    for _ in 0..<50 {
      engine.step(towards: targets)
      let after = engine.network.hiddenWeights
      for neuron in 0..<60 {
        let length = zip(before.row(neuron), after.row(neuron)).reduce(0.0) {
          $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
        }.squareRoot()
        // Computing the weights rounds them by about 1e-6.
        if length > 1e-5 {
          moved += 1
          let bound = Double(try #require(engine.engine as? GramEngine).stepLength(of: neuron))
          #expect(bound > length - 3e-6 && bound < 1.01 * length + 1e-3)
        }
      }
      before = after
    }
    #expect(moved > 500)
  }
}
