import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// What every engine owes to whoever drives it: see `TrainingEngine`.
@Suite struct ContractTests {
  private static let momenta: [UpdateRule.Momentum] = [.none, .heavyBall(0.8), .nesterov(0.9)]

  /// 30 points, 150 neurons, two outputs.
  private struct Problem {
    let points: DataPoints
    let targets: Matrix
    let fresh: DataPoints
    var network: Network

    init(seed: UInt64 = 4, form: HiddenWeights.Form = .stored, isSparse: Bool = false) {
      var random = SeededGenerator(seed: seed)
      let x = random.unitRows(30, columns: 12)
      points = isSparse ? .sparse(x.sparse) : .dense(x)
      targets = random.matrix(rows: 30, columns: 2)
      fresh = .dense(random.unitRows(9, columns: 12))
      network = Memory.demand(
        try Network(neurons: 150, dimension: 12, outputs: 2, threshold: 0.7, seed: seed, form: form))
    }

    func engine(_ kind: EngineKind, _ momentum: UpdateRule.Momentum = .none) -> Trainee {
      kind.make(network, points, rate: 0.1, momentum: momentum)
    }
  }

  /// Everything that can be seen of an engine, in bits.
  private struct Snapshot: Equatable {
    var outputs: Matrix
    var firing: FiringSet
    var weights: Matrix
    var iteration: Int

    init(_ trainee: Trainee) {
      outputs = trainee.outputs
      firing = trainee.firingSet
      iteration = trainee.engine.iteration
      var rows = Matrix(rows: trainee.outputWeights.rows, columns: trainee.points.dimension)
      for neuron in 0..<rows.rows {
        trainee.engine.withWeights(neuron..<neuron + 1) { tile in
          for j in 0..<tile.columns { rows[neuron, j] = tile[0, j] }
        }
      }
      weights = rows
    }
  }

  // MARK: - Going back

  /// A mark brings back every bit, however often, and what comes after it is the same again.
  @Test(arguments: EngineKind.allCases, momenta)
  func restoringBringsBackTheBits(kind: EngineKind, momentum: UpdateRule.Momentum) {
    let problem = Problem()
    var engine = problem.engine(kind, momentum)
    for _ in 0..<4 { engine.step(towards: problem.targets) }
    engine.engine.mark()
    let marked = Snapshot(engine)
    var after: [Snapshot] = []
    for _ in 0..<2 {
      for _ in 0..<7 { engine.step(towards: problem.targets) }
      after.append(Snapshot(engine))
      engine.engine.restore()
      #expect(Snapshot(engine) == marked)
    }
    #expect(after[0] == after[1] && after[0].outputs != marked.outputs)
  }

  // MARK: - States

  /// A settled engine and one that is made from its state go on with the same bits.
  @Test(
    arguments: EngineKind.allCases, [HiddenWeights.Form.stored, .seeded])
  func aSettledStateIsAllThereIs(kind: EngineKind, form: HiddenWeights.Form) throws {
    for momentum in Self.momenta {
      let problem = Problem(form: form)
      var engine = problem.engine(kind, momentum)
      for _ in 0..<6 { engine.step(towards: problem.targets) }
      let losses = [engine.loss(problem.targets)]
      try engine.engine.settle()
      #expect(abs(engine.loss(problem.targets) - losses[0]) <= 1e-5 * losses[0], "\(momentum)")
      let state = engine.state
      #expect(state.iteration == 6 && (state.velocity != nil) == (momentum != .none))
      var other = kind.make(state, problem.points, engine.rule)
      #expect(Snapshot(other) == Snapshot(engine), "\(momentum)")
      for _ in 0..<6 {
        engine.step(towards: problem.targets)
        other.step(towards: problem.targets)
      }
      #expect(Snapshot(other) == Snapshot(engine) && engine.engine.iteration == 12, "\(momentum)")
    }
  }

