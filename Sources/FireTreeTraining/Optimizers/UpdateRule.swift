import FireTreeCore

/// How a step moves the weights: gradient descent, plain or with momentum. With g the gradient of a neuron's weights:
///
///     plain        w -= eta g
///     heavy ball   v = mu v + g;  w -= eta v
///     Nesterov     v = mu v + g;  w -= eta (g + mu v)
///
/// (Polyak 1964; Nesterov 1983 in the form of Sutskever et al. 2013, where w is the look-ahead point; the same
/// conventions as PyTorch's SGD.) Before that, decay multiplies every weight by 1 - eta lambda (Loshchilov, Hutter 2019,
/// Decoupled Weight Decay Regularization).
///
/// Every step brings its own rule: an engine keeps none.
public struct UpdateRule: Sendable, Equatable {
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

  /// What a step may change.
  public struct Parameters: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// w_r.
    public static let hiddenWeights = Parameters(rawValue: 1)
    /// a_r.
    public static let outputWeights = Parameters(rawValue: 2)
  }

  /// eta.
  public var rate: Float
  public var momentum: Momentum
  /// lambda.
  public var decay: Float
  public var trains: Parameters

  /// Precondition: a positive, finite rate, a momentum in [0, 1), a decay of at least 0 with `rate` `decay` below 1.
  public init(
    rate: Float, momentum: Momentum = .none, decay: Float = 0, trains: Parameters = .hiddenWeights
  ) {
    precondition(rate > 0 && rate.isFinite, "learning rate \(rate)")
    precondition(momentum.coefficient >= 0 && momentum.coefficient < 1, "momentum \(momentum.coefficient)")
    precondition(decay >= 0 && rate * decay < 1, "decay \(decay)")
    self.rate = rate
    self.momentum = momentum.coefficient == 0 ? .none : momentum
    self.decay = decay
    self.trains = trains
  }

  public var usesVelocity: Bool { momentum != .none }

  /// What decay leaves of a weight, 1 - eta lambda.
  var kept: Float { 1 - rate * decay }

  /// (p, q), with which every kind is w -= eta (p g + q v), v the new velocity.
  var weightsOfGradientAndVelocity: (Float, Float) {
    switch momentum {
    case .none: (1, 0)
    case .heavyBall: (0, 1)
    case .nesterov(let mu): (1, mu)
    }
  }

  /// Moves one neuron: `gradient` (d) is g, `velocity` (d) and `weights` (d) are updated; decay is left to the caller.
  ///
  /// Returns false when the neuron has come to rest: its gradient was nil (it fires nowhere) and no velocity is left.
  /// A velocity below 1e-30 counts as none, so that decaying velocities do not end in subnormal numbers.
  /// Complexity: O(d).
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
        weights[j] -= rate * (q * velocity[j])
        largest = max(largest, abs(velocity[j]))
      }
      if largest < 1e-30 { velocity.update(repeating: 0, count: count) }
      return largest >= 1e-30
    }
    for j in 0..<count {
      velocity[j] = mu * velocity[j] + gradient[j]
      weights[j] -= rate * (p * gradient[j] + q * velocity[j])
    }
    return true
  }

  /// Why an engine that follows any rate and momentum, and decay only as said, does not follow this rule.
  func limitation(supportsDecay: Bool) -> String? {
    if trains != .hiddenWeights { return "it trains the hidden weights alone" }
    return decay > 0 && !supportsDecay ? "it does not follow a decay of the weights" : nil
  }
}
