import FireTree
import TestSupport
import Testing

/// The four points of `Documentation/CertifiedCandidates.md`, computed again: the guide must contain the table and the
/// numbers that come out here.
@Suite struct CandidateGuideTests {
  static let points = Matrix([[0.8, 0.6], [0.6, 0.8], [0.28, 0.96], [-0.6, 0.8]])
  static let threshold: Float = 0.5
  static let skin: Float = 0.3

  let guide: String

  init() throws { guide = try Repository.text("Documentation/CertifiedCandidates.md") }

  /// The guide with every line break and run of blanks as one blank.
  private func expectGuide(contains text: String) {
    let words = guide.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains(text), "the guide does not contain\n\(text)")
  }

  private func correlations(of weight: [Float]) -> [Float] {
    (0..<4).map { i in (0..<2).reduce(0) { $0 + weight[$1] * Self.points[i, $1] } }
  }

  /// The candidates of a neuron as its anchor leaves them.
  private func candidates(of weight: [Float]) -> Set<Int> {
    let anchoring = Memory.demand(
      try Anchoring(points: .dense(Self.points), threshold: Self.threshold))
    let lists = Matrix([weight]).withView { weights in
      withUnsafePointer(to: Self.skin) {
        anchoring.candidates(of: weights, skins: $0)
      }
    }
    var found: Set<Int> = []
    lists.withCandidates(of: 0) { points, _ in found = Set(points.map(Int.init)) }
    return found
  }

  @Test func theTable() {
    let list = candidates(of: [1, 0])
    for (i, s) in correlations(of: [1, 0]).enumerated() {
      let x = (0..<2).map { number(Self.points[i, $0]) }.joined(separator: ", ")
      expectGuide(
        contains: "| \(i + 1) | (\(x)) | \(number(s)) | \(list.contains(i) ? "yes" : "no") | "
          + "\(s > Self.threshold ? "yes" : "no") |")
    }
    expectGuide(
      contains: "w(t0) = (1, 0), threshold b = \(number(Self.threshold)), skin \(number(Self.skin))")
  }

  /// Two steps of an engine with this skin: which candidates it computes, and when it anchors the neuron.
  @Test func theSteps() {
    let step = (0..<2).map { 0.1 * Self.points[0, $0] + 0.1 * Self.points[1, $0] }
    let length = (step[0] * step[0] + step[1] * step[1]).squareRoot()
    let (once, twice) = (
      correlations(of: [1 + step[0], step[1]]), correlations(of: [1 + 2 * step[0], 2 * step[1]])
    )
    expectGuide(
      contains:
        "A step adds 0.1 x_1 + 0.1 x_2 = (\(number(step[0])), \(number(step[1]))); its length is \(number(length))."
    )
    expectGuide(
      contains:
        "Point 3 had s = 0.28, and 0.28 + \(number(length)) = \(number(0.28 + length)) <= 0.5, so it is not looked at "
        + "either (it is now \(number(once[2]))).")
    expectGuide(
      contains:
        "A second such step makes the path \(number(2 * length)): now 0.28 + \(number(2 * length)) > 0.5, so point 3 "
        + "is computed, \(number(twice[2])); it fires.")
    expectGuide(contains: "point 4 has \(number(twice[3])).")

    // One neuron, a = 1 and 1/sqrt(m) = 1, eta = 1: a gradient of -0.1 at points 1 and 2 makes these steps.
    let network = Network(
      hiddenWeights: Matrix([[1, 0]]), outputWeights: Matrix([[1]]), threshold: Self.threshold)
    var engine = Trainee.gram(network, .dense(Self.points), UpdateRule(rate: 1), fixedSkin: Self.skin)
    let gradient = Matrix([[-0.1], [-0.1], [0], [0]])
    let first = engine.step(gradient).counts
    #expect(first[.candidatesComputed] == 2 && first[.neuronsAnchored] == 0)
    #expect(fires(engine) == [0, 1])
    let second = engine.step(gradient).counts
    #expect(second[.neuronsAnchored] == 1 && second[.innerProducts] == 4)
    #expect(fires(engine) == [0, 1, 2])
  }

  private func fires(_ engine: Trainee) -> [Int] {
    var points: [Int] = []
    engine.firingSet.forEachPair { _, i, _ in points.append(i) }
    return points
  }

  /// Four decimals at the most, no zeros behind them.
  private func number(_ value: Float) -> String {
    let rounded = Int((abs(value) * 10_000).rounded())
    var digits = String(rounded % 10_000)
    digits = String(repeating: "0", count: 4 - digits.count) + digits
    while digits.last == "0" { digits.removeLast() }
    let text = digits.isEmpty ? "\(rounded / 10_000)" : "\(rounded / 10_000).\(digits)"
    return value < 0 && rounded > 0 ? "-" + text : text
  }
}