  /// Training that is cut in two by a state gives the losses of training in one piece: velocities are carried on.
  @Test(arguments: EngineKind.allCases, momenta)
  func aStateCarriesVelocities(kind: EngineKind, momentum: UpdateRule.Momentum) {
    let problem = Problem(seed: 11)
    var whole = EngineKind.dense.make(problem.network, problem.points, rate: 0.05, momentum: momentum)
    let expected = whole.losses(targets: problem.targets, iterations: 10)
    var engine = kind.make(problem.network, problem.points, rate: 0.05, momentum: momentum)
    _ = engine.losses(targets: problem.targets, iterations: 5)
    var second = kind.make(engine.state, problem.points, engine.rule)
    let losses = second.losses(targets: problem.targets, iterations: 5)
    for (k, loss) in losses.enumerated() {
      #expect(abs(loss - expected[5 + k]) <= 2e-5 * expected[5 + k], "step \(5 + k)")
    }
  }

  /// Neither training nor giving back copies the weights: they lie where they lay.
  ///
  /// Half-space detectors hold a second copy of the weights by design.
  @Test(arguments: EngineKind.allCases.filter { ![.halfSpaceData, .halfSpaceWeights].contains($0) })
  func storedWeightsAreMoved(kind: EngineKind) throws {
    func address(_ network: Network) -> UnsafePointer<Float> {
      network.weights.withTile(0..<1) { $0.base }
    }
    let problem = Problem()
    // Made here alone, so that nobody else holds them.
    var state = TrainingState(
      network: try Network(neurons: 150, dimension: 12, outputs: 2, threshold: 0.7, seed: 4))
    let before = address(state.network)
    var engine = try kind.type.init(
      consume state, points: problem.points, expecting: UpdateRule(rate: 0.1, momentum: .nesterov(0.9)),
      team: LocalTeam(workers: Workers(threads: 2)))
    for _ in 0..<5 {
      var gradient = engine.outputs(.all)
      for i in 0..<30 { for c in 0..<2 { gradient[i, c] -= problem.targets[i, c] } }
      _ = try engine.advance(StepInput(gradient: gradient, rule: engine.expectedRule))
    }
    state = engine.finish()
    #expect(address(state.network) == before && state.network.hiddenWeights != problem.network.hiddenWeights)
  }

