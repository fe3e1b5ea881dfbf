import FireTreeCore

/// An engine and the dense engine trained side by side from the same network.
///
/// After every step the engine is compared with a dense forward pass over its own weights: the pairs that fire
/// (`FiringAudit`) and the loss. So an error is seen in the step in which it happens and not by its consequences. The
/// two losses side by side are compared too. They may drift apart without an error: a pair within rounding of the
/// threshold falls on one side in one engine and on the other in the other, and the gradient jumps there.
public struct Verification: Sendable {
  /// Steps taken.
  public private(set) var iterations = 0
  /// The largest |L_engine - L_dense| / L_dense of the two trainings over all iterations, the initial one included.
  public private(set) var lossDifference = 0.0
  /// The largest relative difference between the engine's loss and that of a dense pass over its weights.
  public private(set) var lossError = 0.0
  /// The same, with what the rounding of the outputs explains taken off: the largest of (|L_engine - L_own| - rho) /
  /// L_own, or 0, where rho is the sum of sqrt(sum g^2 tau^2) and 1/2 curvature sum tau^2 for the standard deviation tau
  /// of the outputs' rounding. What an engine passes by: a loss near 1e-10 of its start is all rounding.
  public private(set) var lossErrorBeyondRounding = 0.0
  /// The audits of all iterations, added up.
  public private(set) var audit = FiringAudit()

  public init() {}

  /// Trains both engines for `iterations` steps.
  ///
  /// `progress` is called after the comparison of each iteration. Throws a failure when the loss diverges.
  /// Complexity: what both engines take, and a dense forward pass a step.
  public static func run(
    _ engine: inout any TrainingEngine, against dense: inout any TrainingEngine, targets: Matrix,
    iterations: Int, loss: any Loss = SquaredLoss(), workers: Workers,
    progress: (Verification) -> Void = { _ in }
  ) throws(FireTreeError) -> Verification {
    var result = Verification()
    while true {
      try result.compare(engine, with: dense, targets: targets, loss: loss, workers: workers)
      progress(result)
      guard result.iterations < iterations else { return result }
      _ = engine.advance(outputGradient: loss.gradient(outputs: engine.outputs, targets: targets))
      _ = dense.advance(outputGradient: loss.gradient(outputs: dense.outputs, targets: targets))
      result.iterations += 1
    }
  }

  private mutating func compare(
    _ engine: any TrainingEngine, with dense: any TrainingEngine, targets: Matrix, loss: any Loss,
    workers: Workers
  ) throws(FireTreeError) {
    let found = loss.value(outputs: engine.outputs, targets: targets)
    let expected = loss.value(outputs: dense.outputs, targets: targets)
    guard found.isFinite && expected.isFinite else {
      throw .failure(
        "training diverged at iteration \(iterations): the learning rate \(dense.optimizer.learningRate) is too large"
      )
    }
    lossDifference = max(lossDifference, Self.relative(found, expected))
    compareLoss(found, of: engine, targets: targets, loss: loss, workers: workers)
    audit += FiringAudit(of: engine, workers: workers)
  }

  /// Compares the engine's loss with that of a dense pass over its weights.
  private mutating func compareLoss(
    _ found: Double, of engine: any TrainingEngine, targets: Matrix, loss: any Loss, workers: Workers
  ) {
    let network = engine.network
    let outputs = network.outputs(for: engine.points, workers: workers)
    let own = loss.value(outputs: outputs, targets: targets)
    let error = Self.relative(found, own)
    lossError = max(lossError, error)
    // Where the two are equal nothing has to be explained.
    guard error > lossErrorBeyondRounding else { return }
    let rounding = OutputRounding(
      of: outputs, network: network, points: engine.points, firing: engine.firingSet, workers: workers)
    let explained = rounding.lossError(
      gradient: loss.gradient(outputs: outputs, targets: targets), curvature: loss.curvature)
    lossErrorBeyondRounding = max(
      lossErrorBeyondRounding, (abs(found - own) - explained) / max(abs(own), .leastNormalMagnitude))
  }

  private static func relative(_ found: Double, _ expected: Double) -> Double {
    found == expected ? 0 : abs(found - expected) / max(abs(expected), .leastNormalMagnitude)
  }
}
