import FireTreeCore

extension GaussNewton {
  /// Products with the kernel that a step is expected to take.
  private static let products = 15.0

  /// What an engine that takes so long to be made takes for training by Gauss-Newton: before the first step the kernels too, in each
  /// step itself, a factor, and some products with the tangent kernel.
  static func predictedCost(
    for shape: ProblemShape, machine: MachineProfile, preprocessing: Double
  ) -> PredictedCost {
    let n = Double(shape.points)
    let perPoint = 2 * Double(shape.storedElements) / max(n, 1)
    let whole = shape.points <= KernelPreconditioner.wholePoints
    let columns = whole ? n : Double(KernelPreconditioner.landmarks)
    let kernels = n * columns * (perPoint / machine.correlationRate + 10 * machine.elementSeconds)
    // Double precision takes twice as long.
    let factor = 2 * (whole ? n * n * n / 3 : n * columns * columns) / machine.correlationRate
    let pairs = shape.firingPairs
    let product = min(
      shape.firing.squaredShare * n * n * Double(shape.neurons) * machine.gatherSeconds,
      2 * pairs * perPoint / machine.groupRate)
    let solution = products * (product + 2 * pairs * machine.pairSeconds) + factor / 2
    return PredictedCost(preprocessing: kernels + preprocessing, step: solution + 1.2 * preprocessing)
  }
}
