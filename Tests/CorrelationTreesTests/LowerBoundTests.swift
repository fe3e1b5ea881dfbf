import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

/// Orthogonal vectors and maximum inner product through every detector, against brute force.
@Suite struct LowerBoundTests {
  /// All 0/1 vectors of `dimension`, as bits of the number.
  private func family(_ numbers: [Int], dimension: Int) -> Matrix {
    var matrix = Matrix(rows: numbers.count, columns: dimension)
    for (r, number) in numbers.enumerated() {
      for c in 0..<dimension { matrix[r, c] = Float(number >> c & 1) }
    }
    return matrix
  }

  private func expectSame(_ left: Matrix, _ right: Matrix, _ label: Comment) {
    for detector in DetectorKind.allCases.map(\.type) { expectSame(left, right, by: detector, label) }
  }

  private func expectSame<Detector: FiringDetector>(
    _ left: Matrix, _ right: Matrix, by detector: Detector.Type, _ label: Comment
  ) {
    let expected = OrthogonalVectors.bruteForce(left: left, right: right)
    for use in DetectorUse.allCases {
      let search = Memory.demand(
        try OrthogonalVectors.firstPair(left: left, right: right, by: detector, use: use))
      #expect(search.pair?.left == expected?.left && search.pair?.right == expected?.right, label)
      #expect(
        use == .atOnce ? search.queries == 1 : search.queries == (expected?.left ?? left.rows - 1) + 1, label)
    }
    let best = Memory.demand(try MaximumInnerProduct.best(left: left, right: right, by: detector))
    #expect(best.pair == MaximumInnerProduct.bruteForce(left: left, right: right), label)
  }

  /// Every pair of families of one and two vectors of two dimensions, and of one vector of three.
  @Test func everySmallFamily() {
    for a in 0..<8 {
      for b in 0..<8 {
        expectSame(family([a], dimension: 3), family([b], dimension: 3), "\(a) \(b)")
        let (left, right) = ([a & 3, a >> 2], [b & 3, b >> 2])
        expectSame(family(left, dimension: 2), family(right, dimension: 2), "\(left) \(right)")
      }
    }
  }

  /// Random families around the density at which pairs become orthogonal, over a seed that is printed.
  @Test(arguments: 1...8, [0.1, 1, 30])
  func randomFamilies(seed: Int, expectedPairs: Double) {
    var random = SeededGenerator(seed: UInt64(seed))
    let vectors = Int.random(in: 2...150, using: &random), dimension = Int.random(in: 1...70, using: &random)
    let families = BitFamilies(
      vectors: vectors, dimension: dimension, expectedPairs: expectedPairs, seed: UInt64(seed))
    expectSame(families.left, families.right, "seed \(seed), \(vectors) vectors, d \(dimension)")
  }

  /// The best pair of real vectors, also where all products are negative.
  @Test(arguments: 1...6) func maximumOfRealVectors(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let dimension = Int.random(in: 1...20, using: &random)
    var left = random.wholeMatrix(rows: 40, columns: dimension, range: -9...9)
    let right = random.wholeMatrix(rows: 30, columns: dimension, range: 1...9)
    for isNegative in [false, true] {
      if isNegative {
        for r in 0..<40 { for c in 0..<dimension { left[r, c] = -abs(left[r, c]) - 1 } }
      }
      for detector in DetectorKind.allCases.map(\.type) {
        func check<Detector: FiringDetector>(_: Detector.Type) {
          let search = Memory.demand(
            try MaximumInnerProduct.best(left: left, right: right, by: Detector.self))
          #expect(
            search.pair == MaximumInnerProduct.bruteForce(left: left, right: right),
            "\(Detector.self) seed \(seed) negative \(isNegative)")
        }
        check(detector)
      }
    }
  }

  @Test func emptyFamiliesHaveNoPair() throws {
    let (none, some) = (Matrix(rows: 0, columns: 3), Matrix([[1, 0, 1]]))
    for detector in DetectorKind.allCases.map(\.type) {
      func check<Detector: FiringDetector>(_: Detector.Type) throws {
        for (left, right) in [(none, some), (some, none), (none, none)] {
          for use in DetectorUse.allCases {
            try #expect(
              OrthogonalVectors.firstPair(left: left, right: right, by: Detector.self, use: use).pair == nil)
          }
          try #expect(MaximumInnerProduct.best(left: left, right: right, by: Detector.self).pair == nil)
        }
      }
      try check(detector)
    }
  }

  /// Planted and pairless families are what they are said to be.
  @Test(arguments: [2, 3, 17, 200], [2, 3, 20])
  func hardFamilies(vectors: Int, dimension: Int) {
    for seed in 1...3 {
      var families = BitFamilies(
        vectors: vectors, dimension: dimension, expectedPairs: 2, seed: UInt64(seed))
      families.removePairs(seed: UInt64(seed))
      #expect(OrthogonalVectors.bruteForce(left: families.left, right: families.right) == nil, "seed \(seed)")
      for (i, j) in [(0, 0), (vectors - 1, 0), (vectors / 2, vectors - 1)] {
        var planted = families
        planted.plant(left: i, right: j, seed: UInt64(seed))
        let set = Memory.demand(
          try LinearScan(
            weights: planted.instance(named: "").weights, points: .dense(planted.right), workers: .all
          ).firingSet(atLeast: OrthogonalVectors.bound, workers: .all).set)
        var pairs: [[Int]] = []
        set.forEachPair { left, right, product in pairs.append([left, right, Int(product)]) }
        #expect(
          pairs == [[i, j, 0]] && planted.planted == VectorPair(left: i, right: j, product: 0), "seed \(seed)"
        )
      }
    }
  }

  /// As many pairs are orthogonal as the density is chosen for.
  @Test func theDensityGivesTheExpectedPairs() {
    var found = 0
    for seed in 1...20 {
      let families = BitFamilies(vectors: 100, dimension: 20, expectedPairs: 50, seed: UInt64(seed))
      found +=
        Memory.demand(
          try LinearScan(
            weights: families.instance(named: "").weights, points: .dense(families.right), workers: .all
          ).firingSet(atLeast: OrthogonalVectors.bound, workers: .all).set.pairCount)
    }
    #expect(found > 700 && found < 1300)
  }
}
