import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// A seeded network against its twin with stored weights: the same bits everywhere.
@Suite struct SeededNetworkTests {
  private static func problem(
    _ neurons: Int, isSparse: Bool
  ) -> (seeded: Network, stored: Network, points: DataPoints) {
    var random = SeededGenerator(seed: UInt64(neurons))
    let x = random.unitRows(70, columns: 19)
    let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    let seeded = random.seededNetwork(neurons: neurons, points: points, outputs: 3, threshold: 0.9)
    return (seeded, seeded.storing(workers: Workers(threads: 2)), points)
  }

  @Test(arguments: [1, 2, 17, 600, 5000], [false, true])
  func outputsHaveTheSameBits(neurons: Int, isSparse: Bool) {
    let (seeded, stored, points) = Self.problem(neurons, isSparse: isSparse)
    #expect(seeded.weights.form == .seeded && stored.weights.form == .stored)
    #expect(seeded.hiddenWeights == stored.hiddenWeights)
    // The combinations matter: without them the outputs are others.
    var random = SeededGenerator(seed: 77)
    let others = DataPoints.dense(random.unitRows(300, columns: 19))
    for points in [points, others] {
      let expected = stored.outputs(for: points, workers: Workers(threads: 1))
      for threads in 1...3 {
        #expect(seeded.outputs(for: points, workers: Workers(threads: threads)) == expected)
      }
      let bound = seeded.threshold.nextUp
      #expect(
        FiringSet(scanning: seeded.weights, points: points, atLeast: bound, workers: .all)
          == FiringSet(scanning: stored.weights, points: points, atLeast: bound, workers: .all))
    }
  }

  /// An engine that is given a seeded network trains what its twin trains.
  @Test(arguments: EngineKind.allCases) func enginesTakeSeededNetworks(kind: EngineKind) throws {
    let (seeded, stored, points) = Self.problem(600, isSparse: false)
    var random = SeededGenerator(seed: 1)
    let targets = random.matrix(rows: 70, columns: 3)
    var expected = kind.make(stored, points, rate: 0.1)
    var engine = kind.make(seeded, points, rate: 0.1)
    #expect(engine.firingSet == expected.firingSet)
    #expect(
      try losses(of: &engine, targets: targets, iterations: 5)
        == losses(of: &expected, targets: targets, iterations: 5))
    let audit = FiringAudit(of: engine, workers: .all)
    #expect(audit.firing > 1000 && audit.missed == 0 && audit.extra == 0)
  }

  /// Audits read seeded weights as they are.
  @Test func auditsOfASeededNetwork() {
    let (seeded, stored, points) = Self.problem(600, isSparse: false)
    let dense = EngineKind.dense.make(stored, points, rate: 0.1)
    let found = FiringAudit(of: Echo(network: seeded, firing: dense.firingSet, points: points), workers: .all)
    #expect(found == FiringAudit(of: dense, workers: .all) && found.firing > 1000)
    let none = FiringSet(shards: dense.firingSet.shards.map { _ in FiringSet.Shard() })
    let nothing = FiringAudit(of: Echo(network: seeded, firing: none, points: points), workers: .all)
    #expect(nothing.missed + nothing.ties == found.firing)
  }

  @Test func theInitialNetworkIsTheSameInBothForms() {
    let sizes = (neurons: 700, dimension: 21)
    func network(_ form: HiddenWeights.Form) -> Network {
      Network(
        neurons: sizes.neurons, dimension: sizes.dimension, outputs: 2, threshold: 1, seed: 4, form: form)
    }
    #expect(network(.seeded).storing() == network(.stored) && network(.seeded) != network(.stored))
    #expect(network(.seeded).weights.memoryBytes == 0)
  }
}

/// An engine that claims what it is told.
private struct Echo: TrainingEngine {
  let network: Network
  let firingSet: FiringSet
  let points: DataPoints
  var optimizer = GradientDescent(learningRate: 0)

  init(network: Network, firing: FiringSet, points: DataPoints) {
    self.network = network
    self.firingSet = firing
    self.points = points
  }

  init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    self.init(network: network, firing: FiringSet(shards: []), points: points)
  }

  var outputs: Matrix { network.outputs(for: points) }
  var firingPairs: Int { firingSet.pairCount }
  mutating func advance(outputGradient: Matrix) -> StepReport { StepReport(firingPairs: 0, neuronsMoved: 0) }
  static func requiredMemory(for shape: ProblemShape) -> ByteCount { ByteCount(0) }
  static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    PredictedCost(preprocessing: 0, step: 0)
  }
}
