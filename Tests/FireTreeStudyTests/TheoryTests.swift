import FireTree
import FireTreeStudy
import Foundation
import TestSupport
import Testing

@Suite struct TheoryTests {
  private let workers = Workers(threads: 2)

  @Test func radiusAndShare() {
    #expect(SparsityLemma.radius(threshold: 2) == 0.5 && SparsityLemma.radius(threshold: 0) == .infinity)
    let share = SparsityLemma.share(threshold: 2, norms: [1, 1], movement: 0)
    #expect(abs(share - 0.022750131948179) < 1e-12)
    // A movement of b reaches every second pair; points of norm 2 see half of the threshold, those at 0 nothing.
    #expect(SparsityLemma.share(threshold: 2, norms: [1], movement: 2) == 0.5)
    let mixed = SparsityLemma.share(threshold: 2, norms: [2, 0], movement: 0.5)
    #expect(abs(mixed - NormalDistribution.tail(0.5) / 2) < 1e-15)
    #expect(SparsityLemma.share(threshold: -1, norms: [0], movement: 0) == 1)
    // exp(-m P / 3) for each of two points.
    let failure = SparsityLemma.failureProbability(threshold: 2, norms: [1, 1], movement: 0, neurons: 1000)
    #expect(abs(failure - 2 * exp(-1000 * share / 3)) < 1e-12)
    #expect(SparsityLemma.failureProbability(threshold: 2, norms: [1, 1], movement: 0, neurons: 1) == 1)
  }

  /// The worst that weights can do within a radius: all of them move along a point.
  @Test func theLemmaHolds() {
    var random = SeededGenerator(seed: 8)
    let points = DataPoints.dense(random.unitRows(5, columns: 6))
    let neurons = 20_000, movement: Float = 0.4, threshold: Float = 1.9
    let network = Memory.demand(
      try Network(
        neurons: neurons, dimension: 6, outputs: 1, threshold: threshold, seed: 3, workers: workers))
    var weights = network.hiddenWeights
    let before = FiringSet(
      scanning: network.weights, points: points, atLeast: threshold - movement * 1.0001, workers: workers)
    let direction = points.point(2)
    for r in 0..<neurons { for j in 0..<6 { weights[r, j] += movement * direction[j] } }
    let after = FiringSet(
      scanning: .stored(weights), points: points, atLeast: threshold.nextUp, workers: workers)
    var allowed = Set<[Int]>()
    before.forEachPair { neuron, point, _ in allowed.insert([neuron, point]) }
    var counts = [Int](repeating: 0, count: 5)
    after.forEachPair { neuron, point, _ in
      #expect(allowed.contains([neuron, point]))
      counts[point] += 1
    }
    let share = SparsityLemma.share(threshold: threshold, norms: [1], movement: Double(movement))
    // On the point itself the bound is met: five standard deviations of a binomial number.
    let expected = share * Double(neurons)
    #expect(abs(Double(counts[2]) - expected) < 5 * expected.squareRoot())
    #expect(counts.allSatisfy { Double($0) <= 2 * expected })
  }

  @Test func contractions() {
    let (worst, mean, steps) = TheoryComparison.contractions([8, 4, 1])
    #expect(worst == 0.5 && abs(mean - 0.125.squareRoot()) < 1e-15 && steps == 2)
    // What is left below single precision says nothing.
    #expect(TheoryComparison.contractions([1, 0.5, 1e-9, 2e-9]).steps == 1)
    #expect(TheoryComparison.contractions([1]).worst.isNaN && TheoryComparison.contractions([]).steps == 0)
    #expect(TheoryComparison.contraction(learningRate: 2, smallest: 0.25) == 0.75)
    #expect(TheoryComparison.contraction(learningRate: 2, smallest: -1e-9) == 1)
    // 4 sqrt(9) sqrt(2 * 8) / (sqrt(4) 0.5)
    #expect(TheoryComparison.movement(points: 9, outputs: 1, loss: 8, neurons: 4, smallest: 0.5) == 48)
    #expect(TheoryComparison.movement(points: 9, outputs: 1, loss: 8, neurons: 4, smallest: 0) == .infinity)
  }

