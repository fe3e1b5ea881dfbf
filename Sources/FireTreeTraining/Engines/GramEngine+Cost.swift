import FireTreeCore

/// The constants of the Gram engine's cost, fitted to measured steps; they change with its tuning.
private enum GramCost {
  /// Points of the support and candidates looked at for a firing pair; candidates whose ceiling is compared.
  static let support = 1.2
  static let looked = 1.4
  static let listed = 3.0
  /// Share of the neurons with many firing points that are anchored anew in a step; half of it at this many points.
  static let anchored = 0.04
  static let anchoredWithVelocity = 0.12
  static let anchoredHalf = 10.0
  /// Units of `MachineProfile.elementSeconds` for a candidate and for a neuron in a step.
  static let candidate = 3.0
  static let neuron = 60.0
  /// Products with tiles of the neurons that are anchored take so many times those with all neurons in sequence.
  static let anchor = 1.5
  /// Parallel regions of a step.
  static let regions = 4.0
}

extension GramEngine {
  /// Firing points act on candidates, sum_r k_r k'_r; some neurons are anchored anew.
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    let (points, neurons) = (Double(shape.points), Double(shape.neurons))
    let acting =
      shape.firing.squaredShare * points * points * neurons * GramCost.support * GramCost.looked
    let elements = GramCost.listed * GramCost.candidate * shape.firingPairs + GramCost.neuron * neurons
    let sweep =
      acting * machine.gatherSeconds + elements * machine.elementSeconds
      + shape.firingPairs * machine.pairSeconds
    let anchor = anchorSeconds(shape: shape, machine: machine)
    let gram = 2 * points * Double(shape.storedElements) / machine.correlationRate
    let renewal =
      anchoredShare(shape) * (GramCost.anchor * anchor + weightSeconds(shape: shape, machine: machine))
    return PredictedCost(
      preprocessing: gram + anchor + 2 * shape.bytesMoved(neurons: neurons) / machine.bandwidth,
      step: sweep + renewal + GramCost.regions * machine.regionSeconds)
  }

  private static func anchoredShare(_ shape: ProblemShape) -> Double {
    let firing = shape.firing.share * Double(shape.points)
    let most = shape.usesVelocity ? GramCost.anchoredWithVelocity : GramCost.anchored
    return most * firing / (firing + GramCost.anchoredHalf)
  }

  /// Correlations of all neurons with all points, and the choice of candidates.
  private static func anchorSeconds(shape: ProblemShape, machine: MachineProfile) -> Double {
    shape.productFlops / machine.correlationRate
      + (0.3 * shape.pairs + 2 * GramCost.candidate * shape.firingPairs) * machine.elementSeconds
  }

  /// All weights, and with momentum all velocities, as sums over the points that have moved them; and the velocities'
  /// products with the candidates.
  private static func weightSeconds(shape: ProblemShape, machine: MachineProfile) -> Double {
    let perPoint = 2 * Double(shape.storedElements) / Double(max(shape.points, 1))
    return (shape.usesVelocity ? 5 : 1.5) * shape.firingPairs * perPoint / machine.pointRate
      + 2 * shape.bytesMoved(neurons: Double(shape.neurons)) / machine.bandwidth
  }
}
