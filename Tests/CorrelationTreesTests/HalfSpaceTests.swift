import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

/// The half-space detectors against `LinearScan`. Whole numbers, or whole numbers times a power of two, carry no
/// rounding, so that answers are compared exactly.
@Suite struct HalfSpaceTests {
  static let dimensions = [1, 2, 3, 5]

  @Test(arguments: DetectorTests.sizes, dimensions)
  func equalsLinearScanAtEverySmallSize(neurons: Int, dimension: Int) {
    let detectors = DetectorTests()
    for points in DetectorTests.sizes {
      for (seed, isSparse) in [(1, false), (2, true)] {
        let seed = UInt64(seed)
        detectors.script(
          HalfSpaceData.self, neurons: neurons, points: points, dimension: dimension, seed: seed,
          isSparse: isSparse, steps: 6)
        detectors.script(
          HalfSpaceWeights.self, neurons: neurons, points: points, dimension: dimension, seed: seed,
          isSparse: isSparse, steps: 6)
      }
    }
  }

  @Test(arguments: 1...6, [1, 2, 3, 5, 20])
  func equalsLinearScanUnderRandomScripts(seed: Int, dimension: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let neurons = Int.random(in: 100...600, using: &random), points = Int.random(in: 30...400, using: &random)
    let detectors = DetectorTests()
    detectors.script(
      HalfSpaceData.self, neurons: neurons, points: points, dimension: dimension, seed: UInt64(seed),
      isSparse: seed % 2 == 0, steps: 5)
    detectors.script(
      HalfSpaceWeights.self, neurons: neurons, points: points, dimension: dimension, seed: UInt64(seed),
      isSparse: seed % 2 == 0, steps: 12)
  }

  /// Points and weights of very different norms, and bounds that correlations meet.
  @Test(arguments: dimensions + [9, 17], 1...4)
  func normsOfManyMagnitudes(dimension: Int, seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    func scaled(_ rows: Int) -> Matrix {
      var matrix = random.wholeMatrix(rows: rows, columns: dimension)
      for r in 0..<rows {
        let scale = Float(sign: .plus, exponent: Int.random(in: -20...20, using: &random), significand: 1)
        for c in 0..<dimension { matrix[r, c] *= scale }
      }
      return matrix
    }
    let weights = scaled(80), points = DataPoints.dense(scaled(90))
    let oracle = Memory.demand(try LinearScan(weights: weights, points: points, workers: .all))
    let values = Set((0..<80).flatMap { r in (0..<90).map { oracle.correlation(neuron: r, point: $0) } })
    for value in values.sorted().enumerated().filter({ $0.offset % 40 == 0 }).map(\.element) {
      for bound in [value.nextDown, value, value.nextUp] {
        expectSame(weights, points, bound, "d \(dimension) seed \(seed) bound \(bound)")
      }
    }
  }

  private func expectSame(_ weights: Matrix, _ points: DataPoints, _ bound: Float, _ label: Comment) {
    let expected = Memory.demand(try LinearScan(weights: weights, points: points, workers: .all))
      .firingSet(atLeast: bound, workers: .all).set
    let data = Memory.demand(try HalfSpaceData(weights: weights, points: points, leafSize: 2, workers: .all))
    let dual = Memory.demand(
      try HalfSpaceWeights(weights: weights, points: points, leafSize: 2, workers: .all))
    #expect(data.firingSet(atLeast: bound, workers: .all).set == expected, label)
    #expect(dual.firingSet(atLeast: bound, workers: .all).set == expected, label)
  }

  /// Numbers that round: every pair on which the two may differ lies within rounding of the bound.
  @Test(arguments: [1, 2, 3, 8, 20, 50, 200, 500])
  func numbersThatRound(dimension: Int) {
    var random = SeededGenerator(seed: 3)
    let weights = random.matrix(rows: 400, columns: dimension)
    let points = DataPoints.dense(random.matrix(rows: 300, columns: dimension))
    let oracle = Memory.demand(try LinearScan(weights: weights, points: points, workers: .all))
    let margin = CorrelationBound(dimension: dimension).margin(Double(dimension), 1)
    let bound = oracle.correlation(neuron: 7, point: 9)
    func check<Detector: FiringDetector>(_: Detector.Type) {
      let set = Memory.demand(try Detector(weights: weights, points: points, workers: .all))
        .firingSet(atLeast: bound, workers: .all).set
      var found = Set<Int>()
      set.forEachPair { r, i, s in
        found.insert(300 * r + i)
        #expect(s >= bound && abs(Double(s) - Double(oracle.correlation(neuron: r, point: i))) <= margin)
      }
      var compared = 0
      for r in 0..<400 {
        for i in 0..<300 {
          let excess = Double(oracle.correlation(neuron: r, point: i)) - Double(bound)
          guard abs(excess) > margin else { continue }
          compared += 1
          #expect(found.contains(300 * r + i) == (excess > 0), "\(Detector.self) d \(dimension)")
        }
      }
      #expect(compared > 100_000)
    }
    check(HalfSpaceData.self)
    check(HalfSpaceWeights.self)
  }

