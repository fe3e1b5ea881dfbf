import FireTree
import TestSupport
import Testing

/// The worked example of `Documentation/CorrelationTrees.md`, computed again: the guide must contain, as they stand,
/// the tables and drawings that come out of the detectors here.
@Suite struct GuideTests {
  static let points = DataPoints.dense(Matrix([[1, 0], [0, 1], [1, 1], [1, -1]]))
  static let weights = Matrix([[2, 1], [-1, 1], [1, -2]])
  static let threshold: Float = 1
  static let workers = Workers(threads: 1)

  let guide: String

  init() throws { guide = try Repository.text("Documentation/CorrelationTrees.md") }

  private func expectGuide(contains text: String) {
    #expect(guide.contains(text), "the guide does not contain\n\(text)")
  }

  @Test func theStart() {
    let scan = Memory.demand(
      try LinearScan(weights: Self.weights, points: Self.points, workers: Self.workers))
    expectGuide(contains: correlationTable(scan))
    expectGuide(contains: dataTreeDrawing(scan))
    expectGuide(contains: weightTreeDrawing(scan))
  }

  /// Every detector's answer and cost of one query of all pairs.
  @Test func theQuery() {
    let bound = Self.threshold.nextUp
    func pairs(_ detector: some FiringDetector) -> (String, Int) {
      detector._checkInvariants()
      let (set, counts) = detector.firingSet(atLeast: bound, workers: Self.workers)
      var text: [String] = []
      set.forEachPair { r, i, s in text.append("(w_\(r), x_\(i)): \(number(s))") }
      return (text.joined(separator: ", "), counts.nodesVisited)
    }
    let scan = pairs(
      Memory.demand(try LinearScan(weights: Self.weights, points: Self.points, workers: Self.workers)))
    let dataTree = Memory.demand(
      try DataTree(weights: Self.weights, points: Self.points, workers: Self.workers))
    let weightTree = Memory.demand(
      try WeightTree(weights: Self.weights, points: Self.points, workers: Self.workers))
    expectGuide(contains: scan.0)
    #expect(pairs(dataTree).0 == scan.0 && pairs(weightTree).0 == scan.0)

    let byPoint = (0..<4).map { dataTree.neurons(of: $0, atLeast: bound).counts.nodesVisited }
    let byNeuron = (0..<3).map { weightTree.points(of: $0, atLeast: bound).counts.nodesVisited }
    #expect(byPoint.reduce(0, +) == pairs(dataTree).1 && byNeuron.reduce(0, +) == pairs(weightTree).1)
    expectGuide(contains: "| `LinearScan` | 3 x 4 = \(scan.1) |")
    expectGuide(contains: "| `DataTree` | \(sum(byPoint)) |")
    expectGuide(contains: "| `WeightTree` | \(sum(byNeuron)) |")
  }

  /// The neurons that moved, given to every detector one by one.
  @Test func theUpdate() {
    var scan = Memory.demand(
      try LinearScan(weights: Self.weights, points: Self.points, workers: Self.workers))
    var dataTree = Memory.demand(
      try DataTree(weights: Self.weights, points: Self.points, workers: Self.workers))
    var weightTree = Memory.demand(
      try WeightTree(weights: Self.weights, points: Self.points, workers: Self.workers))
    let moves: [(neuron: Int, weights: [Float])] = [(0, [2, 1.5]), (2, [0.5, -1.5])]
    var written: [[Int]] = [[], [], []]
    for (neuron, weights) in moves {
      let counts = [
        scan.update(neuron, to: weights), dataTree.update(neuron, to: weights),
        weightTree.update(neuron, to: weights),
      ]
      for (k, count) in counts.enumerated() {
        #expect(count.innerProducts == 4)
        written[k].append(count.nodesWritten)
      }
    }
    for (name, nodes) in zip(["LinearScan", "DataTree", "WeightTree"], written) {
      expectGuide(contains: "| `\(name)` | \(sum(nodes)) |")
    }
    for r in 0..<3 {
      for i in 0..<4 {
        let expected = scan.correlation(neuron: r, point: i)
        #expect(dataTree.correlation(neuron: r, point: i) == expected)
        #expect(weightTree.correlation(neuron: r, point: i) == expected)
      }
    }
    expectGuide(contains: dataTreeDrawing(scan))
    expectGuide(contains: weightTreeDrawing(scan))
  }

