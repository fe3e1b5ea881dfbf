/// The state of a training after a number of steps, and what the last step did.
public struct TrainingRecord: Sendable, Equatable {
  /// Steps taken; 0 is the initial network.
  public var iteration: Int
  /// The loss after those steps.
  public var loss: Double
  /// Pairs that fire after those steps, and their share of all n m pairs.
  public var firingPairs: Int
  public var firingShare: Double
  /// What the last step did; nil at iteration 0.
  public var step: StepReport?
  /// Wall-clock seconds of the last step, its loss and gradient included; nil at iteration 0.
  public var seconds: Double?

  public init(
    iteration: Int, loss: Double, firingPairs: Int, firingShare: Double, step: StepReport? = nil,
    seconds: Double? = nil
  ) {
    self.iteration = iteration
    self.loss = loss
    self.firingPairs = firingPairs
    self.firingShare = firingShare
    self.step = step
    self.seconds = seconds
  }
}

/// Watches training from outside; a session has any number of them.
public protocol TrainingObserver: AnyObject {
  /// Called at iteration 0 and after every step. `session` can be asked for its problem, engine and outputs.
  ///
  /// Throws to end the training with that error.
  func observe(_ record: TrainingRecord, session: TrainingSession) throws

  /// True to end training after the step that was just observed.
  var wantsStop: Bool { get }
}

extension TrainingObserver {
  public var wantsStop: Bool { false }
}
