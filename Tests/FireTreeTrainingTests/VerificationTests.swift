import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// What `Verification` lets pass and what it does not.
@Suite struct VerificationTests {
  /// A problem whose loss falls to about 1e-11 of its start within 40 steps of plain descent.
  private struct Problem {
    let network: Network
    let points: DataPoints
    let targets: Matrix
    let rate: Float

    init() {
      var random = SeededGenerator(seed: 3)
      points = .dense(random.unitRows(12, columns: 40))
      targets = random.matrix(rows: 12, columns: 2)
      network = Memory.demand(try Network(neurons: 4000, dimension: 40, outputs: 2, threshold: 1, seed: 8))
      let dense = EngineKind.dense.make(network, points, rate: 0)
      rate = Float(1.5 / Memory.demand(try dense.kernel.largestEigenvalue()))
    }

    func verify(_ kind: EngineKind, falseFrom: Int = .max, by error: Float = 0) -> Verification {
      let falseEngine = FalseEngine(
        kind.make(network, points, rate: rate),
        outputs: { outputs, steps in if steps >= falseFrom { outputs[0, 0] += error } })
      var (engine, dense) = (Trainee(falseEngine), EngineKind.dense.make(network, points, rate: rate))
      var result = Verification()
      for iteration in 0...Self.iterations {
        Memory.demand(
          try result.compare(
            engine.engine, after: iteration, expecting: dense.loss(targets),
            truth: Supervision(targets: targets),
            loss: SquaredLoss()))
        engine.step(towards: targets)
        dense.step(towards: targets)
      }
      return result
    }

    static let iterations = 40
  }

  /// Where the loss is all rounding its relative error says nothing, and it is explained by that of the outputs.
  @Test(arguments: EngineKind.allCases)
  func roundingIsNoError(kind: EngineKind) throws {
    let problem = Problem()
    var engine = kind.make(problem.network, problem.points, rate: problem.rate)
    let history = engine.losses(targets: problem.targets, iterations: Problem.iterations)
    #expect(history[Problem.iterations] < 1e-9 * history[0])
    let result = problem.verify(kind)
    #expect(result.audit.missed == 0 && result.audit.extra == 0)
    #expect(result.lossErrorBeyondRounding <= 1e-5, "\(result.lossError)")
    // Engines that add in dense's order have no error at all; the others show what rounding must explain.
    if kind == .gram || kind == .weights { #expect(result.lossError > 1e-5) }
  }

  /// A neuron's contribution that is left out at one point is found, at the start and where little of the loss is left.
  /// One that fires by a tenth adds 0.1 / sqrt(m).
  @Test(arguments: [EngineKind.dense, .gram, .weights], [1, 10, Problem.iterations])
  func aWrongLossIsFound(kind: EngineKind, iteration: Int) throws {
    let problem = Problem()
    let error = 0.1 / Float(problem.network.neuronCount).squareRoot()
    let result = problem.verify(kind, falseFrom: iteration, by: error)
    #expect(result.audit.missed == 0 && result.audit.extra == 0)
    #expect(result.lossErrorBeyondRounding > 1e-5)
    #expect(problem.verify(kind, falseFrom: iteration, by: 0).lossErrorBeyondRounding <= 1e-5)
  }
}
