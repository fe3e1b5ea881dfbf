import CorrelationTrees
import FireTreeCore

/// What a training from a file to a model takes beside reading, the engine's preprocessing and its steps, in seconds.
public struct SetUpCost: Sendable, Equatable {
  /// The automatic learning rate: `TangentEigenvalue`.
  public var rate: Double
  /// Giving the state back, and writing it.
  public var writing: Double

  /// Bytes a second that a model file is checked and written at, and seconds to give one neuron back.
  private static let writingRate = 0.7e9
  private static let neuronSeconds = 0.7e-6

  /// Of weights in the form that the shape says. A pure function, in closed form.
  public init(for shape: ProblemShape, machine: MachineProfile, hasAutomaticRate: Bool) {
    let perPoint = Double(shape.storedElements) / Double(max(shape.points, 1))
    let effort = TangentEigenvalue.Effort()
    let limit = Double(min(shape.points, effort.limitPoints)), few = Double(min(shape.points, effort.points))
    let neurons = Double(min(shape.neurons, effort.neurons))
    let products = 2 * perPoint * (limit * limit / 2 + few * few + few * neurons)
    // Elements of the limit kernel, each of some tens of operations; and of the vectors' products.
    let elements = 10 * limit * limit + few * neurons
    rate = hasAutomaticRate ? products / machine.correlationRate + 0.5 * elements * machine.elementSeconds : 0
    writing =
      (Double(shape.weightsFileSize.bytes) + 4 * Double(shape.neurons) * Double(shape.outputs))
      / Self.writingRate
      + Self.neuronSeconds * Double(shape.neurons)
  }
}
