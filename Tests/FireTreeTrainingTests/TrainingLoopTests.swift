import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

import FireTreeTraining

@Suite struct TrainingLoopTests {
  private let points: DataPoints
  private let targets: Matrix

  init() {
    var random = SeededGenerator(seed: 21)
    points = .dense(random.unitRows(20, columns: 10))
    targets = random.matrix(rows: 20, columns: 2)
  }

  private func engine(rate: Float = 0.2, threshold: Float = 0.5) -> Trainee {
    let network = Network(neurons: 200, dimension: 10, outputs: 2, threshold: threshold, seed: 1)
    return EngineKind.weightTree.make(network, points, rate: rate)
  }

  @Test func stopsAtTheIterationCount() throws {
    var engine = engine()
    let history = History()
    let (last, reason) = try engine.run(
      TrainingLoop(iterations: 4), targets: targets, observers: [history])
    #expect(
      reason == .iterations && last.iteration == 4 && history.records.map(\.iteration) == [0, 1, 2, 3, 4])
    #expect(history.records[0].step == nil && last == history.records[4])
    let report = try #require(last.step)
    #expect(report.phases.seconds.map(\.phase) == ["gradient", "refresh", "query", "outputs"])
    #expect(last.seconds ?? 0 > 0 && last.firingShare == Double(engine.firingPairs) / 4000)
    #expect(report.firingPairs == Int((history.records[3].firingShare * 4000).rounded()))
  }

  @Test func stopsAtTheTargetLossOrWhenAnObserverAsks() throws {
    var first = engine()
    let losses = try first.losses(targets: targets, iterations: 6)
    var second = engine()
    let (last, reason) = try second.run(
      TrainingLoop(iterations: 6, targetLoss: losses[3]), targets: targets)
    #expect(reason == .targetLoss && last.iteration == 3)
    var third = engine()
    let history = History()
    history.stopsAfter = 2
    #expect(
      try third.run(TrainingLoop(iterations: 6), targets: targets, observers: [history]).reason
        == .observer)
    #expect(history.records.count == 3)
  }

  @Test func divergenceNamesTheLearningRate() throws {
    var engine = engine(rate: 5000)
    let error = #expect(throws: FireTreeError.self) {
      try engine.run(TrainingLoop(iterations: 100), targets: targets)
    }
    #expect(
      error?.kind == .failure && error?.reason.contains("the learning rate 5000.0 is too large") == true)
    #expect(error?.reason.hasPrefix("training diverged at iteration 1 (loss ") == true)
  }

  /// lambda_max against power iteration on the kernel written out entry by entry.
  @Test func largestEigenvalueEqualsThatOfTheWrittenOutKernel() {
    let engine = engine()
    let kernel = engine.kernel
    let network = engine.network
    var fires = [[Bool]](repeating: [Bool](repeating: false, count: 20), count: 200)
    engine.firingSet.forEachPair { r, i, _ in fires[r][i] = true }
    var h = [[Double]](repeating: [Double](repeating: 0, count: 40), count: 40)
    for i in 0..<20 {
      for j in 0..<20 {
        let gram = zip(points.point(i), points.point(j)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        for r in 0..<200 where fires[r][i] && fires[r][j] {
          for c in 0..<2 {
            for e in 0..<2 {
              h[i * 2 + c][j * 2 + e] +=
                gram * Double(network.outputWeights[r, c] * network.outputWeights[r, e]) / 200
            }
          }
        }
      }
    }
    var v = (0..<40).map { 1 + Double($0 % 3) }
    var norm = 0.0
    for _ in 0..<3000 {
      let image = h.map { row in zip(row, v).reduce(0) { $0 + $1.0 * $1.1 } }
      norm = image.reduce(0) { $0 + $1 * $1 }.squareRoot()
      v = image.map { $0 / norm }
    }
    #expect(abs(kernel.largestEigenvalue(tolerance: 1e-9, maximumIterations: 3000) - norm) < 1e-5 * norm)
    #expect(abs(kernel.largestEigenvalue() - norm) < 0.02 * norm)
  }

  @Test func aNetworkThatDoesNotFireStaysAsItIs() throws {
    var engine = engine(threshold: 1000)
    let kernel = engine.kernel
    #expect(kernel.largestEigenvalue() == 0)
    let before = engine.network
    let losses = try engine.losses(targets: targets, iterations: 3)
    #expect(engine.network == before && Set(losses).count == 1)
  }

  @Test func velocitiesComeToRest() {
    var (weights, velocity) = ([1, 1] as [Float], [1e-3, -1e-30] as [Float])
    let optimizer = GradientDescent(learningRate: 0.1, momentum: .nesterov(0.5))
    var steps = 0
    while optimizer.move(&weights, velocity: &velocity, gradient: nil, count: 2) { steps += 1 }
    #expect(velocity == [0, 0] && steps == 89)
    // The sum of eta mu v over the steps: 0.1 * 0.5 * (1e-3 / 2) / (1 - 1/2).
    #expect(abs(weights[0] - (1 - 5e-5)) < 1e-6)
  }

  /// Over its bit budget the dense engine recomputes the pattern and gives the same bits.
  @Test(arguments: [GradientDescent.Momentum.none, .nesterov(0.9)])
  func denseEngineOverItsBudgetGivesTheSameBits(momentum: GradientDescent.Momentum) throws {
    let network = Network(neurons: 700, dimension: 10, outputs: 2, threshold: 0.5, seed: 3)
    let optimizer = GradientDescent(learningRate: 0.2, momentum: momentum)
    let results = try [ByteCount(1 << 30), ByteCount(0)].map { budget in
      var engine = Trainee.dense(network, points, optimizer, bitBudget: budget)
      return (try engine.losses(targets: targets, iterations: 5), engine.network)
    }
    #expect(results[0].0 == results[1].0 && results[0].1 == results[1].1)
  }

  /// Requirements are upper bounds of what is held, and follow absurd sizes without a trap.
  @Test(arguments: EngineKind.allCases)
  func memoryIsPlanned(kind: EngineKind) {
    let shape = ProblemShape(points: points, neurons: 1000, outputs: 3, usesVelocity: true)
    let held = ByteCount.matrix(rows: 1000, columns: 10) * 2 + ByteCount.matrix(rows: 1000, columns: 3)
    #expect(kind.type.requiredMemory(for: shape) > held)
    let absurd = ProblemShape(points: points, neurons: .max, outputs: 3, usesVelocity: true)
    #expect(kind.type.requiredMemory(for: absurd).bytes == .max)
  }
}