  /// What no data set should hold: overflow, infinities, NaN, the smallest numbers.
  @Test(arguments: dimensions, [-Float.infinity, -1, 0, 0x1p-140, 1, 3e38, .infinity, .nan])
  func hostileNumbers(dimension: Int, bound: Float) {
    var random = SeededGenerator(seed: 21)
    let hostile: [Float] = [
      .nan, .infinity, -.infinity, 3e38, -3e38, 1e20, -1e20, 1e-30, -1e-30, .leastNonzeroMagnitude, 0, -0.0,
      1,
    ]
    func matrix(_ rows: Int) -> Matrix {
      var matrix = random.wholeMatrix(rows: rows, columns: dimension)
      for r in 0..<rows where r % 3 > 0 {
        for c in 0..<dimension where Bool.random(using: &random) {
          matrix[r, c] = hostile[Int.random(in: 0..<hostile.count, using: &random)]
        }
      }
      return matrix
    }
    expectSame(matrix(40), .dense(matrix(50)), bound, "d \(dimension) bound \(bound)")
  }

  /// Nothing at all on one side or the other.
  @Test(arguments: [0, 1, 2, 3], [0, 1, 3])
  func emptySides(dimension: Int, count: Int) {
    for (neurons, points) in [(0, count), (count, 0), (0, 0), (count, count)] {
      let weights = Matrix(rows: neurons, columns: dimension)
      let data = DataPoints.dense(Matrix(rows: points, columns: dimension))
      for bound in [-1, 0, 1] as [Float] { expectSame(weights, data, bound, "m \(neurons) n \(points)") }
    }
  }

  /// In few dimensions most pairs are excluded, in many none is.
  @Test func theCurseOfDimension() {
    var random = SeededGenerator(seed: 6)
    func share<Detector: FiringDetector>(_: Detector.Type, dimension: Int) -> Double {
      let weights = random.unitRows(2000, columns: dimension)
      let points = DataPoints.dense(random.unitRows(1500, columns: dimension))
      let detector = Memory.demand(try Detector(weights: weights, points: points, workers: .all))
      // The smallest cap that holds a hundredth of the sphere, roughly.
      let bound = dimension < 10 ? Float(0.95) : 0.3
      let counts = detector.firingSet(atLeast: bound, workers: .all).counts
      return Double(counts.innerProducts) / 3_000_000
    }
    #expect(share(HalfSpaceData.self, dimension: 2) < 0.15)
    #expect(share(HalfSpaceData.self, dimension: 3) < 0.2)
    #expect(share(HalfSpaceWeights.self, dimension: 2) < 0.15)
    #expect(share(HalfSpaceWeights.self, dimension: 3) < 0.2)
    #expect(share(HalfSpaceData.self, dimension: 50) > 0.9)
    #expect(share(HalfSpaceWeights.self, dimension: 50) > 0.9)
  }

  /// Moves far and near, one by one and together: balls hold their items, and the tree is built anew in time.
  @Test(arguments: [1, 2, 3, 7, 8, 9, 16, 17, 33, 300], [1, 4])
  func ballsFollowMoves(count: Int, leafSize: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    var matrix = random.matrix(rows: count, columns: 3)
    var tree = Memory.demand(try BallTree(of: .dense(matrix), leafSize: leafSize, workers: .all))
    for size in [Float(0.01), 1, 100] {
      for step in 0..<3 {
        let moved = (0..<Int32(count)).filter { _ in Int.random(in: 0..<3, using: &random) <= step }
        for item in moved {
          for c in 0..<3 { matrix[Int(item), c] += Float.random(in: -size...size, using: &random) }
        }
        _ = tree.move(moved, in: .dense(matrix), workers: Workers(threads: 3))
        tree.checkInvariants(of: .dense(matrix))
      }
    }
  }

  /// The radii of a tree whose items have all gone elsewhere are those of a new one.
  @Test func aTreeThatDecaysIsBuiltAnew() {
    var random = SeededGenerator(seed: 2)
    var matrix = random.matrix(rows: 500, columns: 3)
    var tree = Memory.demand(try BallTree(of: .dense(matrix), leafSize: 4, workers: .all))
    var written = 0
    for item in 0..<500 {
      for c in 0..<3 { matrix[item, c] = Float.random(in: -1...1, using: &random) }
      written += tree.move([Int32(item)], in: .dense(matrix), workers: .all)
    }
    let fresh = Memory.demand(try BallTree(of: .dense(matrix), leafSize: 4, workers: .all))
    let radius = { (tree: BallTree) in tree.radii[tree.leafCount...].reduce(0, +) }
    #expect(radius(tree) < 2.5 * radius(fresh))
    // A built tree writes 255 balls; there is not more than one building for every 250 moves.
    #expect(written <= 500 * 8 + 2 * 255)
  }
}
