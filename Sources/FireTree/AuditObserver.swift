/// Audits an engine during training and ends it when a pair was missed.
public final class AuditObserver: TrainingObserver {
  private let interval: Int
  /// All audits so far, added up.
  public private(set) var total = FiringAudit()

  /// Audits after every `interval` steps, and at iteration 0. Precondition: `interval` is at least 1.
  public init(every interval: Int) {
    precondition(interval >= 1, "an audit every \(interval) steps")
    self.interval = interval
  }

  /// Throws a failure when the engine missed or invented a pair. Complexity: a dense forward pass when it is due.
  public func observe(_ record: TrainingRecord, session: TrainingSession) throws {
    guard record.iteration % interval == 0 else { return }
    let audit = FiringAudit(of: session.engine)
    total += audit
    guard audit.missed == 0 && audit.extra == 0 else {
      throw FireTreeError.failure(
        "audit at iteration \(record.iteration): of \(audit.firing) pairs that fire, \(audit.missed) were missed, "
          + "and \(audit.extra) others were taken to fire")
    }
  }
}
