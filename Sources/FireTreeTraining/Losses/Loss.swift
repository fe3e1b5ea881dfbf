import FireTreeCore

/// What the outputs should be, and how much each point counts.
public struct Supervision: Sendable, Equatable {
  /// y_i, one point a row (n x C).
  public var targets: Matrix
  /// omega_i (n): a weight of 2 counts as two copies of the point, 0 as its absence. All are 1 when this is nil.
  public var weights: [Float]?

  /// Precondition: a weight for every point, at least 0 and finite.
  public init(targets: Matrix, weights: [Float]? = nil) {
    precondition(weights.map { $0.count == targets.rows } ?? true, "a weight for every point")
    precondition(weights?.allSatisfy { $0 >= 0 && $0.isFinite } ?? true, "weights are at least 0 and finite")
    self.targets = targets
    self.weights = weights
  }

  /// omega_i.
  func weight(_ point: Int) -> Float { weights?[point] ?? 1 }
}

/// What a prediction applies to the outputs before it reads them.
public enum OutputLink: String, Sendable, Codable {
  case identity
}

/// A loss on the outputs of all data points. Engines see only its gradient.
public protocol Loss: Sendable {
  /// The name that options and model files use.
  static var name: String { get }

  /// L. Shapes: `outputs` n x C, as the targets.
  func value(outputs: Matrix, truth: Supervision) -> Double

  /// g_i, the gradient of L in f_i (n x C).
  func gradient(outputs: Matrix, truth: Supervision) -> Matrix

  /// An upper bound of the largest eigenvalue of the Hessian of L in all outputs. The automatic learning rate
  /// divides by it.
  func curvature(truth: Supervision) -> Double

  /// What a prediction applies to the outputs.
  var link: OutputLink { get }
}

extension Loss {
  public var name: String { Self.name }
}
