import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

/// Runs every detector on one script of changes and queries and compares it with `LinearScan`, exactly: the numbers
/// are whole, so that correlations carry no rounding and often meet the bound.
@Suite struct DetectorTests {
  static let sizes = [1, 2, 3, 4, 7, 8, 9, 16, 17]

  @Test(arguments: sizes, sizes)
  func equalsLinearScanAtEverySmallSize(neurons: Int, points: Int) {
    for (seed, isSparse) in [(1, false), (2, true)] {
      for kind in DetectorKind.allCases {
        script(
          kind.type, neurons: neurons, points: points, dimension: 3, seed: UInt64(seed), isSparse: isSparse,
          steps: 8)
      }
    }
  }

  @Test(arguments: 1...6)
  func equalsLinearScanUnderRandomScripts(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let neurons = Int.random(in: 100...900, using: &random), points = Int.random(in: 30...700, using: &random)
    for kind in DetectorKind.allCases {
      script(
        kind.type, neurons: neurons, points: points, dimension: 9, seed: UInt64(seed),
        isSparse: seed % 2 == 0, steps: 6)
    }
  }

  /// A random script of changes, with queries after each.
  func script<Detector: FiringDetector>(
    _: Detector.Type, neurons: Int, points: Int, dimension: Int, seed: UInt64, isSparse: Bool, steps: Int
  ) {
    var random = SeededGenerator(seed: seed)
    var weights = random.wholeMatrix(rows: neurons, columns: dimension)
    var x = random.wholeMatrix(rows: points, columns: dimension)
    for c in 0..<dimension {
      x[points - 1, c] = x[0, c]  // a duplicate point
      x[points / 2, c] = 0  // a zero point
    }
    let data: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    let workers = Workers(threads: Int(seed % 3) + 1)
    var detector = Memory.demand(try Detector(weights: weights, points: data, workers: workers))
    var oracle = Memory.demand(try LinearScan(weights: weights, points: data, workers: workers))
    let label: Comment = "\(Detector.self) m \(neurons) n \(points) seed \(seed)"
    #expect(detector.neuronCount == neurons && detector.pointCount == points, label)
    let required = Detector.requiredMemory(neurons: neurons, points: points, dimension: dimension)
    #expect(detector.memoryBytes <= required.bytes, label)
    for _ in 0..<steps {
      switch Int.random(in: 0..<3, using: &random) {
      case 0:
        let neuron = Int.random(in: 0..<neurons, using: &random)
        let row = random.wholeMatrix(rows: 1, columns: dimension).row(0)
        for (c, value) in row.enumerated() { weights[neuron, c] = value }
        detector.update(neuron, to: row)
        oracle.update(neuron, to: row)
      case 1:
        let moved = (0..<Int32(neurons)).filter { _ in Bool.random(using: &random) }
        for neuron in moved { weights[Int(neuron), 0] += 1 }
        detector.update(moved, from: weights, workers: workers)
        oracle.update(moved, from: weights, workers: workers)
      default:
        let index = Int.random(in: 0..<points, using: &random)
        let point = random.wholeMatrix(rows: 1, columns: dimension).row(0)
        detector.replacePoint(index, with: point, weights: weights, workers: workers)
        oracle.replacePoint(index, with: point, weights: weights, workers: workers)
      }
      detector._checkInvariants()
      compare(detector, with: oracle, label: label, random: &random)
    }
  }

