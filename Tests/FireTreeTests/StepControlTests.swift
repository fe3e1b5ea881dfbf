import FireTree
import TestSupport
import Testing

/// What a session does about a loss that rises, against a plain twin.
@Suite struct StepControlTests {
  private struct Problem {
    let points: DataPoints
    let targets: Matrix
    let network: Network
    let momentum: UpdateRule.Momentum

    init(_ momentum: UpdateRule.Momentum, seed: UInt64) throws {
      var random = SeededGenerator(seed: seed)
      let x = random.unitRows(40, columns: 6)
      points = .dense(x)
      targets = random.matrix(rows: 40, columns: 2)
      self.momentum = momentum
      network = try Network(
        neurons: 300, dimension: 6, outputs: 2, threshold: 0.7, seed: 5, form: .seeded, start: .paired)
    }

    func session(_ kind: EngineKind, rate: Float, iterations: Int) throws -> TrainingSession {
      try TrainingSession(
        TrainingProblem(
          points: points, truth: Supervision(targets: targets),
          configuration: TrainingConfiguration(
            neurons: 300, engine: .value(kind), threshold: .value(0.7), learningRate: .value(rate),
            momentum: momentum, iterations: iterations, adapts: true, seed: 5)))
    }

    /// The losses that are seen, by a dense engine and rules written down once more.
    func twin(rate: Float, iterations: Int) -> (losses: [Double], restarts: Int, halvings: Int) {
      var eta = rate
      var engine = EngineKind.dense.make(network, points, rate: rate, momentum: momentum)
      let start = engine.loss(targets)
      var (mark, markLoss, markIteration) = (engine, start, 0)
      var (losses, lowest, iteration) = ([start], start, 0)
      var (sinceDropped, plainSteps, restarts, halvings) = (1000, 0, 0, 0)
      var isNew = true
      while iteration < iterations {
        let loss = losses[losses.count - 1]
        // Marks are set at every tenth step at most, and only at a new lowest loss.
        if iteration - markIteration >= max(10, markIteration / 2), loss < markLoss {
          (mark, markLoss, markIteration) = (engine, loss, iteration)
        }
        let isFar = !(loss <= max(10 * lowest, 1e-6 * start) && loss <= 1.5 * start)
        if isFar {
          halvings += 1
          eta /= 2
          (engine, lowest, iteration) = (mark, markLoss, markIteration)
          (sinceDropped, plainSteps, isNew) = (0, 2, true)
        } else {
          let rose = !isNew && loss > losses[losses.count - 2] * 1.0001
          isNew = false
          lowest = min(lowest, loss)
          if momentum == .none { sinceDropped = 0 }
          if rose {
            if sinceDropped <= 3 {
              halvings += 1
              eta /= 2
              plainSteps = 2
            } else {
              restarts += 1
              plainSteps = 1
            }
            sinceDropped = 0
          } else {
            sinceDropped += 1
          }
        }
        engine.rule = UpdateRule(rate: eta, momentum: plainSteps > 0 ? .none : momentum)
        plainSteps = max(plainSteps - 1, 0)
        engine.step(towards: targets)
        losses.append(engine.loss(targets))
        iteration += 1
      }
      return (losses, restarts, halvings)
    }
  }

  @Test(
    arguments: EngineKind.allCases, [UpdateRule.Momentum.none, .nesterov(0.9), .heavyBall(0.9)])
  func sessionsDecideAsTheTwin(kind: EngineKind, momentum: UpdateRule.Momentum) throws {
    var (restarts, halvings) = (0, 0)
    for (seed, rate) in [(1, Float(0.5)), (2, 2), (3, 4), (4, 20), (5, 1000)] {
      let problem = try Problem(momentum, seed: UInt64(seed))
      let twin = problem.twin(rate: rate, iterations: 25)
      let (session, history) = (try problem.session(kind, rate: rate, iterations: 25), History())
      try session.run(observers: [history])
      // The last record is seen before the session goes back at its end.
      let found = history.losses
      #expect(found.count == twin.losses.count, "rate \(rate)")
      for (step, (a, b)) in zip(found, twin.losses).enumerated() {
        #expect(abs(a - b) <= 1e-3 * b || !(b < 1e6), "rate \(rate), step \(step): \(a), \(b)")
      }
      restarts += twin.restarts
      halvings += twin.halvings
      #expect(session.rule.rate == rate / Float(1 << twin.halvings))
      #expect(session.record.loss <= 1.5 * found[0])
    }
    #expect(halvings > 5 && (momentum == .none || restarts > 0))
  }

  /// A loss that explodes in the last step is not what training ends with.
  @Test(arguments: EngineKind.allCases) func aLastStepThatExplodes(kind: EngineKind) throws {
    for rate in [Float(1e3), 1e30] {
      let session = try Problem(.nesterov(0.9), seed: 1).session(kind, rate: rate, iterations: 1)
      let start = session.record.loss
      try session.run()
      #expect(session.record.loss == start && session.record.iteration == 0)
      #expect(session.notes.contains { $0.contains("went back to iteration 0") })
      let network = session.finishState().network
      #expect((0..<300).allSatisfy { network.hiddenWeights.row($0).allSatisfy(\.isFinite) })
    }
  }

  /// Nothing is done unless it is wanted: by default with an automatic rate alone.
  @Test func onlyWhereItIsWanted() {
    func isAdaptive(_ rate: TrainingConfiguration.LearningRate, _ adapts: Bool?) -> Bool {
      TrainingConfiguration(learningRate: rate, adapts: adapts).isAdaptive
    }
    #expect(isAdaptive(.automatic, nil) && !isAdaptive(.value(1), nil))
    #expect(isAdaptive(.value(1), true) && !isAdaptive(.automatic, false))
    var control = StepControl(
      rule: UpdateRule(rate: 1, momentum: .nesterov(0.9)), isAdaptive: false, start: 1)
    for loss in [1, 0.5, 100, .nan, 3] {
      #expect(control.decide(after: loss) == .init(rule: UpdateRule(rate: 1, momentum: .nesterov(0.9))))
    }
  }

  /// Losses at the level of rounding cause nothing.
  @Test func smallRisesAreRounding() {
    var control = StepControl(rule: UpdateRule(rate: 1, momentum: .nesterov(0.9)), isAdaptive: true, start: 1)
    for loss in [1, 1e-9, 1e-9 * 1.00005, 1e-9, 5e-8] { _ = control.decide(after: loss) }
    #expect(control.halvings == 0 && control.restarts == 1)
    #expect(control.decide(after: 2e-6).goesBack && control.rule.rate == 0.5)
  }
}
