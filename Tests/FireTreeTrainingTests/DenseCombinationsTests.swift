import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Dense training that keeps a seed and coefficients, against the one that stores all weights.
@Suite struct DenseCombinationsTests {
  private static let momenta: [UpdateRule.Momentum] = [.none, .heavyBall(0.8), .nesterov(0.9)]

  private struct Problem {
    let points: DataPoints
    let targets: Matrix
    let state: TrainingState

    /// 70 points of 19 inputs; with `moved` the weights have been trained before, and their velocity is not 0.
    init(
      neurons: Int, initial: InitialWeights.Distribution = .hadamard, start: InitialWeights.Start = .paired,
      isSparse: Bool = false, hasMoved: Bool = false
    ) throws {
      var random = SeededGenerator(seed: UInt64(neurons))
      let x = random.unitRows(70, columns: 19)
      points = isSparse ? .sparse(x.sparse) : .dense(x)
      targets = random.matrix(rows: 70, columns: 3)
      var network = try Network(
        neurons: neurons, dimension: 19, outputs: 3, threshold: 0.8, seed: 3, form: .seeded, initial: initial,
        start: start)
      var velocity: Velocity?
      if hasMoved, let initial = network.weights.initial {
        network.weights = .seeded(
          SeededWeights(
            initial: initial, points: points,
            combinations: random.combinations(rows: neurons, points: 70, share: 0.1)))
        velocity = .combinations(random.combinations(rows: neurons, points: 70, share: 0.1))
      }
      state = TrainingState(network: network, velocity: velocity, iteration: hasMoved ? 5 : 0)
    }

    /// Losses of 12 steps, and the engine after them.
    func train(
      _ form: HiddenWeights.Form, _ rule: UpdateRule, threads: Int = 2
    ) -> (losses: [Double], engine: Trainee) {
      var state = state
      state.form = form
      var engine = EngineKind.dense.make(state, points, rule, threads: threads)
      let losses = engine.losses(targets: targets, iterations: 12)
      return (losses, engine)
    }
  }

  /// Both forms from the same state, over several tiles and shards; what is held at the end, and its velocity.
  @Test(
    arguments: InitialWeights.Distribution.allCases.flatMap { i in
      InitialWeights.Start.allCases.map { (i, $0) }
    }, [false, true])
  func bothFormsTrainAlike(
    of initial: (InitialWeights.Distribution, InitialWeights.Start), hasMoved: Bool
  ) throws {
    for momentum in Self.momenta where !hasMoved || momentum != .none {
      for (neurons, isSparse) in [(1, false), (33, true), (700, false), (5001, true)] {
        let problem = try Problem(
          neurons: neurons, initial: initial.0, start: initial.1, isSparse: isSparse, hasMoved: hasMoved)
        let rule = UpdateRule(rate: 0.2, momentum: momentum)
        let (seeded, stored) = (problem.train(.seeded, rule), problem.train(.stored, rule))
        for (a, b) in zip(seeded.losses, stored.losses) {
          #expect(abs(a - b) <= 1e-5 * stored.losses[0], "\(neurons) neurons, \(momentum)")
        }
        let (found, expected) = (seeded.engine.state, stored.engine.state)
        #expect(found.network.weights.form == .seeded && expected.network.weights.form == .stored)
        // A pair within rounding of the threshold may fire in one and not in the other: of hundreds of thousands, few.
        let (weights, ofStored) = (found.network.hiddenWeights, expected.network.hiddenWeights)
        #expect(weights.rowsThatDiffer(from: ofStored, by: 1e-4) <= 3)
        #expect(found.iteration == expected.iteration)
        guard momentum != .none, case .combinations(let beta) = found.velocity,
          case .stored(let velocity) = expected.velocity
        else {
          #expect(found.velocity == nil && expected.velocity == nil)
          continue
        }
        let materialized = try beta.materialized(points: problem.points)
        #expect(materialized.rowsThatDiffer(from: velocity, by: 1e-4) <= 3)
        #expect(neurons < 700 || (seeded.losses[0] > seeded.losses[12] && beta.count > 1000))
      }
    }
  }

  /// The bits depend neither on threads nor on whether the pattern is kept; a state given back goes on with the same ones.
  @Test(arguments: momenta) func bits(momentum: UpdateRule.Momentum) throws {
    let (problem, rule) = (try Problem(neurons: 5001), UpdateRule(rate: 0.2, momentum: momentum))
    let expected = problem.train(.seeded, rule)
    for threads in [1, 3] {
      let found = problem.train(.seeded, rule, threads: threads)
      #expect(found.losses == expected.losses && found.engine.state == expected.engine.state)
    }
    var unkept = Trainee.dense(problem.state.network, problem.points, rule, bitBudget: ByteCount(0))
    #expect(unkept.losses(targets: problem.targets, iterations: 12) == expected.losses)
    #expect(unkept.state == expected.engine.state)
    var whole = expected.engine
    var parted = EngineKind.dense.make(whole.state, problem.points, rule)
    #expect(parted.outputs == whole.outputs)
    #expect(
      parted.losses(targets: problem.targets, iterations: 3)
        == whole.losses(targets: problem.targets, iterations: 3))
    #expect(parted.state == whole.state)
  }

  /// Where the weights have to be stored, they are: a velocity element by element, decay, another training's points.
  @Test func statesThatAreStored() throws {
    let problem = try Problem(neurons: 33, hasMoved: true)
    let rule = UpdateRule(rate: 0.2, momentum: .nesterov(0.9))
    #expect(EngineKind.dense.make(problem.state, problem.points, rule).network.weights.form == .seeded)
    var state = problem.state
    state.velocity = .stored(Matrix(rows: 33, columns: 19))
    #expect(EngineKind.dense.make(state, problem.points, rule).network.weights.form == .stored)
    let decay = UpdateRule(rate: 0.2, momentum: .nesterov(0.9), decay: 0.1)
    #expect(EngineKind.dense.make(problem.state, problem.points, decay).network.weights.form == .stored)
    var random = SeededGenerator(seed: 2)
    let others = DataPoints.dense(random.unitRows(70, columns: 19))
    state.velocity = nil
    #expect(EngineKind.dense.make(state, others, rule).network.weights.form == .stored)
    var engine = EngineKind.dense.make(problem.state, problem.points, rule)
    let gradient = Matrix(rows: 70, columns: 3)
    #expect(throws: FireTreeError.usage("the engine dense: seeded weights do not follow a decay; store them"))
    {
      try engine.engine.advance(StepInput(gradient: gradient, rule: decay))
    }
    #expect(engine.state == problem.state)
  }
}

extension Matrix {
  fileprivate func rowsThatDiffer(from other: Matrix, by distance: Float) -> Int {
    (0..<rows).count { row in zip(self.row(row), other.row(row)).contains { abs($0 - $1) > distance } }
  }
}
