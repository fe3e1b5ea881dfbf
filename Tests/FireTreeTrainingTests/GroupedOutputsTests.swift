import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Networks whose neurons feed one output each.
@Suite struct GroupedOutputsTests {
  /// Neuron r feeds output r mod C with sqrt(C) and the sign that it has in a full network; hidden weights are the same.
  @Test(arguments: [1, 2, 3, 10], HiddenWeights.Form.allCases)
  func theInitialNetwork(outputs: Int, form: HiddenWeights.Form) throws {
    for neurons in [1, 2, 9, 600] {
      let networks = try Network.OutputLayout.allCases.map {
        try Network(
          neurons: neurons, dimension: 3, outputs: outputs, threshold: 0.5, seed: 4, layout: $0, form: form)
      }
      let (full, grouped) = (networks[0], networks[1])
      #expect(grouped.hiddenWeights == full.hiddenWeights && grouped.threshold == full.threshold)
      for r in 0..<neurons {
        for c in 0..<outputs {
          #expect(abs(full.outputWeights[r, c]) == 1)
          let weight = full.outputWeights[r, c] * Float(outputs).squareRoot()
          #expect(grouped.outputWeights[r, c] == (c == r % outputs ? weight : 0))
        }
      }
      #expect(outputs > 1 || grouped == full)
    }
  }

  /// The outputs of a grouped network are those of C networks of output weights -1 and 1, one a group.
  @Test func outputsAreThoseOfTheGroups() throws {
    var random = SeededGenerator(seed: 3)
    let points = DataPoints.dense(random.unitRows(20, columns: 6))
    let network = try Network(
      neurons: 90, dimension: 6, outputs: 3, threshold: 0.3, seed: 2, layout: .grouped)
    let found = try network.outputs(for: points)
    for c in 0..<3 {
      let group = Swift.stride(from: c, to: 90, by: 3)
      let part = Memory.demand(
        try Network(
          hiddenWeights: Matrix(group.map { network.hiddenWeights.row($0) }),
          outputWeights: Matrix(group.map { [network.outputWeights[$0, c] < 0 ? -1 : 1] }), threshold: 0.3
        ).outputs(for: points))
      // 30 terms below 4, over sqrt(30).
      for i in 0..<20 { #expect(abs(found[i, c] - part[i, 0]) < 2e-5) }
    }
  }

  /// Every engine beside the dense one.
  @Test(
    arguments: EngineKind.allCases.filter { $0 != .dense },
    [UpdateRule.Momentum.none, .heavyBall(0.7), .nesterov(0.9)])
  func enginesAgree(kind: EngineKind, momentum: UpdateRule.Momentum) throws {
    for (neurons, points, outputs) in [(1, 1, 2), (2, 3, 5), (17, 5, 3), (257, 64, 2), (600, 65, 10)] {
      var random = SeededGenerator(seed: UInt64(neurons))
      var x = random.unitRows(points, columns: 7)
      if points > 2 { for c in 0..<7 { x[1, c] = x[0, c]; x[2, c] = 0 } }
      let targets = random.matrix(rows: points, columns: outputs)
      let network = try Network(
        neurons: neurons, dimension: 7, outputs: outputs, threshold: 0.4, seed: 2, layout: .grouped)
      let rate = 1 / Float(points)
      var dense = EngineKind.dense.make(network, .dense(x), rate: rate, momentum: momentum)
      let reference = dense.losses(targets: targets, iterations: 20)
      var engine = kind.make(network, .dense(x), rate: rate, momentum: momentum)
      let found = engine.losses(targets: targets, iterations: 20)
      for (found, expected) in zip(found, reference) {
        #expect(abs(found - expected) <= 1e-5 * expected + 1e-12, "\(neurons) neurons")
      }
      if points > 5 { #expect(reference[20] < reference[0]) }
      let audit = engine.audit()
      #expect(audit.compared == neurons * points && audit.missed == 0 && audit.extra == 0)
      #expect(engine.outputWeights == network.outputWeights)
    }
  }
}
