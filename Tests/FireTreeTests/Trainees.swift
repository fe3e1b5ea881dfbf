import FireTree
import TestSupport

extension TrainingProblem {
  /// An engine of the problem, at its own learning rate unless one is given.
  func trainee(_ kind: EngineKind, rate: Float? = nil) throws -> Trainee {
    Trainee(try makeEngine(kind, learningRate: rate))
  }
}
