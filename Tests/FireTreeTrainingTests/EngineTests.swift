import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import Foundation
import TestSupport
import Testing

@Suite struct EngineTests {
  /// A step worked by hand. b = 1, x_1 = (1, 0), x_2 = (0, 1), m = 4, C = 1, so 1 / sqrt(m) = 1/2:
  ///
  ///     w     (3, 0)  (0, 2)  (2, 2)  (1, 1)      (1, 1) lies on the threshold and does not fire
  ///     a        1      -1       1       1
  ///     s_1      3       0       2       1         f_1 = (2 + 1) / 2 = 3/2
  ///     s_2      0       2       2       1         f_2 = (-1 + 1) / 2 = 0
  ///
  /// y = (1/2, 1): g = (1, -1), L = 1/2 (1 + 1) = 1. dL/dw_r = 1/2 sum a_r g_i x_i over the firing pairs:
  /// (1/2, 0), (0, 1/2), (1/2, -1/2), (0, 0). With eta = 1: w = (2.5, 0), (0, 1.5), (1.5, 2.5), (1, 1), and
  /// f_1 = (1.5 + 0.5) / 2 = 1, f_2 = (-0.5 + 1.5) / 2 = 1/2, L = 1/2 (1/4 + 1/4) = 1/4.
  @Test(arguments: EngineKind.allCases)
  func handWorkedStep(kind: EngineKind) {
    let network = Network(
      hiddenWeights: Matrix([[3, 0], [0, 2], [2, 2], [1, 1]]), outputWeights: Matrix([[1], [-1], [1], [1]]),
      threshold: 1)
    let targets = Matrix([[0.5], [1]])
    var engine = kind.make(network, .dense(Matrix([[1, 0], [0, 1]])), rate: 1)
    #expect(engine.outputs == Matrix([[1.5], [0]]) && engine.firingPairs == 4)
    #expect(engine.loss(targets) == 1)
    let gradient = SquaredLoss().gradient(outputs: engine.outputs, truth: Supervision(targets: targets))
    #expect(gradient == Matrix([[1], [-1]]))
    let report = engine.step(gradient)
    #expect(engine.network.hiddenWeights == Matrix([[2.5, 0], [0, 1.5], [1.5, 2.5], [1, 1]]))
    #expect(engine.outputs == Matrix([[1], [0.5]]))
    #expect(report.firingPairs == 4 && report.neuronsMoved == 3 && engine.firingPairs == 4)
    #expect(engine.loss(targets) == 0.25)
    var pairs: [[Int]] = []
    engine.firingSet.forEachPair { r, i, _ in pairs.append([r, i]) }
    #expect(pairs == [[0, 0], [1, 1], [2, 0], [2, 1]])
  }

  /// The gradient against central differences of the loss, where no pair lies near the threshold.
  @Test(arguments: EngineKind.allCases, [false, true])
  func gradientsEqualCentralDifferences(kind: EngineKind, isSparse: Bool) throws {
    var random = SeededGenerator(seed: 17)
    let x = random.unitRows(6, columns: 4), targets = random.matrix(rows: 6, columns: 2)
    let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    let network = try Network(neurons: 10, dimension: 4, outputs: 2, threshold: 0.3, seed: 5)
    let margin = try LinearScan(weights: network.hiddenWeights, points: points, workers: .all)
      .distanceToThreshold(0.3)
    #expect(margin > 0.005)
    var engine = kind.make(network, points, rate: 1)
    engine.step(towards: targets)
    let step = 0.004 as Float
    for neuron in 0..<10 {
      for column in 0..<4 {
        var (above, below) = (network, network)
        above.hiddenWeights[neuron, column] += step
        below.hiddenWeights[neuron, column] -= step
        let difference = try [above, below].map {
          SquaredLoss().value(
            outputs: Memory.demand(try $0.outputs(for: points)), truth: Supervision(targets: targets))
        }
        // Within the pattern the loss is quadratic in a weight, so central differences are exact up to rounding.
        let numeric = Float(difference[0] - difference[1]) / (2 * step)
        let gradient = network.hiddenWeights[neuron, column] - engine.network.hiddenWeights[neuron, column]
        #expect(abs(numeric - gradient) < 2e-4)
      }
    }
  }

  struct Golden: Decodable {
    struct Run: Decodable {
      let momentum: String
      let mu: Float
      let losses: [Double]
      let hidden_weights: [[Float]]
    }
    let threshold: Float
    let learning_rate: Float
    let points, targets, hidden_weights, output_weights: [[Float]]
    let runs: [Run]
  }

