import FireTree
import TestSupport
import Testing

/// The automatic engine of a training problem.
@Suite struct PlanningTests {
  private func problem(
    points: Int = 10, dimension: Int = 20, neurons: Int = 3000,
    engine: TrainingConfiguration.Engine = .automatic,
    share: Double = 0.02
  ) throws -> TrainingProblem {
    var random = SeededGenerator(seed: 31)
    let dataset = Dataset(
      source: "points", kind: .table, features: .dense(random.matrix(rows: points, columns: dimension)),
      target: .values((0..<points).map { Double($0 % 7) }))
    return try TrainingProblem(
      dataset,
      configuration: TrainingConfiguration(
        neurons: neurons, engine: engine, threshold: .firingShare(share), iterations: 5))
  }

  @Test func automaticIsTheDefaultAndTakesThePlan() throws {
    #expect(TrainingConfiguration().engine == .automatic)
    let problem = try problem()
    let plan = problem.plan()
    let (kind, reason) = try problem.chooseEngine()
    #expect(kind == plan.choice && reason == plan.reason && plan.iterations == 5)
    // 512 neurons and 10 points are looked at: the share is known to a tenth or so.
    #expect(abs(plan.firingShare - 0.02) < 0.01)
  }

  /// Small problems are planned with the standard machine: the same choice, and so the same bits, at every run.
  @Test func smallProblemsAreNotMeasured() throws {
    let problem = try problem()
    let memory = ByteCount(1 << 40)
    #expect(problem.plan(availableMemory: memory) == problem.plan(availableMemory: memory))
    let machine = MachineProfile.standard(for: problem.shape)
    #expect(problem.plan(availableMemory: memory) == problem.plan(machine: machine, availableMemory: memory))
    let large = try self.problem(points: 500, dimension: 300, neurons: 2_000_000)
    #expect(
      large.plan(availableMemory: memory)
        != large.plan(machine: .standard(for: large.shape), availableMemory: memory))
  }

  @Test(arguments: EngineKind.allCases) func anEngineThatIsNamedIsTaken(kind: EngineKind) throws {
    let problem = try problem(engine: .value(kind))
    let (chosen, reason) = try problem.chooseEngine()
    #expect(chosen == kind && reason == nil)
  }

  @Test func theModelSaysWhichEngineItWas() throws {
    for share in [0.02, 0.9] {
      // Where most pairs fire, dense pays once there are many points.
      let problem = try problem(points: share == 0.9 ? 400 : 16, dimension: 500, share: share)
      let kind = try problem.chooseEngine().kind
      let session = try TrainingSession(problem)
      try session.step()
      #expect(session.kind == kind && session.finish().training.engine == kind.rawValue)
      #expect((kind == .dense) == (share == 0.9))
    }
  }

  @Test func aWidthThatNoEngineFits() throws {
    let problem = try problem(neurons: Int(Int32.max), engine: .automatic)
    let error = #expect(throws: FireTreeError.self) { try problem.chooseEngine() }
    #expect(error?.kind == .usage)
    #expect(
      error?.reason.hasPrefix("no engine fits: ") == true
        && error?.reason.contains(" bytes) of memory") == true)
  }
}
