import FireTreeCore

extension MachineProfile {
  /// A machine to plan with when this one is not measured: two cores with 512-bit vectors, scaled to the sizes of a
  /// problem.
  ///
  /// Engines are compared with each other, so a machine that is as much faster or slower in everything gets the same
  /// choice.
  public static func standard(for shape: ProblemShape) -> MachineProfile {
    let points = Double(max(shape.points, 1)), dimension = Double(max(shape.dimension, 1))
    let perPoint = Double(shape.storedElements) / points
    let tile = min(points, 256)
    let isDense = perPoint == dimension
    // A product spends time on the elements of its operands and its result too, and a sparse one on transpositions.
    let spread = dimension / max(tile * perPoint, 1)
    let correlationLoss = isDense ? 1 + 16 / dimension + 4 / tile : 8 + 35 * spread
    let accumulationLoss = isDense ? 1 + 10 / dimension + 4 / tile : 10 + 56 * spread
    let isGramCached = 4 * points * points <= 16e6
    return MachineProfile(
      correlationRate: 170e9 / correlationLoss, accumulationRate: 170e9 / accumulationLoss,
      pointRate: isDense ? 50e9 / (1 + 300 / dimension) : 6e9,
      groupRate: isDense ? 60e9 / (1 + 100 / dimension) : 6e9, markSeconds: 0.25e-9,
      gatherSeconds: isGramCached ? 0.8e-9 : 2.5e-9, pairSeconds: 1.3e-9 + 0.3e-9 * Double(shape.outputs),
      elementSeconds: 0.5e-9, bandwidth: 50e9, regionSeconds: 1.5e-6)
  }
}
