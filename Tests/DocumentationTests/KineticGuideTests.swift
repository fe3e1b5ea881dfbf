import FireTree
import TestSupport
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
  private func train(_ kind: EngineKind, steps: Int, _ body: (Int, Trainee, StepReport?) -> Void)
    -> [[Double]]
  {
    var engine = kind.make(
      Network(hiddenWeights: Self.weights, outputWeights: Self.outputWeights, threshold: 0.5), Self.points,
      rate: 0.5, threads: 1)
    var sums = [[Double](repeating: 0, count: 4)]
    body(0, engine, nil)
    for t in 1...steps {
      let gradient = SquaredLoss().gradient(
        outputs: engine.outputs, truth: Supervision(targets: Self.targets))
      sums.append((0..<4).map { sums[t - 1][$0] + 0.5 * Double(gradient[$0, 0]) })
      let report = engine.step(gradient)
      body(t, engine, report)
    }
    return sums
  }

  /// The table of outputs, and the one pair that changes state, in step 4; of both engines.
  @Test(arguments: [EngineKind.dense, .kinetic])
  func theSteps(kind: EngineKind) {
    let pattern = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [1, 3]]
    _ = train(kind, steps: 4) { t, engine, report in
      let loss = engine.loss(Self.targets)
      expectNumbers(after: "\n| \(t) | ", (0..<4).map { Double(engine.outputs[$0, 0]) } + [loss])
      var pairs: [[Int]] = []
      engine.firingSet.forEachPair { r, i, _ in pairs.append([r, i]) }
      #expect(pairs == (t < 4 ? pattern : pattern.filter { $0 != [0, 2] }))
      if kind == .kinetic, let report { #expect(report.counts[.pairsChanged] == (t < 4 ? 0 : 1)) }
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

  /// The clock of a neuron with output weight `sign`, whose support is the same from the start, and the limits of all
  /// points.
  private struct Clock {
    let support: Range<Int>
    let sign: Double
    private(set) var correlations: [Double]
    let reaches: [Double]
    private(set) var limits: [Double]
    /// The coefficients of the last step, their length, and the lengths of all steps.
    private(set) var coefficients: [Double] = []
    private(set) var length = 0.0
    private(set) var path = 0.0

    init(support: Range<Int>, sign: Double, correlations: [Double]) {
      (self.support, self.sign, self.correlations) = (support, sign, correlations)
      let reaches = (0..<4).map { j in
        support.reduce(0.0) { $0 + gram[$1][j] * gram[$1][j] }.squareRoot()
      }
      self.reaches = reaches
      limits = (0..<4).map { abs(correlations[$0] - 0.5) / reaches[$0] }
    }

    /// A step of Gamma; returns the points whose limits the clock has passed.
    mutating func advance(_ step: [Double]) -> [Int] {
      coefficients = support.map { -0.5 * sign * step[$0] }
      length = coefficients.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
      path += length
      for (i, c) in zip(support, coefficients) {
        for j in 0..<4 { correlations[j] += c * gram[i][j] }
      }
      let due = (0..<4).filter { path >= limits[$0] }
      for j in due { limits[j] = path + abs(correlations[j] - 0.5) / reaches[j] }
      return due
    }
  }

  /// What the first neuron's last step says of the next one, after the second: of candidate 2, whose room is the least.
  private func expectHeading(_ clock: Clock) {
    let speeds = (0..<4).map { j in (0..<3).reduce(0) { $0 + clock.coefficients[$1] * Self.gram[$1][j] } }
    let (reach, room) = (clock.reaches[2], clock.limits[2] - clock.path)
    #expect(speeds[2] < 0 && speeds[3] < 0 && clock.correlations[2] > 0.5 && clock.correlations[3] < 0.5)
    expectNumbers(
      after: "after step 2, c = (",
      clock.coefficients + [clock.length, reach, clock.length * reach, -speeds[2]])
    expectNumbers(after: "Of the room,", [room, -speeds[2] / reach])
  }

  /// The clocks of neurons 0 and 1, the pairs that they compute, and that the engine looks at them in those steps.
  @Test func theClock() {
    var looks: [Int] = []
    let sums = train(.kinetic, steps: 4) { _, _, report in
      if let report { looks.append(report.counts[.neuronsLookedAt]) }
    }
    var first = Clock(support: 0..<3, sign: 1, correlations: Self.gram[0])
    var second = Clock(support: 1..<4, sign: -1, correlations: Self.gram[3])
    let secondLimit = second.limits[1]
    expectNumbers(after: "h = (", first.reaches)
    expectNumbers(after: "the *limits* (", first.limits)
    expectNumbers(after: "\n| 0 | ", [0, first.correlations[2], first.limits[2]])
    for t in 1...4 {
      let step = zip(sums[t], sums[t - 1]).map { $0 - $1 }
      let (due, secondDue) = (first.advance(step), second.advance(step))
      #expect(due == (t > 1 ? [2] : []))
      #expect(secondDue == (t == 4 ? [1] : []))
      #expect(looks[t - 1] == (due.isEmpty ? 0 : 1) + (secondDue.isEmpty ? 0 : 1))
      let computed = due.map { first.correlations[$0] }
      expectNumbers(after: "\n| \(t) | ", [first.length, first.path] + computed + [first.limits[2]])
      if t == 2 {
        expectNumbers(
          after: "new limit is", [first.path, first.correlations[2], 0.5, first.reaches[2], first.limits[2]])
        expectHeading(first)
      }
    }
    expectNumbers(after: "with c = (", first.coefficients)
    expectNumbers(after: "the clock comes to", [first.path])
    expectNumbers(after: "the least of which is", [min(first.limits[0], first.limits[1], first.limits[3])])
    expectNumbers(after: "its clock comes to", [second.path, secondLimit, second.correlations[1]])
  }
}