  private func compare<Detector: FiringDetector>(
    _ detector: Detector, with oracle: LinearScan, label: Comment, random: inout SeededGenerator
  ) {
    for bound in [-.infinity, -4, 0, 3, Float(3).nextUp, 12, .infinity] as [Float] {
      let expected = oracle.firingSet(atLeast: bound, workers: Workers(threads: 1)).set
      let (set, counts) = detector.firingSet(atLeast: bound, workers: Workers(threads: 2))
      #expect(set == expected && counts.pairsReported == expected.pairCount, label)
      let neuron = Int.random(in: 0..<detector.neuronCount, using: &random)
      let point = Int.random(in: 0..<detector.pointCount, using: &random)
      #expect(
        detector.points(of: neuron, atLeast: bound).indices
          == oracle.points(of: neuron, atLeast: bound).indices, label)
      #expect(
        detector.neurons(of: point, atLeast: bound).indices
          == oracle.neurons(of: point, atLeast: bound).indices, label)
      #expect(
        detector.correlation(neuron: neuron, point: point)
          == oracle.correlation(neuron: neuron, point: point), label)
    }
  }

  /// `LinearScan` itself against the definition, and the scan that stores nothing against `LinearScan`.
  @Test(arguments: [1, 2, 17, 300])
  func linearScanEqualsTheDefinition(neurons: Int) {
    var random = SeededGenerator(seed: 3)
    let weights = random.wholeMatrix(rows: neurons, columns: 4), x = random.wholeMatrix(rows: 70, columns: 4)
    let points = DataPoints.dense(x)
    let scan = Memory.demand(try LinearScan(weights: weights, points: points, workers: .all))
    var pairs = 0
    for r in 0..<neurons {
      for i in 0..<70 {
        let s = zip(weights.row(r), x.row(i)).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(scan.correlation(neuron: r, point: i) == s)
        if s >= 2 { pairs += 1 }
      }
    }
    let set = scan.firingSet(atLeast: 2, workers: .all).set
    #expect(set.pairCount == pairs)
    #expect(FiringSet(scanning: .stored(weights), points: points, atLeast: 2, workers: .all) == set)
    set.forEachPair { r, i, s in #expect(s >= 2 && s == scan.correlation(neuron: r, point: i)) }
  }

  /// The memory that is planned is the memory that is held, and an update computes the correlations that are stored.
  @Test(arguments: [1, 2, 17, 300])
  func memoryAndUpdatesAreAsSaid(size: Int) {
    for kind in DetectorKind.allCases {
      let storesNone = [.halfSpaceData, .halfSpaceWeights].contains(kind)
      check(kind.type, size, products: storesNone ? 0 : size)
    }
  }

  private func check<Detector: FiringDetector>(_: Detector.Type, _ size: Int, products: Int) {
    var random = SeededGenerator(seed: 5)
    let weights = random.wholeMatrix(rows: size + 3, columns: 20)
    let points = DataPoints.dense(random.wholeMatrix(rows: size, columns: 20))
    var detector = Memory.demand(try Detector(weights: weights, points: points, workers: .all))
    let required = Detector.requiredMemory(neurons: size + 3, points: size, dimension: 20)
    #expect(detector.memoryBytes == required.bytes, "\(Detector.self)")
    let moved = (0..<Int32(size)).filter { $0 % 2 == 0 }
    let counts = detector.update(moved, from: weights, workers: .all)
    #expect(counts.innerProducts == moved.count * products, "\(Detector.self)")
    #expect(detector.update(0, to: weights.row(1)).innerProducts == products, "\(Detector.self)")
  }

  /// Same bits on any number of threads, with numbers that do round.
  @Test func threadsDoNotChangeBits() {
    var random = SeededGenerator(seed: 8)
    let weights = random.matrix(rows: 3000, columns: 50),
      points = DataPoints.dense(random.matrix(rows: 130, columns: 50))
    let moved = (0..<Int32(3000)).filter { $0 % 7 < 3 }
    func run<Detector: FiringDetector>(_: Detector.Type, threads: Int) -> FiringSet {
      var detector = Memory.demand(
        try Detector(weights: weights, points: points, workers: Workers(threads: threads)))
      detector.update(moved, from: weights, workers: Workers(threads: threads))
      return detector.firingSet(atLeast: 1, workers: Workers(threads: threads)).set
    }
    for kind in DetectorKind.allCases {
      let one = run(kind.type, threads: 1)
      for threads in [2, 3, 5] { #expect(run(kind.type, threads: threads) == one, "\(kind)") }
    }
  }

  /// What a plan expects of a tree, against the counters of one whose pairs fire independently.
  @Test(arguments: [(1000, 16), (300, 200), (64, 1000)], [0.003, 0.05, 0.4])
  func accessesAreAsExpected(size: (neurons: Int, points: Int), share: Double) {
    expectAccesses(of: DataTree.self, size.neurons, size.points, share: share)
    expectAccesses(of: WeightTree.self, size.neurons, size.points, share: share)
  }

  private func expectAccesses<Detector: FiringDetector>(
    of _: Detector.Type, _ neurons: Int, _ points: Int, share: Double
  ) {
    // Orthogonal points: s_ri is coordinate i of weight r.
    var random = SeededGenerator(seed: 11)
    var identity = Matrix(rows: points, columns: points)
    for i in 0..<points { identity[i, i] = 1 }
    let weights = random.matrix(rows: neurons, columns: points)
    var detector = Memory.demand(try Detector(weights: weights, points: .dense(identity), workers: .all))
    // Numbers in [-1, 1) reach this bound with probability `share`.
    let visited = detector.firingSet(atLeast: Float(1 - 2 * share), workers: .all).counts.nodesVisited
    let moved = (0..<Int32(neurons)).filter { $0 % 3 == 0 }
    let next = random.matrix(rows: neurons, columns: points)
    let written = detector.update(moved, from: next, workers: .all).nodesWritten
    let expected = Detector.expectedAccesses(
      neurons: neurons, points: points, share: share, updated: Double(moved.count))
    let label: Comment = "\(Detector.self), \(neurons) neurons, \(points) points, share \(share)"
    #expect(abs(Double(visited) - expected.visited) < 0.2 * expected.visited, label)
    #expect(abs(Double(written) - expected.written) < 0.2 * expected.written, label)
  }
}
