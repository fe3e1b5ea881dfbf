import FireTree
import FireTreeTraining
import TestSupport
import Testing

/// Widths that nobody gives.
@Suite struct WidthChoiceTests {
  private func problem(
    points count: Int = 150, threads: Int = 2, _ change: (inout TrainingConfiguration) -> Void = { _ in }
  ) throws -> TrainingProblem {
    var random = SeededGenerator(seed: 12)
    let x = random.unitRows(count, columns: 5)
    let data = Dataset(
      source: "x", kind: .table, features: .dense(x),
      target: .values((0..<count).map { Double(x[$0, 0] * x[$0, 1] + abs(x[$0, 2])) }))
    var configuration = TrainingConfiguration(
      optimizer: .gaussNewton, choosesNeurons: true, workers: Workers(threads: threads))
    change(&configuration)
    return try TrainingProblem(data, configuration: configuration)
  }

  @Test func theSmallestThatIsWideEnough() throws {
    let problem = try problem()
    let width = try #require(problem.width)
    #expect(problem.configuration.neurons == width.neurons && width.isWideEnough)
    #expect(width.error.mean <= width.limit.mean + width.limit.standardError)
    #expect(problem.notes.contains { $0.hasPrefix("neurons: \(width.neurons) (leave-one-out error ") })
    // The next narrower one is not, by the same rule from its own kernel.
    let narrower = [100, 200, 500, 1000, 2000, 5000, 10_000].last { $0 < width.neurons }
    if let narrower {
      let initial = InitialWeights(
        seed: 0, rows: narrower, columns: problem.points.dimension, distribution: problem.initial,
        start: .paired)
      var kernel = try FiniteKernel(
        initial, points: problem.points, threshold: problem.threshold, workers: .all)
      try kernel.grow(to: narrower)
      let path = try RidgePath(
        of: kernel.kernel(), targets: problem.targets, ridge: problem.tuning?.choice.ridge)
      let error = try #require(path.best?.error)
      #expect(error.mean > width.limit.mean + width.limit.standardError)
    }
    #expect(width.neurons > 100, "a problem that needs some width")
    for threads in [1, 3] { #expect(try self.problem(threads: threads).width == width) }
    #expect(try self.problem { $0.seed = 1 }.configuration.neurons >= 100)
  }

  /// The network that comes of it is trained as one of a given width.
  @Test func trainsAsIfItHadBeenGiven() throws {
    let chosen = try problem { $0.iterations = 3 }
    let given = try problem {
      $0.choosesNeurons = false
      $0.neurons = chosen.configuration.neurons
      $0.iterations = 3
    }
    let losses = try [chosen, given].map { problem in
      let session = try TrainingSession(problem, engine: .gram)
      #expect(throws: FireTreeError.self) {
        try session.step(Matrix(rows: 150, columns: 1), of: .all)
      }
      try session.run()
      return session.record.loss
    }
    #expect(losses[0] == losses[1])
  }

  @Test func whatIsGivenIsKept() throws {
    let fixed = try problem {
      $0.threshold = .value(0.4)
      $0.ridge = .value(0)
      $0.preprocessing.constant = 0.7
    }
    #expect(fixed.threshold == 0.4 && fixed.width != nil)
    #expect(fixed.configuration.ridge == .value(0) && fixed.configuration.preprocessing.constant == 0.7)
    #expect(throws: FireTreeError.self) { try problem { $0.threshold = .paper } }
    #expect(throws: FireTreeError.self) { try problem { $0.optimizer = .gradientDescent } }
  }

  /// Two points, equal points, one class: nothing traps.
  @Test func degenerateTables() throws {
    for rows in [
      [[Float(1), 2], [2, 1]], [[1, 1], [1, 1], [1, 1]], [[0, 0], [0, 0], [0, 0], [0, 0]],
    ] {
      let data = Dataset(
        source: "x", kind: .table, features: .dense(Matrix(rows)),
        target: .values(rows.indices.map { Double($0 % 2) }))
      let configuration = TrainingConfiguration(optimizer: .gaussNewton, choosesNeurons: true)
      do throws(FireTreeError) {
        let problem = try TrainingProblem(data, configuration: configuration)
        #expect(problem.configuration.neurons >= 100)
      } catch {
        #expect(error.kind != .failure, "\(error)")
      }
    }
  }
}
