import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

import FireTreeTraining

@Suite struct TangentKernelTests {
  private let points: DataPoints
  private let targets: Matrix

  init() {
    var random = SeededGenerator(seed: 21)
    points = .dense(random.unitRows(20, columns: 10))
    targets = random.matrix(rows: 20, columns: 2)
  }

  private func engine(rate: Float = 0.2, threshold: Float = 0.5) -> Trainee {
    let network = Memory.demand(
      try Network(neurons: 200, dimension: 10, outputs: 2, threshold: threshold, seed: 1))
    return EngineKind.weightTree.make(network, points, rate: rate)
  }

  /// lambda_max against power iteration on the kernel written out entry by entry.
  @Test func largestEigenvalueEqualsThatOfTheWrittenOutKernel() throws {
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
    try #expect(abs(kernel.largestEigenvalue(tolerance: 1e-9, maximumIterations: 3000) - norm) < 1e-5 * norm)
    try #expect(abs(kernel.largestEigenvalue() - norm) < 0.02 * norm)
  }

  /// Products in Gram space and by rows agree within the rounding of sums of up to 20 points.
  @Test(arguments: [-0.5, 0.5, 1.5] as [Float]) func bothFormsOfProductsAgree(threshold: Float) throws {
    var random = SeededGenerator(seed: 22)
    let network = try Network(neurons: 700, dimension: 10, outputs: 3, threshold: threshold, seed: 4)
    for points in [points, .sparse(random.matrix(rows: 20, columns: 10).sparse)] {
      let byRows = TangentKernel(of: network, points: points, team: LocalTeam())
      let byGram = TangentKernel(
        outputWeights: network.outputWeights, points: points, firing: byRows.firing,
        gram: try points.gramMatrix(workers: .all), team: LocalTeam())
      let alone = TangentKernel(
        outputWeights: network.outputWeights, points: points, firing: byRows.firing, gram: byGram.gram,
        team: LocalTeam(workers: Workers(threads: 1)))
      let vector = random.matrix(rows: 20, columns: 3)
      let (a, b) = (try byRows.times(vector), try byGram.times(vector))
      #expect(a.distance(to: b) < 1e-5 * (1 + a.distance(to: Matrix(rows: 20, columns: 3))))
      try #expect(alone.times(vector) == b)
    }
  }

  @Test func aNetworkThatDoesNotFireStaysAsItIs() throws {
    var engine = engine(threshold: 1000)
    let kernel = engine.kernel
    try #expect(kernel.largestEigenvalue() == 0)
    let before = engine.network
    let losses = engine.losses(targets: targets, iterations: 3)
    #expect(engine.network == before && Set(losses).count == 1)
  }

  @Test func velocitiesComeToRest() {
    var (weights, velocity) = ([1, 1] as [Float], [1e-3, -1e-30] as [Float])
    let optimizer = UpdateRule(rate: 0.1, momentum: .nesterov(0.5))
    var steps = 0
    while optimizer.move(&weights, velocity: &velocity, gradient: nil, count: 2) { steps += 1 }
    #expect(velocity == [0, 0] && steps == 89)
    // The sum of eta mu v over the steps: 0.1 * 0.5 * (1e-3 / 2) / (1 - 1/2).
    #expect(abs(weights[0] - (1 - 5e-5)) < 1e-6)
  }

  /// Over its bit budget the dense engine recomputes the pattern and gives the same bits.
  @Test(arguments: [UpdateRule.Momentum.none, .nesterov(0.9)])
  func denseEngineOverItsBudgetGivesTheSameBits(momentum: UpdateRule.Momentum) throws {
    let network = try Network(neurons: 700, dimension: 10, outputs: 2, threshold: 0.5, seed: 3)
    let optimizer = UpdateRule(rate: 0.2, momentum: momentum)
    let results = [ByteCount(1 << 30), ByteCount(0)].map { budget in
      var engine = Trainee.dense(network, points, optimizer, bitBudget: budget)
      return (engine.losses(targets: targets, iterations: 5), engine.network)
    }
    #expect(results[0].0 == results[1].0 && results[0].1 == results[1].1)
  }

  /// Requirements are upper bounds of what is held, and follow absurd sizes without a trap.
  @Test(arguments: EngineKind.allCases)
  func memoryIsPlanned(kind: EngineKind) {
    let shape = ProblemShape(points: points, neurons: 1000, outputs: 3, usesVelocity: true)
    let held = ByteCount.matrix(rows: 1000, columns: 10) * 2 + ByteCount.matrix(rows: 1000, columns: 3)
    #expect(kind.type.memory(for: shape).steps > held)
    let absurd = ProblemShape(points: points, neurons: .max, outputs: 3, usesVelocity: true)
    #expect(kind.type.memory(for: absurd).most.bytes == .max)
  }
}
