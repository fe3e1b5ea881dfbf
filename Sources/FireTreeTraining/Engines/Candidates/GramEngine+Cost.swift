import FireTreeCore

/// The constants of the Gram engine's cost, fitted to measured steps; they change with its tuning.
private enum GramCost {
  /// Elements of G read for the square of a neuron's firing points: half of them for a support that is a tenth larger.
  static let loads = 0.6
  static let loadsWithVelocity = 0.9
  /// Units of `MachineProfile.elementSeconds` for the candidates of a firing pair, and for a neuron in a step.
  static let candidates = 9.0
  static let neuron = 12.0
  /// Units of `MachineProfile.pairSeconds` for a firing pair.
  static let pair = 1.5
  /// Products with tiles of the neurons that are anchored take so many times those with all neurons in sequence.
  static let anchor = 1.5
  /// Parallel regions of a step.
  static let regions = 4.0
}

extension ProblemShape {
  /// The share of the neurons that engines with certificates anchor anew in a step, on average over some 60.
  ///
  /// A skin is spent after skin / q steps of length q, and the best skin grows with sqrt(q) (`SkinModel`), so the share is
  /// proportional to sqrt(q); steps fall with 1/sqrt(m). Neurons that fire nowhere do not move. The factors are
  /// measured, those of 20,000 neurons on 1,000 digits.
  var anchoredShare: Double {
    let firing = self.firing.share * Double(points)
    let ofWidth = (20_000 / Double(max(neurons, 1))).squareRoot().squareRoot()
    return min((usesVelocity ? 0.06 : 0.035) * ofWidth * firing / (firing + 1.6), 1)
  }
}

extension GramEngine {
  /// Firing points act on candidates, sum_r k_r k'_r; some neurons are anchored anew.
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    let (points, neurons) = (Double(shape.points), Double(shape.neurons))
    let loads = shape.usesVelocity ? GramCost.loadsWithVelocity : GramCost.loads
    let acting = loads * shape.firing.squaredShare * points * points * neurons
    let elements = GramCost.candidates * shape.firingPairs + GramCost.neuron * neurons
    let sweep =
      acting * machine.gatherSeconds + elements * machine.elementSeconds
      + GramCost.pair * shape.firingPairs * machine.pairSeconds
    let anchor = anchorSeconds(shape: shape, machine: machine)
    let gram = 2 * points * Double(shape.storedElements) / machine.correlationRate
    let renewal =
      shape.anchoredShare * (GramCost.anchor * anchor + weightSeconds(shape: shape, machine: machine))
    let placing = (0.3 * shape.pairs + 10 * shape.firingPairs) * machine.elementSeconds
    let held = shape.isSeeded ? 0 : 2 * shape.bytesMoved(neurons: neurons) / machine.bandwidth
    return PredictedCost(
      preprocessing: gram + shape.firstPassSeconds(machine: machine) + placing + held,
      step: sweep + renewal + GramCost.regions * machine.regionSeconds)
  }

  /// Correlations of all neurons with all points, and the choice of candidates.
  private static func anchorSeconds(shape: ProblemShape, machine: MachineProfile) -> Double {
    shape.productFlops / machine.correlationRate
      + (0.3 * shape.pairs + 6 * shape.firingPairs) * machine.elementSeconds
  }

  /// All weights, and with momentum all velocities, as sums over the points that have moved them; and the velocities'
  /// products with the candidates.
  private static func weightSeconds(shape: ProblemShape, machine: MachineProfile) -> Double {
    let perPoint = 2 * Double(shape.storedElements) / Double(max(shape.points, 1))
    return (shape.usesVelocity ? 5 : 1.5) * shape.firingPairs * perPoint / machine.groupRate
      + 2 * shape.bytesMoved(neurons: Double(shape.neurons)) / machine.bandwidth
  }
}
