import FireTreeCore

/// The velocity of momentum, v_r for every neuron, in the form in which an engine holds it.
public enum Velocity: Sendable, Equatable {
  /// Every element (m x d).
  case stored(Matrix)
  /// v_r = sum_i beta_ri x_i, the x_i those of the training.
  case combinations(PointCombinations)
}

/// A training between two steps: all that the next one depends on.
///
/// Engines take it and give it back without a copy of the weights: whoever hands one over keeps none.
public struct TrainingState: Sendable, Equatable {
  public var network: Network
  /// nil before the first step with momentum.
  public var velocity: Velocity?
  /// Steps taken.
  public var iteration: Int
  /// The form in which an engine that has the choice holds the weights; nil is that of the network.
  public var form: HiddenWeights.Form?

  public init(
    network: Network, velocity: Velocity? = nil, iteration: Int = 0, form: HiddenWeights.Form? = nil
  ) {
    self.network = network
    self.velocity = velocity
    self.iteration = iteration
    self.form = form
  }

  /// Moves the network out of here, so that it has one owner.
  mutating func takeNetwork() -> Network {
    defer { network = .nothing }
    return network
  }
}

extension Network {
  /// A network without neurons, in the place of one that has been moved away.
  static let nothing = Network(
    hiddenWeights: Matrix(rows: 0, columns: 0), outputWeights: Matrix(rows: 0, columns: 0), threshold: 0)
}