  /// One neuron on one point: every number of the comparison is known.
  @Test func workedByHand() throws {
    let settings = StudySettings(size: .smoke, seed: 1, workers: workers)
    // With one neuron the papers' threshold is 0: it fires or not, by the seed.
    for seed in UInt64(0)..<6 {
      var settings = settings
      settings.seed = seed
      settings.data = StudyData(name: "one", points: .dense(Matrix([[1, 0]])), targets: Matrix([[2]]))
      let instance = StudyInstance(points: 1, dimension: 2, neurons: 1, settings)
      let network = try instance.network(workers: workers)
      let s = network.hiddenWeights[0, 0]
      let found = try TheoryComparison(instance, iterations: 3, workers: workers)
      #expect(found.threshold == 0 && found.radius == .infinity && found.outputs == 1)
      #expect(abs(found.expected.largest - 0.5) < 1e-12 && found.expectedShare == 0.5)
      if s > 0 {
        let error = abs(Double(s * network.outputWeights[0, 0]) - 2)
        #expect(found.spectrum == Spectrum(smallest: 1, largest: 1) && found.learningRate == 1)
        #expect(found.predictedContraction == 0.5 && found.startShare == 1)
        #expect(abs(found.predictedMovement - 4 * error) < 1e-5)
        // H is 1 and eta is 1: the error is gone after one step, in which the weight moves by |f - y|. A neuron of
        // a = -1 cannot reach a target of 2 and falls silent instead.
        if network.outputWeights[0, 0] > 0 {
          #expect(abs(found.movement - error) < 1e-6 && found.steps <= 1)
        }
      } else {
        #expect(found.spectrum.largest == 0 && found.predictedContraction == 1 && found.startShare == 0)
        #expect(found.movement == 0 && found.predictedMovement == .infinity)
      }
    }
  }

  /// A training as the analysis has it: each step shrinks the error by what is predicted or more, movement and firing
  /// stay below their bounds.
  @Test func aWideNetworkDoesAsPredicted() throws {
    let settings = StudySettings(size: .smoke, seed: 2, workers: workers)
    let instance = StudyInstance(points: 8, dimension: 12, neurons: 4096, settings)
    let found = try TheoryComparison(instance, iterations: 40, workers: workers)
    #expect(found.worstContraction <= found.predictedContraction && found.steps > 3)
    #expect(found.meanContraction <= found.worstContraction && found.predictedContraction < 1)
    #expect(found.movement > 0 && found.movement <= found.predictedMovement)
    #expect(abs(found.startShare - found.expectedShare) < 0.3 * found.expectedShare)
    #expect(found.largestShare <= 2 * found.shareBound && found.audit.missed == 0)
    #expect(found.audit.compared == 8 * 4096 * (1 + 6 + 1))
    #expect(found.neededNeurons > 4096)
  }

  @Test func movementIsMeasured() throws {
    let settings = StudySettings(size: .smoke, seed: 4, workers: workers)
    let instance = StudyInstance(points: 6, dimension: 5, neurons: 300, settings)
    let rate = try instance.learningRate(workers: workers)
    let course = try TrainingCourse(instance, learningRate: rate, iterations: 5, workers: workers)
    #expect(course.stages.map(\.iteration) == [0, 1, 2, 4, 5] && course.losses.count == 6)
    #expect(course.stages[0].largestMovement == 0)
    // Dense training, watched plainly.
    var dense = EngineKind.dense.make(try instance.network(workers: workers), instance.points, rate: rate)
    _ = dense.losses(targets: instance.targets, iterations: 5)
    let start = try instance.network(workers: workers).hiddenWeights, end = dense.network.hiddenWeights
    let distances = (0..<300).map { r in
      zip(start.row(r), end.row(r)).reduce(0.0) {
        $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
      }.squareRoot()
    }
    let last = try #require(course.stages.last)
    #expect(abs(last.largestMovement - (distances.max() ?? 0)) < 1e-5)
    #expect(abs(last.meanMovement - distances.reduce(0, +) / 300) < 1e-5)
  }
}