  /// A row's outputs have the same bits alone and among any others, whatever its place.
  @Test(arguments: [3, 40, 70, 300], [7, 150, 700])
  func rowsHaveTheSameBitsAloneAndAmongOthers(dimension: Int, neurons: Int) throws {
    var random = SeededGenerator(seed: UInt64(dimension + neurons))
    let x = random.unitRows(530, columns: dimension)
    let network = try Network(
      neurons: neurons, dimension: dimension, outputs: 3, threshold: 0.2, seed: 2)
    let all = try network.outputs(for: .dense(x), workers: Workers(threads: 2))
    for count in [1, 2, 63, 64, 65, 129, 255, 256, 257] {
      for first in [0, 1, 100, 273] {
        let rows = Memory.demand(try x.rows(first..<first + count))
        let some = Memory.demand(try network.outputs(for: .dense(rows), workers: Workers(threads: 3)))
        #expect(
          (0..<count).allSatisfy { some.row($0) == all.row(first + $0) }, "\(count) rows from \(first)")
      }
    }
  }

  /// Gram space has no room for velocities that are not combinations of points.
  @Test(arguments: [EngineKind.gram, .kinetic]) func aStoredVelocityIsRefused(kind: EngineKind) {
    let problem = Problem()
    let state = TrainingState(
      network: problem.network, velocity: .stored(Matrix(rows: 150, columns: 12)), iteration: 3)
    let error = #expect(throws: FireTreeError.self) {
      _ = try kind.type.init(
        state, points: problem.points, expecting: UpdateRule(rate: 0.1), team: LocalTeam())
    }
    #expect(error?.kind == .usage && error?.reason.contains(kind.rawValue) == true)
  }

  /// Weights by tiles are those of the state.
  @Test(arguments: EngineKind.allCases, [HiddenWeights.Form.stored, .seeded])
  func tilesAreTheWeights(kind: EngineKind, form: HiddenWeights.Form) {
    let problem = Problem(form: form)
    var engine = problem.engine(kind, .nesterov(0.9))
    for _ in 0..<5 { engine.step(towards: problem.targets) }
    let (network, seen) = (engine.network, Snapshot(engine).weights)
    #expect(network.hiddenWeights.distance(to: seen) < 1e-6)
    #expect(network.hiddenWeights.distance(to: problem.network.hiddenWeights) > 1e-3)
  }

  // MARK: - Rules and points

  /// A step of the gradient at some points, in doubles.
  private static func plainStep(
    _ weights: inout [[Double]], _ problem: Problem, gradient: Matrix, points chosen: [Int], rule: UpdateRule
  ) {
    let (x, scale) = (problem.points.plainRows, 1 / Double(weights.count).squareRoot())
    for r in weights.indices {
      var step = [Double](repeating: 0, count: 12)
      for (slot, i) in chosen.enumerated() {
        let s = zip(weights[r], x[i]).reduce(0) { $0 + $1.0 * $1.1 }
        guard s > Double(problem.network.threshold) else { continue }
        let c = (0..<2).reduce(0.0) {
          $0 + Double(problem.network.outputWeights[r, $1]) * Double(gradient[slot, $1])
        }
        for j in 0..<12 { step[j] += scale * c * x[i][j] }
      }
      for j in 0..<12 {
        weights[r][j] = weights[r][j] * (1 - Double(rule.rate * rule.decay)) - Double(rule.rate) * step[j]
      }
    }
  }

  /// Steps by the gradient at some of the points, each at a rate of its own, are those of plain descent.
  @Test(arguments: EngineKind.allCases, [false, true])
  func stepsOfSelectedPoints(kind: EngineKind, isSparse: Bool) {
    let problem = Problem(isSparse: isSparse)
    var engine = problem.engine(kind)
    var truth = problem.network.hiddenWeights.elements.map { $0.map(Double.init) }
    for (k, chosen) in [[0, 3, 4, 29], [], [7], Array(0..<30), [1, 2]].enumerated() {
      engine.rule.rate = [0.2, 0.05, 0.4][k % 3]
      let selection = PointSelection.chosen(chosen)
      var gradient = engine.engine.outputs(selection)
      for (slot, i) in chosen.enumerated() {
        for c in 0..<2 { gradient[slot, c] -= problem.targets[i, c] }
      }
      engine.step(gradient, of: selection)
      Self.plainStep(&truth, problem, gradient: gradient, points: chosen, rule: engine.rule)
      let expected = Matrix(truth.map { $0.map(Float.init) })
      #expect(engine.network.hiddenWeights.distance(to: expected) < 2e-6, "step \(k)")
      #expect(engine.audit().missed == 0 && engine.audit().extra == 0)
    }
  }

  /// Decay is followed, or refused before anything has changed.
  @Test(arguments: EngineKind.allCases) func decay(kind: EngineKind) throws {
    let problem = Problem()
    var engine = problem.engine(kind)
    engine.rule.decay = 0.5
    let before = Snapshot(engine)
    guard kind.type.limitation(of: engine.rule) == nil else {
      let gradient = engine.outputs
      let error = #expect(throws: FireTreeError.self) {
        _ = try engine.engine.advance(StepInput(gradient: gradient, rule: engine.rule))
      }
      #expect(error?.kind == .usage && error?.reason.hasPrefix("the engine \(kind.rawValue): ") == true)
      #expect(Snapshot(engine) == before)
      return
    }
    var truth = problem.network.hiddenWeights.elements.map { $0.map(Double.init) }
    for step in 0..<6 {
      var gradient = engine.outputs
      for i in 0..<30 { for c in 0..<2 { gradient[i, c] -= problem.targets[i, c] } }
      engine.step(gradient)
      Self.plainStep(&truth, problem, gradient: gradient, points: Array(0..<30), rule: engine.rule)
      let expected = Matrix(truth.map { $0.map(Float.init) })
      #expect(engine.network.hiddenWeights.distance(to: expected) < 3e-6, "step \(step)")
      #expect(engine.audit().missed == 0 && engine.audit().extra == 0)
    }
  }

  /// Momentum that an engine was not made for, and parameters that none trains, are refused before anything changes.
  @Test(arguments: EngineKind.allCases) func rulesThatCannotBeFollowed(kind: EngineKind) {
    let problem = Problem()
    var engine = problem.engine(kind)
    let (before, gradient) = (Snapshot(engine), engine.outputs)
    let rules = [
      UpdateRule(rate: 0.1, momentum: .nesterov(0.9)), UpdateRule(rate: 0.1, trains: .outputWeights),
    ]
    for (rule, part) in zip(rules, ["without momentum", "hidden weights alone"]) {
      let error = #expect(throws: FireTreeError.self) {
        _ = try engine.engine.advance(StepInput(gradient: gradient, rule: rule))
      }
      #expect(error?.kind == .usage && error?.reason.contains(part) == true)
    }
    #expect(Snapshot(engine) == before)
  }

  /// Momentum may change from step to step, and be none for a while.
  @Test(arguments: EngineKind.allCases) func momentumMayChange(kind: EngineKind) {
    let problem = Problem()
    var (engine, dense) = (problem.engine(kind, .nesterov(0.9)), problem.engine(.dense, .nesterov(0.9)))
    for momentum in [UpdateRule.Momentum.nesterov(0.9), .none, .heavyBall(0.5), .nesterov(0.3), .none] {
      for step in 0..<3 {
        (engine.rule.momentum, dense.rule.momentum) = (momentum, momentum)
        engine.step(towards: problem.targets)
        dense.step(towards: problem.targets)
        let (loss, expected) = (engine.loss(problem.targets), dense.loss(problem.targets))
        #expect(abs(loss - expected) <= 2e-5 * expected, "\(momentum), step \(step)")
      }
    }
  }

  // MARK: - What can be asked

  @Test(arguments: EngineKind.allCases) func outputsOfSelectedAndFreshPoints(kind: EngineKind) throws {
    let problem = Problem()
    var engine = problem.engine(kind, .heavyBall(0.8))
    for _ in 0..<5 { engine.step(towards: problem.targets) }
    let (all, some) = (engine.outputs, engine.engine.outputs(.chosen([2, 5, 28])))
    #expect(some.rows == 3 && some.row(1) == all.row(5) && some.row(2) == all.row(28))
    #expect(engine.engine.outputs(.chosen([])).rows == 0)
    let fresh = try engine.engine.outputs(at: problem.fresh)
    try #expect(fresh.distance(to: engine.network.outputs(for: problem.fresh)) < 1e-6)
    try #expect(engine.engine.outputs(at: problem.points).distance(to: all) < 1e-5)
  }

  /// K z = J J^T z, against J written out in doubles.
  @Test(arguments: EngineKind.allCases) func kernelProducts(kind: EngineKind) throws {
    let problem = Problem()
    var engine = problem.engine(kind)
    for _ in 0..<3 { engine.step(towards: problem.targets) }
    var random = SeededGenerator(seed: 5)
    let z = random.matrix(rows: 30, columns: 2)
    let (found, x, lists) = (try engine.engine.kernelProduct(z), problem.points.plainRows, engine.firingLists)
    for i in 0..<30 {
      for c in 0..<2 {
        var sum = 0.0
        for r in 0..<150 where lists[r].contains(i) {
          let a = (0..<2).map { Double(problem.network.outputWeights[r, $0]) }
          for j in lists[r] {
            let gram = zip(x[i], x[j]).reduce(0) { $0 + $1.0 * $1.1 }
            sum += a[c] * gram * (a[0] * Double(z[j, 0]) + a[1] * Double(z[j, 1])) / 150
          }
        }
        #expect(abs(Double(found[i, c]) - sum) < 1e-5, "\(i), \(c)")
      }
    }
  }

  /// The store of the engines that have one, after every step, over anchors and changes of the pattern.
  @Test(arguments: [EngineKind.gram, .weights, .kinetic], momenta)
  func theStoreKeepsItsInvariants(kind: EngineKind, momentum: UpdateRule.Momentum) throws {
    for seed in [1, 2, 3] as [UInt64] {
      let problem = Problem(seed: seed, isSparse: seed == 2)
      var engine = kind.make(problem.network, problem.points, rate: 0.5, momentum: momentum)
      var anchored = 0
      for _ in 0..<12 {
        anchored += engine.step(towards: problem.targets).counts[.neuronsAnchored]
        checkInvariants(engine.engine)
      }
      #expect(anchored > 0, "seed \(seed)")
    }
  }

  private func checkInvariants(_ engine: any TrainingEngine) {
    if let engine = engine as? GramEngine { engine._checkInvariants() }
    if let engine = engine as? WeightEngine { engine._checkInvariants() }
    if let engine = engine as? KineticEngine { engine._checkInvariants() }
  }
}
