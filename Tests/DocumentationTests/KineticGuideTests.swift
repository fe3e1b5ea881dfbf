import FireTree
import Testing

/// The worked example of `Documentation/KineticTraining.md`, computed again: by the engine, and by the formulas.
@Suite struct KineticGuideTests {
  static let points = DataPoints.dense(Matrix([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]]))
  static let weights = Matrix([[1, 0], [0, 1], [-1, -1], [-1, -1]])
  static let outputWeights = Matrix([[1], [-1], [1], [-1]])
  static let targets = Matrix([[0.05], [0], [-0.1], [-0.25]])
  static let gram = [[1, 0.8, 0.6, 0], [0.8, 1, 0.96, 0.6], [0.6, 0.96, 1, 0.8], [0, 0.6, 0.8, 1]]

  let guide: String

  init() throws { guide = try Repository.text("Documentation/KineticTraining.md") }

  private func expectGuide(contains text: String) {
    #expect(guide.contains(text), "the guide does not contain\n\(text)")
  }

  /// The guide has these numbers, rounded to four places, after one of the places where it has `prefix`.
  private func expectNumbers(after prefix: String, _ values: [Double]) {
    let found = guide.components(separatedBy: prefix).dropFirst().contains { text in
      let numbers = text.prefix(400).matches(of: /-?[0-9]+\.[0-9]+/).prefix(values.count)
        .compactMap { Double($0.output) }
      return numbers.count == values.count && zip(numbers, values).allSatisfy { abs($0 - $1) <= 0.51e-4 }
    }
    #expect(found, "the guide does not have \(values) after '\(prefix)'")
  }

  /// Gamma after each step, of training by an engine; `body` sees the engine after each, and the report of its step.
  private func train(_ kind: EngineKind, steps: Int, _ body: (Int, any TrainingEngine, StepReport?) -> Void)
    -> [[Double]]
  {
    var engine = kind.type.init(
      network: Network(hiddenWeights: Self.weights, outputWeights: Self.outputWeights, threshold: 0.5),
      points: Self.points, optimizer: GradientDescent(learningRate: 0.5, momentum: .none),
      workers: Workers(threads: 1))
    var sums = [[Double](repeating: 0, count: 4)]
    body(0, engine, nil)
    for t in 1...steps {
      let gradient = SquaredLoss().gradient(outputs: engine.outputs, targets: Self.targets)
      sums.append((0..<4).map { sums[t - 1][$0] + 0.5 * Double(gradient[$0, 0]) })
      let report = engine.advance(outputGradient: gradient)
      body(t, engine, report)
    }
    return sums
  }

  /// The table of outputs, and the one pair that changes state, in step 4; of both engines.
  @Test(arguments: [EngineKind.dense, .kinetic])
  func theSteps(kind: EngineKind) {
    let pattern = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [1, 3]]
    _ = train(kind, steps: 4) { t, engine, report in
      let loss = SquaredLoss().value(outputs: engine.outputs, targets: Self.targets)
      expectNumbers(after: "\n| \(t) | ", (0..<4).map { Double(engine.outputs[$0, 0]) } + [loss])
      var pairs: [[Int]] = []
      engine.firingSet.forEachPair { r, i, _ in pairs.append([r, i]) }
      #expect(pairs == (t < 4 ? pattern : pattern.filter { $0 != [0, 2] }))
      if kind == .kinetic, let report { #expect(report.counts.nodesWritten == (t < 4 ? 0 : 1)) }
    }
  }

  /// Gamma and the correlations of the first neuron, by the closed form.
  @Test func theClosedForm() {
    let sums = train(.kinetic, steps: 4) { _, _, _ in }
    for t in 0...4 {
      expectNumbers(after: "\n| \(t) | ", sums[t] + correlations(sums[t]))
    }
  }

  /// s_0j, as long as the first neuron fires on points 0, 1 and 2.
  private func correlations(_ sum: [Double]) -> [Double] {
    (0..<4).map { j in Self.gram[0][j] + movement(sum, of: j) }
  }

  /// What coefficients of -1/2 `sum` on points 0, 1 and 2 move the correlation of point j by.
  private func movement(_ sum: [Double], of j: Int) -> Double {
    (0..<3).reduce(0) { $0 - 0.5 * sum[$1] * Self.gram[$1][j] }
  }

  @Test func theOutputsByTheTensor() {
    let tensor: [[Double]] = [[1, 1, 1, 0], [1, 2, 2, 1], [1, 2, 2, 1], [0, 1, 1, 1]]
    for i in 0..<4 {
      expectGuide(contains: "| x_\(i) | \(tensor[i].map { "\(Int($0))" }.joined(separator: " | ")) |")
    }
    var outputs = [0.25, 0.1, -0.1, -0.25]
    for t in 1...4 {
      let gradient = (0..<4).map { outputs[$0] - Double(Self.targets[$0, 0]) }
      for i in 0..<4 {
        var sum = 0.0
        for j in 0..<4 { sum += Self.gram[i][j] * tensor[i][j] * gradient[j] }
        outputs[i] -= 0.125 * sum
      }
      // In step 4 these are before the correction.
      if t < 4 { expectNumbers(after: "\n| \(t) | ", outputs) }
      if t == 4 { expectNumbers(after: "the product gives f_2 =", [outputs[2]]) }
    }
  }

  /// What is foretold after step 3 of step 4.
  @Test func theForecast() {
    let sums = train(.kinetic, steps: 4) { _, _, _ in }
    func difference(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }
    func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let steps = (1...4).map { difference(sums[$0], sums[$0 - 1]) }
    let (turnBefore, turn) = (difference(steps[1], steps[0]), difference(steps[2], steps[1]))
    let ratio = product(turn, turnBefore) / product(turnBefore, turnBefore)
    expectNumbers(after: "D = (", steps[2])
    expectNumbers(after: "D' = (", turn)
    expectNumbers(after: "rho =", [ratio])
    let now = correlations(sums[3])[2]
    let one = now + movement(steps[2], of: 2)
    let two = one + ratio * movement(turn, of: 2)
    expectNumbers(after: "D alone foretells s_02 =", [one, two, correlations(sums[4])[2]])
    let error = (0..<4).map { steps[3][$0] - steps[2][$0] - ratio * turn[$0] }
    let bounds = (0..<3).reduce((alone: 0.0, both: 0.0)) { sum, i in
      (sum.alone + 0.5 * abs(steps[3][i] - steps[2][i]), sum.both + 0.5 * abs(error[i]))
    }
    expectNumbers(after: "bound of what is left is", [bounds.both, bounds.alone])
  }
}
