import FireTreeCore

extension KineticEngine {
  public static func requiredMemory(for shape: ProblemShape) -> ByteCount {
    shape.baseMemory + .matrix(rows: shape.points, columns: shape.points)
      + CertifiedLists.requiredMemory(
        for: shape, bytesPerCandidate: 2 + 4 * KineticPlane.count(usesVelocity: shape.usesVelocity))
      + CoFiringTensor.requiredMemory(
        points: shape.points, outputs: shape.outputs, separate: shape.layout == .grouped)
      + KineticClock.requiredMemory(points: shape.points, outputs: shape.outputs)
  }

  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    var cost = GramEngine.predictedCost(for: shape, machine: machine)
    cost.step *= 3
    return cost
  }
}
