import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// What a plan knows of a problem and of the machine before anything is trained.
@Suite struct FiringProfileTests {
  private func unitVectors(_ count: Int, dimension: Int) -> Matrix {
    var matrix = Matrix(rows: count, columns: dimension)
    for row in 0..<count { matrix[row, row % dimension] = 1 }
    return matrix
  }

  /// Orthogonal points fire independently, each with the tail of the normal distribution.
  @Test(arguments: [0, 0.5, 1.5] as [Float], [false, true])
  func orthogonalPointsFireIndependently(threshold: Float, isSparse: Bool) {
    let x = unitVectors(200, dimension: 200)
    let profile = FiringProfile(
      points: isSparse ? .sparse(x.sparse) : .dense(x), threshold: threshold, neurons: 100_000,
      workers: Workers(threads: 2))
    let expected = FiringProfile(
      independent: NormalDistribution.tail(Double(threshold)), points: 200)
    // 512 x 200 independent pairs: five standard deviations of their share, and twice that for its square.
    let error = 5 * (expected.share * (1 - expected.share) / (512 * 200)).squareRoot()
    #expect(abs(profile.share - expected.share) < error)
    #expect(abs(profile.squaredShare - expected.squaredShare) < 4 * error * expected.share)
    #expect(profile.activeShare == 1)
  }

  /// Equal points fire together: a neuron fires on all or on none. Also when only a sample of them is looked at.
  @Test(arguments: [1, 2, 300, 5000]) func equalPointsFireTogether(points: Int) {
    var x = Matrix(rows: points, columns: 3)
    for row in 0..<points { x[row, 1] = 1 }
    let profile = FiringProfile(points: .dense(x), threshold: 1, neurons: 1 << 20, workers: .all)
    #expect(abs(profile.squaredShare - profile.share) < 1e-12 && profile.activeShare == profile.share)
    let tail = NormalDistribution.tail(1)
    #expect(abs(profile.share - tail) < 5 * (tail * (1 - tail) / 512).squareRoot())
  }

  /// The sample depends on nothing but the problem.
  @Test func theProfileIsTheSameOnAnyNumberOfThreads() {
    var random = SeededGenerator(seed: 4)
    let points = DataPoints.dense(random.unitRows(1500, columns: 40))
    let profiles = [1, 2, 3].map {
      FiringProfile(points: points, threshold: 1.2, neurons: 5000, workers: Workers(threads: $0))
    }
    #expect(profiles[0] == profiles[1] && profiles[0] == profiles[2])
  }

  /// The estimate from few neurons against all pairs of a whole network.
  @Test func theEstimateIsNearAWholeNetwork() throws {
    var random = SeededGenerator(seed: 9)
    let centres = random.unitRows(5, columns: 30)
    var x = random.matrix(rows: 400, columns: 30)
    for row in 0..<400 {
      var norm: Float = 0
      for column in 0..<30 {
        x[row, column] = 4 * centres[row % 5, column] + 0.3 * x[row, column]
        norm += x[row, column] * x[row, column]
      }
      for column in 0..<30 { x[row, column] /= norm.squareRoot() }
    }
    let points = DataPoints.dense(x)
    let network = try Network(neurons: 20_000, dimension: 30, outputs: 1, threshold: 1.5, seed: 3)
    let set = FiringSet(
      scanning: network.weights, points: points, atLeast: Float(1.5).nextUp, workers: .all)
    let counts = set.shards.flatMap { shard in
      zip(shard.offsets.dropFirst(), shard.offsets).map { Double($0 - $1) }
    }
    let squared = counts.reduce(0) { $0 + $1 * $1 } / (20_000 * 160_000)
    let profile = FiringProfile(points: points, threshold: 1.5, neurons: 20_000, workers: .all)
    let share = Double(set.pairCount) / 8e6
    // The points lie in five clusters: many times what independent pairs would give.
    #expect(squared > 3 * FiringProfile(independent: share, points: 400).squaredShare)
    #expect(abs(profile.share - share) < 0.25 * share)
    #expect(abs(profile.squaredShare - squared) < 0.35 * squared)
    #expect(abs(profile.activeShare - Double(counts.count { $0 > 0 }) / 20_000) < 0.1)
  }

  @Test func nothingFires() {
    #expect(
      FiringProfile(points: .dense(Matrix([[1, 0]])), threshold: 100, neurons: 10, workers: .all) == .silent)
    #expect(
      FiringProfile(points: .dense(Matrix(rows: 0, columns: 3)), threshold: 0, neurons: 10, workers: .all)
        == .silent)
    #expect(FiringProfile(independent: 0, points: 7) == .silent)
  }

  /// Every rate is a positive number, for points of any kind and size.
  @Test func theMachineCanBeMeasuredOnAnything() {
    var random = SeededGenerator(seed: 2)
    let x = random.wholeMatrix(rows: 40, columns: 30)
    for points in [
      DataPoints.dense(Matrix([[1]])), .dense(x), .sparse(x.sparse), .dense(Matrix(rows: 300, columns: 2)),
      .sparse(Matrix(rows: 3, columns: 5).sparse),
    ] {
      let shape = ProblemShape(
        points: points, neurons: 100, outputs: 2, usesVelocity: false,
        firing: FiringProfile(independent: 0.1, points: points.count))
      for machine in [
        MachineProfile(measuring: points, shape: shape, workers: Workers(threads: 2)),
        MachineProfile.standard(for: shape),
      ] {
        for (name, value) in Mirror(reflecting: machine).children {
          let value = value as? Double ?? .nan
          #expect(value > 0 && value.isFinite, "\(name ?? "") of \(points.count) points: \(value)")
        }
      }
    }
  }
}
