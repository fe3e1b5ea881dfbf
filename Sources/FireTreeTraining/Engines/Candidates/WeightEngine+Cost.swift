import FireTreeCore

/// The constants of the weight engine's cost, fitted to measured steps.
private enum WeightCost {
  /// Products with single points for a firing pair in a step: a sum and an inner product; now and then a pair stops
  /// firing, and some are looked at in vain.
  static let products = 1.9
  /// Units of `MachineProfile.elementSeconds` for the candidates of a firing pair in a step.
  static let candidates = 12.0
  /// Passes over the weight and working memory of a neuron that moves, in elements; more with momentum.
  static let passes = 4.0
  static let passesWithVelocity = 14.0
  /// Products with tiles of the neurons that are anchored take so many times those with all neurons in sequence.
  static let anchor = 1.5
  /// Parallel regions of a step.
  static let regions = 4.0
}

extension WeightEngine {
  /// Sums and inner products with the points that fire; some neurons are anchored anew.
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    let moved = shape.firing.activeShare * Double(shape.neurons)
    let perPoint = 2 * Double(shape.storedElements) / Double(max(shape.points, 1))
    let passes = shape.usesVelocity ? WeightCost.passesWithVelocity : WeightCost.passes
    let products =
      (WeightCost.products * shape.firingPairs * perPoint + passes * moved * Double(shape.dimension))
      / machine.groupRate
    let lists =
      shape.firingPairs * (WeightCost.candidates * machine.elementSeconds + machine.pairSeconds)
    let anchor = shape.productFlops / machine.correlationRate + 0.3 * shape.pairs * machine.elementSeconds
    return PredictedCost(
      preprocessing: shape.firstPassSeconds(machine: machine) + 0.3 * shape.pairs * machine.elementSeconds
        // Memory that is taken for the first time.
        + 8 * shape.bytesMoved(neurons: Double(shape.neurons)) / machine.bandwidth,
      step: products + lists + shape.anchoredShare * WeightCost.anchor * anchor
        + shape.bytesMoved(neurons: moved) / machine.bandwidth
        + WeightCost.regions * machine.regionSeconds)
  }
}
