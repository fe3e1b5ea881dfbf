import FireTreeCore

/// The constants of the weight engine's cost, fitted to measured steps.
private enum WeightCost {
  /// Products with single points for a firing pair in a step: a sum, an inner product, and those looked at in vain.
  static let products = 2.2
  /// Rows of points go through the kernels so many times faster than one at a time from the first-level cache.
  static let speed = 1.3
  /// Candidates in a list for a firing pair, and units of `MachineProfile.elementSeconds` for each.
  static let candidates = 3.0
  static let candidate = 4.0
  /// Passes over the weight and working memory of a neuron that moves, in elements; more with momentum.
  static let passes = 3.0
  static let passesWithVelocity = 6.0
  /// Share of the neurons that are anchored anew in a step.
  static let anchored = 0.04
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
      (WeightCost.products / WeightCost.speed * shape.firingPairs * perPoint
        + passes * moved * Double(shape.dimension)) / machine.pointRate
    let lists =
      WeightCost.candidates * WeightCost.candidate * shape.firingPairs * machine.elementSeconds
      + shape.firingPairs * machine.pairSeconds
    let anchor = shape.productFlops / machine.correlationRate + 0.3 * shape.pairs * machine.elementSeconds
    return PredictedCost(
      preprocessing: anchor + shape.bytesMoved(neurons: Double(shape.neurons)) / machine.bandwidth,
      step: products + lists + WeightCost.anchored * WeightCost.anchor * anchor
        + 2 * shape.bytesMoved(neurons: moved) / machine.bandwidth + WeightCost.regions
        * machine.regionSeconds)
  }
}
