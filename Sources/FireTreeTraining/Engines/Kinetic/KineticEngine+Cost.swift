import CorrelationTrees
import FireTreeCore
import RealModule

/// The constants of the kinetic engine's cost, fitted to measured steps on digits; they change with its tuning.
private enum KineticCost {
  /// Limits that a neuron's clock passes in a step, times the square root of their number: steps of a wide network move
  /// each neuron less. A look has no velocity's products, which are most of the Gram engine's step with momentum.
  static let limits = 600.0
  static let limitsWithVelocity = 200.0
  /// A look takes so many times what the Gram engine takes for a neuron.
  static let look = 1.3
  /// Share of the firing pairs that change state in a step.
  static let changed = 0.012
  /// Units of `MachineProfile.elementSeconds` for a pair of points that a neuron begins or ceases to fire on together, and
  /// for each number of its block in the tensor; for such a number in a step's product.
  static let pair = 4.5
  static let number = 0.4
  static let product = 1.0
  /// The same for a firing pair in the clocks, for each 16 outputs.
  static let clock = 1.5
  /// Parallel regions of a step.
  static let regions = 8.0
}

extension KineticEngine {
  public static func memory(for shape: ProblemShape) -> EngineMemory {
    // Velocities are among the candidates.
    var still = shape
    still.usesVelocity = false
    let lists = CandidateStore.requiredMemory(
      for: shape, bytesPerCandidate: 2 + 4 * KineticPlane.count(usesVelocity: shape.usesVelocity),
      stretch: candidateStretch)
    let tensor = CoFiringTensor.requiredMemory(
      points: shape.points, outputs: shape.outputs, separate: shape.layout == .grouped)
    let kept =
      shape.commonMemory + still.weightsMemory + .matrix(rows: shape.points, columns: shape.points) + lists
      + tensor + KineticImpulses.requiredMemory(points: shape.points, outputs: shape.outputs)
    let given = shape.usesVelocity || shape.isSeeded ? shape.combinationMemory * 2 : ByteCount(0)
    return EngineMemory(
      steps: kept + changesMemory(for: shape), finish: kept + given,
      mark: still.weightsMemory + lists + tensor)
  }

  /// What is kept of the pairs that change state in a step: up to a fifth of those that fire, about 52 bytes each.
  private static func changesMemory(for shape: ProblemShape) -> ByteCount {
    let share = shape.firing.share.isFinite ? min(max(shape.firing.share, 0), 1) : 1
    return ByteCount(52) * shape.neurons * Int((share * Double(shape.points) / 5).rounded(.up))
  }

  /// A product with the tensor, the clocks, looks at some neurons, changes of the tensor.
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    let gram = GramEngine.predictedCost(for: shape, machine: machine)
    let (points, neurons) = (Double(shape.points), Double(shape.neurons))
    let outputs = Double(shape.outputs)
    let width = shape.layout == .grouped ? outputs : outputs * (outputs + 1) / 2
    let product = points * points / 2 * width * KineticCost.product * machine.elementSeconds
    let pairSeconds = (KineticCost.pair + KineticCost.number * width) * machine.elementSeconds
    let companions = shape.firing.companions(points: shape.points)
    let limits = shape.usesVelocity ? KineticCost.limitsWithVelocity : KineticCost.limits
    let share = 1 - Double.exp(-limits / max(neurons, 1).squareRoot())
    let clocks =
      (KineticCost.clock * shape.firingPairs * (1 + outputs / 16) + 4 * neurons) * machine.elementSeconds
    return PredictedCost(
      preprocessing: gram.preprocessing + 0.5 * shape.firingPairs * companions * pairSeconds,
      step: product + clocks + share * KineticCost.look * gram.step
        + KineticCost.changed * shape.firingPairs * companions * pairSeconds
        + KineticCost.regions * machine.regionSeconds)
  }
}