  /// Ten steps against a run in JAX, float64 (`Golden/make_golden.py`).
  @Test(arguments: EngineKind.allCases, [false, true])
  func tenStepsEqualTheGoldenRun(kind: EngineKind, isSparse: Bool) throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Golden/ten_steps.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    let network = Network(
      hiddenWeights: Matrix(golden.hidden_weights), outputWeights: Matrix(golden.output_weights),
      threshold: golden.threshold)
    let x = Matrix(golden.points)
    #expect(golden.runs.count == 3)
    for run in golden.runs {
      let momentum: UpdateRule.Momentum =
        switch run.momentum {
        case "nesterov": .nesterov(run.mu)
        case "heavy-ball": .heavyBall(run.mu)
        default: .none
        }
      var engine = kind.make(
        network, isSparse ? .sparse(x.sparse) : .dense(x), rate: golden.learning_rate, momentum: momentum)
      let found = engine.losses(targets: Matrix(golden.targets), iterations: 10)
      #expect(found.count == 11)
      for (found, expected) in zip(found, run.losses) { #expect(abs(found - expected) < 3e-6 * expected) }
      #expect(engine.network.hiddenWeights.distance(to: Matrix(run.hidden_weights)) < 5e-6)
    }
  }

  /// Both tree engines and the dense engine over its bit budget against the dense engine, on sizes around tiles.
  @Test(arguments: [(1, 1), (2, 1), (1, 2), (17, 5), (257, 64), (600, 65), (300, 513)])
  func enginesAgree(neurons: Int, points: Int) throws {
    var random = SeededGenerator(seed: UInt64(neurons))
    var x = random.unitRows(points, columns: 7)
    if points > 2 { for c in 0..<7 { x[1, c] = x[0, c]; x[2, c] = 0 } }
    let targets = random.matrix(rows: points, columns: 3)
    for momentum in [UpdateRule.Momentum.none, .heavyBall(0.7), .nesterov(0.9)] {
      let network = try Network(neurons: neurons, dimension: 7, outputs: 3, threshold: 0.4, seed: 2)
      let rate = Float(0.3 / Double(points))
      var dense = EngineKind.dense.make(network, .dense(x), rate: rate, momentum: momentum)
      let reference = dense.losses(targets: targets, iterations: 12)
      for kind in EngineKind.allCases where kind != .dense {
        var engine = kind.make(network, .dense(x), rate: rate, momentum: momentum)
        let found = engine.losses(targets: targets, iterations: 12)
        for (found, expected) in zip(found, reference) {
          #expect(abs(found - expected) <= 1e-5 * expected + 1e-12)
        }
        let audit = engine.audit()
        #expect(audit.compared == neurons * points && audit.missed == 0 && audit.extra == 0)
      }
    }
  }

  /// The same bits on any number of threads: weights, outputs and pairs.
  @Test(arguments: EngineKind.allCases, HiddenWeights.Form.allCases)
  func threadsDoNotChangeBits(kind: EngineKind, form: HiddenWeights.Form) {
    var random = SeededGenerator(seed: 4)
    let points = DataPoints.dense(random.unitRows(60, columns: 24))
    let shapes = [(1, .full), (3, .full), (3, .grouped)] as [(Int, Network.OutputLayout)]
    for momentum in KineticProblem.momenta {
      for (outputs, layout) in shapes {
        let targets = random.matrix(rows: 60, columns: outputs)
        let network = Memory.demand(
          try Network(
            neurons: 700, dimension: 24, outputs: outputs, threshold: 1, seed: 9, layout: layout, form: form))
        let runs = [1, 2, 3].map { threads in
          var engine = kind.make(network, points, rate: 0.3, momentum: momentum, threads: threads)
          for _ in 0..<4 { engine.step(towards: targets) }
          return (engine.network, engine.outputs, engine.firingSet)
        }
        for run in runs.dropFirst() {
          #expect(run == runs[0], "\(momentum), \(outputs) outputs, \(layout)")
        }
        #expect(runs[0].0.hiddenWeights != network.hiddenWeights)
      }
    }
  }
}

extension LinearScan {
  fileprivate func distanceToThreshold(_ threshold: Float) -> Float {
    (0..<neuronCount).flatMap { r in
      (0..<pointCount).map { abs(correlation(neuron: r, point: $0) - threshold) }
    }.min() ?? 0
  }
}