/// The audit must see what a broken detector does.
@Suite struct FiringAuditTests {
  /// A detector that loses every pair of one neuron and invents one pair.
  struct Faulty: FiringDetector {
    private var scan: LinearScan
    init(weights: Matrix, points: DataPoints, workers: Workers) {
      scan = LinearScan(weights: weights, points: points, workers: workers)
    }
    var points: DataPoints { scan.points }
    var neuronCount: Int { scan.neuronCount }
    var memoryBytes: Int { scan.memoryBytes }
    static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
      LinearScan.requiredMemory(neurons: neurons, points: points, dimension: dimension)
    }
    func correlation(neuron: Int, point: Int) -> Float { scan.correlation(neuron: neuron, point: point) }
    mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
      scan.update(neuron, to: weights)
    }
    mutating func update(_ neurons: [Int32], from weights: Matrix, workers: Workers) -> OperationCounts {
      scan.update(neurons, from: weights, workers: workers)
    }
    mutating func replacePoint(
      _ index: Int, with point: [Float], weights: Matrix, workers: Workers
    ) -> OperationCounts { scan.replacePoint(index, with: point, weights: weights, workers: workers) }
    func points(of neuron: Int, atLeast bound: Float) -> FiringList {
      scan.points(of: neuron, atLeast: bound)
    }
    func neurons(of point: Int, atLeast bound: Float) -> FiringList {
      scan.neurons(of: point, atLeast: bound)
    }
    func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
      var (set, counts) = scan.firingSet(atLeast: bound, workers: workers)
      var shard = set.shards[0]
      let lost = shard.offsets[1]
      shard.points.replaceSubrange(0..<lost, with: [0])
      shard.correlations.replaceSubrange(0..<lost, with: [9])
      shard.neurons[0] = 1
      shard.offsets = shard.offsets.enumerated().map { $0.offset == 0 ? 0 : $0.element - lost + 1 }
      set.shards[0] = shard
      return (set, counts)
    }
    func _checkInvariants() {}
  }

  @Test func missedAndInventedPairsAreCounted() {
    // Neuron 0 fires on both points, neuron 1 on none, neuron 2 on the second alone, exactly at rounding's edge.
    let network = Network(
      hiddenWeights: Matrix([[2, 2], [0, 0], [0, Float(1).nextUp]]), outputWeights: Matrix([[1], [1], [1]]),
      threshold: 1)
    let points = DataPoints.dense(Matrix([[1, 0], [0, 1]]))
    var audit = TreeEngine<LinearScan>.make(network, points, rate: 0).audit()
    #expect((audit.compared, audit.firing, audit.missed, audit.extra, audit.ties) == (6, 3, 0, 0, 0))
    let faulty = TreeEngine<Faulty>.make(network, points, rate: 0)
    audit = faulty.audit()
    let observer = AuditObserver(every: 2, workers: .all)
    var record = TrainingRecord(iteration: 1, loss: 0, firingShare: 0)
    #expect(throws: Never.self) { try observer.observe(record, engine: faulty.engine) }
    record.iteration = 2
    let error = #expect(throws: FireTreeError.self) { try observer.observe(record, engine: faulty.engine) }
    #expect(
      error?.reason
        == "audit at iteration 2: of 3 pairs that fire, 2 were missed, and 1 others were taken to fire")
    #expect((audit.compared, audit.firing, audit.missed, audit.extra, audit.ties) == (6, 3, 2, 1, 0))
  }
}
