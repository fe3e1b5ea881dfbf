import CorrelationTrees
import FireTreeCore

/// What a training loop tells about the state after a number of steps.
public struct TrainingRecord: Sendable, Equatable {
  /// Steps taken; 0 is the initial network.
  public var iteration: Int
  /// The loss after those steps.
  public var loss: Double
  /// Share of the n m pairs that fire after those steps.
  public var firingShare: Double
  /// What the last step did; nil at iteration 0.
  public var step: StepReport?
  /// Wall-clock seconds of the last step, its loss and gradient included; nil at iteration 0.
  public var seconds: Double?

  public init(
    iteration: Int, loss: Double, firingShare: Double, step: StepReport? = nil, seconds: Double? = nil
  ) {
    self.iteration = iteration
    self.loss = loss
    self.firingShare = firingShare
    self.step = step
    self.seconds = seconds
  }
}

/// Watches training from outside; a loop has any number of them.
public protocol TrainingObserver: AnyObject {
  /// Called at iteration 0 and after every step. `engine` can be asked for its network and firing set.
  ///
  /// Throws to end the training with that error.
  func observe(_ record: TrainingRecord, engine: any TrainingEngine) throws

  /// True to end training after the step that was just observed.
  var wantsStop: Bool { get }
}

extension TrainingObserver {
  public var wantsStop: Bool { false }
}

/// Full-batch training: loss, gradient, step, until something stops it.
public struct TrainingLoop: Sendable {
  public enum StopReason: String, Sendable {
    case iterations
    case targetLoss = "target loss"
    case observer
  }

  public var loss: any Loss
  /// Steps to take at most.
  public var iterations: Int
  /// Stops when the loss is at most this.
  public var targetLoss: Double?

  public init(loss: any Loss = SquaredLoss(), iterations: Int, targetLoss: Double? = nil) {
    self.loss = loss
    self.iterations = iterations
    self.targetLoss = targetLoss
  }

  /// A loss that has grown this many times over its start counts as diverged.
  static let divergenceFactor = 1e3

  /// Trains until an iteration count, the target loss or an observer says stop.
  ///
  /// Shapes: `targets` n x C. Returns the last record and why training stopped.
  /// - Throws: `FireTreeError.failure` that names the learning rate when the loss is not finite or has grown a
  ///   thousandfold; what observers throw.
  public func run(
    _ engine: inout any TrainingEngine, targets: Matrix, observers: [any TrainingObserver] = []
  ) throws -> (last: TrainingRecord, reason: StopReason) {
    precondition(
      targets.rows == engine.outputs.rows && targets.columns == engine.outputs.columns,
      "targets and outputs differ in shape")
    let pairs = Double(engine.points.count) * Double(engine.neuronCount)
    var record = TrainingRecord(
      iteration: 0, loss: loss.value(outputs: engine.outputs, targets: targets),
      firingShare: Double(engine.firingPairs) / pairs)
    let start = record.loss
    while true {
      try requireConvergence(record, start: start, learningRate: engine.optimizer.learningRate)
      for observer in observers { try observer.observe(record, engine: engine) }
      if record.iteration >= iterations { return (record, .iterations) }
      if let targetLoss, record.loss <= targetLoss { return (record, .targetLoss) }
      if observers.contains(where: \.wantsStop) { return (record, .observer) }
      let duration = ContinuousClock().measure {
        record.step = engine.advance(outputGradient: loss.gradient(outputs: engine.outputs, targets: targets))
        record.loss = loss.value(outputs: engine.outputs, targets: targets)
      }
      record.iteration += 1
      record.seconds = duration.seconds
      record.firingShare = Double(engine.firingPairs) / pairs
    }
  }

  private func requireConvergence(
    _ record: TrainingRecord, start: Double, learningRate: Float
  ) throws(FireTreeError) {
    guard !record.loss.isFinite || record.loss > Self.divergenceFactor * max(start, 1e-30) else { return }
    guard record.iteration > 0 else {
      throw .failure(
        "the initial network's loss is \(record.loss): the threshold, the weights or the data are too large")
    }
    throw .failure(
      "training diverged at iteration \(record.iteration) (loss \(record.loss), at the start \(start)): "
        + "the learning rate \(learningRate) is too large")
  }
}
