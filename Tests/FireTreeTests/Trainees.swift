import FireTree
import TestSupport

extension TrainingProblem {
  /// The engine that a session of this problem makes, with the rule of its steps; at `rate` when that is given.
  func trainee(_ kind: EngineKind, rate: Float? = nil) throws -> Trainee {
    let rule = rate.map { UpdateRule(rate: $0, momentum: configuration.momentum) }
    let session = try TrainingSession(self, engine: kind, rule: rule)
    return Trainee(session.engine, rule: session.rule)
  }
}

/// Keeps every record.
final class History: TrainingObserver {
  private(set) var records: [TrainingRecord] = []
  var losses: [Double] { records.map(\.loss) }
  var stopsAfter: Int?

  func observe(_ record: TrainingRecord, session: TrainingSession) { records.append(record) }
  var wantsStop: Bool { stopsAfter.map { records.count > $0 } ?? false }
}
