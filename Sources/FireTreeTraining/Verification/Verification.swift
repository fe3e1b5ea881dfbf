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

  /// Whether no pair was missed or extra, and the loss was right to `tolerance` beyond what rounding explains.
  public func passes(tolerance: Double) -> Bool {
    audit.missed == 0 && audit.extra == 0 && lossErrorBeyondRounding <= tolerance
  }

  /// Compares `engine` after `iteration` steps with a dense pass over its weights, and its loss with `expected`, that of the
  /// dense training beside it. Throws a usage error when there is no memory for that. Complexity: a dense forward pass, twice.
  public mutating func compare(
    _ engine: some TrainingEngine, after iteration: Int, expecting expected: Double, truth: Supervision,
    loss: any Loss
  ) throws(FireTreeError) {
    let found = loss.value(outputs: engine.outputs(.all), truth: truth)
    lossDifference = max(lossDifference, Self.relative(found, expected))
    try compareLoss(found, of: engine, truth: truth, loss: loss)
    audit += FiringAudit(of: engine)
    iterations = iteration
  }

  /// Compares the engine's loss with that of a dense pass over its weights.
  private mutating func compareLoss(
    _ found: Double, of engine: some TrainingEngine, truth: Supervision, loss: any Loss
  ) throws(FireTreeError) {
    let outputs = try engine.denseOutputs(at: engine.points)
    let own = loss.value(outputs: outputs, truth: truth)
    let error = Self.relative(found, own)
    lossError = max(lossError, error)
    // Where the two are equal nothing has to be explained.
    guard error > lossErrorBeyondRounding else { return }
    let explained = OutputRounding(of: outputs, engine: engine).lossError(
      gradient: loss.gradient(outputs: outputs, truth: truth), curvature: loss.curvature(truth: truth))
    lossErrorBeyondRounding = max(
      lossErrorBeyondRounding, (abs(found - own) - explained) / max(abs(own), .leastNormalMagnitude))
  }

  private static func relative(_ found: Double, _ expected: Double) -> Double {
    found == expected ? 0 : abs(found - expected) / max(abs(expected), .leastNormalMagnitude)
  }
}