  /// The training step, by every engine.
  @Test(arguments: EngineKind.allCases)
  func theStep(kind: EngineKind) {
    let root = Float(3).squareRoot()
    let network = Network(
      hiddenWeights: Self.weights, outputWeights: Matrix([[1], [-1], [1]]), threshold: Self.threshold)
    let targets = Matrix([[0], [0], [3 / root], [1 / root]])
    var engine = kind.make(network, Self.points, rate: 1.5)

    func describe() -> String {
      "| \((0..<4).map { number((engine.outputs[$0, 0] * root * 1000).rounded() / 1000) }.joined(separator: " | ")) |"
    }
    func loss() -> Double { engine.loss(targets) }
    expectGuide(contains: "| sqrt(3) f before " + describe())
    #expect(abs(loss() - 0.5) < 1e-6)
    let report = engine.step(towards: targets)
    expectGuide(contains: "| sqrt(3) f after " + describe())
    #expect(abs(loss() - 0.25) < 1e-6)
    #expect(report.firingPairs == 3 && report.neuronsMoved == 2)
    let expected = Matrix([[2, 1.5], [-1, 1], [0.5, -1.5]])
    for r in 0..<3 {
      for c in 0..<2 { #expect(abs(engine.network.hiddenWeights[r, c] - expected[r, c]) < 1e-6) }
    }
    var pairs: [[Int]] = []
    engine.firingSet.forEachPair { r, i, _ in pairs.append([r, i]) }
    #expect(pairs == [[0, 0], [0, 1], [0, 2], [2, 3]])
    expectGuide(contains: "the loss falls from 1/2 to 1/4")
  }

  // MARK: Text of the guide

  private func number(_ value: Float) -> String {
    let value = value == 0 ? 0 : value
    return value == value.rounded() ? "\(Int(value))" : "\(value)"
  }

  private func sum(_ parts: [Int]) -> String {
    parts.map(String.init).joined(separator: " + ") + " = \(parts.reduce(0, +))"
  }

  private func correlationTable(_ detector: some FiringDetector) -> String {
    (0..<3).map { r in
      "| w_\(r) | \((0..<4).map { number(detector.correlation(neuron: r, point: $0)) }.joined(separator: " | ")) |"
    }.joined(separator: "\n")
  }

  /// One tree a point, side by side: the leaves are the neurons.
  private func dataTreeDrawing(_ detector: some FiringDetector) -> String {
    let trees = (0..<4).map { i in
      let s = (0..<3).map { detector.correlation(neuron: $0, point: i) }
      let inner = max(s[0], s[1])
      return Canvas(
        width: 18,
        lines: [
          [(9, "x_\(i)")], [(9, number(max(inner, s[2])))], [(7, "/"), (12, "\\")],
          [(5, number(inner)), (14, number(s[2]))], [(3, "/"), (7, "\\")],
          [(2, number(s[0])), (8, number(s[1]))], [(2, "w_0"), (8, "w_1"), (14, "w_2")],
        ])
    }
    return Canvas.sideBySide(trees)
  }

  /// One tree a neuron, side by side: the leaves are the points.
  private func weightTreeDrawing(_ detector: some FiringDetector) -> String {
    let trees = (0..<3).map { r in
      let s = (0..<4).map { detector.correlation(neuron: r, point: $0) }
      let (left, right) = (max(s[0], s[1]), max(s[2], s[3]))
      return Canvas(
        width: 24,
        lines: [
          [(11, "w_\(r)")], [(11, number(max(left, right)))], [(8, "/"), (14, "\\")],
          [(5, number(left)), (17, number(right))], [(3, "/"), (7, "\\"), (15, "/"), (19, "\\")],
          [(2, number(s[0])), (8, number(s[1])), (14, number(s[2])), (20, number(s[3]))],
          [(2, "x_0"), (8, "x_1"), (14, "x_2"), (20, "x_3")],
        ])
    }
    return Canvas.sideBySide(trees)
  }
}

/// Lines of text with words centred at columns.
private struct Canvas {
  let lines: [String]

  init(width: Int, lines: [[(column: Int, word: String)]]) {
    self.lines = lines.map { words in
      var line = [Character](repeating: " ", count: width)
      for (column, word) in words {
        for (k, character) in word.enumerated() { line[column - word.count / 2 + k] = character }
      }
      return String(line)
    }
  }

  static func sideBySide(_ canvases: [Canvas]) -> String {
    (canvases.first?.lines.indices ?? 0..<0).map { row in
      var line = canvases.map { $0.lines[row] }.joined()
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
