import FireTreeCore

/// Full-batch gradient descent, plain or with momentum. With g the gradient of a neuron's weights:
///
///     plain        w -= eta g
///     heavy ball   v = mu v + g;  w -= eta v
///     Nesterov     v = mu v + g;  w -= eta (g + mu v)
///
/// (Polyak 1964; Nesterov 1983 in the form of Sutskever et al. 2013, where w is the look-ahead point; the same
/// conventions as PyTorch's SGD.)
public struct GradientDescent: Sendable, Equatable {
  public enum Momentum: Sendable, Equatable {
    case none
    case heavyBall(Float)
    case nesterov(Float)

    /// mu, 0 for none.
    public var coefficient: Float {
      switch self {
      case .none: 0
      case .heavyBall(let mu), .nesterov(let mu): mu
      }
    }
  }

  /// eta.
  public var learningRate: Float
  public var momentum: Momentum

  /// Precondition: a finite learning rate of at least 0, a momentum in [0, 1).
  public init(learningRate: Float, momentum: Momentum = .nesterov(0.9)) {
    precondition(learningRate >= 0 && learningRate.isFinite, "learning rate \(learningRate)")
    precondition(momentum.coefficient >= 0 && momentum.coefficient < 1, "momentum \(momentum.coefficient)")
    self.learningRate = learningRate
    self.momentum = momentum.coefficient == 0 ? .none : momentum
  }

  public var usesVelocity: Bool { momentum != .none }

  /// (p, q), with which every kind is w -= eta (p g + q v), v the new velocity.
  var weightsOfGradientAndVelocity: (Float, Float) {
    switch momentum {
    case .none: (1, 0)
    case .heavyBall: (0, 1)
    case .nesterov(let mu): (1, mu)
    }
  }

  /// Moves one neuron: `gradient` (d) is g, `velocity` (d) and `weights` (d) are updated.
  ///
  /// Returns false when the neuron has come to rest: its gradient was nil (it fires nowhere) and no velocity is left.
  /// A velocity below 1e-30 counts as none, so that decaying velocities do not end in subnormal numbers.
  /// Precondition: `usesVelocity`. Complexity: O(d).
  package func move(
    _ weights: UnsafeMutablePointer<Float>, velocity: UnsafeMutablePointer<Float>,
    gradient: UnsafePointer<Float>?, count: Int
  ) -> Bool {
    let mu = momentum.coefficient
    let (p, q) = weightsOfGradientAndVelocity
    guard let gradient else {
      var largest: Float = 0
      for j in 0..<count {
        velocity[j] *= mu
        weights[j] -= learningRate * (q * velocity[j])
        largest = max(largest, abs(velocity[j]))
      }
      if largest < 1e-30 { velocity.update(repeating: 0, count: count) }
      return largest >= 1e-30
    }
    for j in 0..<count {
      velocity[j] = mu * velocity[j] + gradient[j]
      weights[j] -= learningRate * (p * gradient[j] + q * velocity[j])
    }
    return true
  }
}
