import FireTree
import Testing

/// The worked example of `Documentation/LowerBound.md`, by every detector.
@Suite struct LowerBoundGuideTests {
  let guide: String
  private let left = Matrix([[1, 1, 0, 0], [1, 0, 0, 1], [0, 1, 1, 1]])
  private let right = Matrix([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]])

  init() throws { guide = try Repository.text("Documentation/LowerBound.md") }

  private func expectGuide(contains text: String) {
    #expect(guide.contains(text), "the guide does not contain\n\(text)")
  }

  private func row(_ name: String, _ vector: [Float]) -> String {
    let products = (0..<3).map { b in
      -zip(vector, right.row(b)).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return "| \(name) | " + products.map { "\(Int($0))" }.joined(separator: " | ") + " |"
  }

  @Test func theTables() {
    for (letter, family) in [("a", left), ("b", right)] {
      for r in 0..<3 {
        let vector = family.row(r).map { "\(Int($0))" }.joined(separator: ", ")
        expectGuide(contains: "\(letter)_\(r) = (\(vector))")
      }
    }
    expectGuide(contains: (0..<3).map { row("-a_\($0)", left.row($0)) }.joined(separator: "\n"))
    expectGuide(contains: row("-a_1", [1, 0, 0, 0]))
  }

  @Test func everyDetectorDecides() {
    var changed = left
    changed[1, 3] = 0
    for detector in DetectorKind.allCases.map(\.type) { decide(detector, changed: changed) }
  }

  private func decide<Detector: FiringDetector>(_: Detector.Type, changed: Matrix) {
    let none = Memory.demand(try OrthogonalVectors.firstPair(left: left, right: right, by: Detector.self))
    #expect(none.pair == nil && none.queries == 1)
    let one = Memory.demand(
      try OrthogonalVectors.firstPair(left: changed, right: right, by: Detector.self, use: .oneByOne))
    #expect(one.pair == VectorPair(left: 1, right: 1, product: 0) && one.queries == 2 && one.updates == 2)
    let best = Memory.demand(try MaximumInnerProduct.best(left: left, right: right, by: Detector.self))
    #expect(best.pair == VectorPair(left: 0, right: 2, product: 2) && best.queries == 1)
    expectGuide(contains: "is 2, of a_0 and b_2")
  }
}
