import CorrelationTrees
import FireTreeCore

/// The constants of a tree engine's cost, fitted to measured phases.
private enum TreeCost {
  /// In units of `MachineProfile.elementSeconds`: a node that a query visits, one that an update writes, and a neuron
  /// that moves, whatever it fires on.
  static let visit = 6.0
  static let scatteredVisit = 12.0
  static let write = 1.0
  static let scatteredWrite = 4.0
  static let neuron = 60.0
  /// In the same unit: what a product with a single vector takes beside its multiply-adds, and what a pair takes whose
  /// correlation a query computes.
  static let vector = 16.0
  static let computedPair = 2.0
  /// Bytes of rows that are met here and there take so many times those of rows in sequence.
  static let scatteredBytes = 4.0
  /// Products with single points, for a neuron's sum over one tile of points, which is cleared and added.
  static let tileSum = 1.5
  /// Parallel regions of a step.
  static let regions = 6.0
}

extension TreeEngine {
  /// The phases of a step: products of the firing pairs with their points, the correlations of all moved neurons, a
  /// query, and the outputs of the firing pairs.
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    let neurons = Double(shape.neurons)
    let moved = shape.firing.activeShare * neurons
    let all =
      productSeconds(of: .building, shape: shape, machine: machine)
      + writeSeconds(of: neurons, shape: shape, machine: machine)
    let query = querySeconds(for: shape, machine: machine) + 0.5 * shape.firingPairs * machine.pairSeconds
    let step =
      gradientSeconds(moved: moved, shape: shape, machine: machine)
      + productSeconds(of: .updating(moved), shape: shape, machine: machine)
      + writeSeconds(of: moved, shape: shape, machine: machine) + query
      + TreeCost.neuron * moved * machine.elementSeconds + TreeCost.regions * machine.regionSeconds
    return PredictedCost(preprocessing: all + query, step: step)
  }

  private static func gradientSeconds(
    moved: Double, shape: ProblemShape, machine: MachineProfile
  ) -> Double {
    let points = Double(max(shape.points, 1)), dimension = Double(shape.dimension)
    let perPoint = Double(shape.storedElements) / points
    let firing = shape.firing.share * points / max(shape.firing.activeShare, 1e-9)
    let sums =
      perPoint < dimension ? 0 : TreeCost.tileSum * dimension * min((points / 256).rounded(.up), firing)
    // A sparse gradient meets a few elements of a weight, a velocity all of them.
    let touched = shape.usesVelocity ? 2 * dimension : min(dimension, 16 * perPoint * firing)
    return 2 * (shape.firingPairs * perPoint + moved * sums) / machine.pointRate
      + 0.5 * shape.firingPairs * machine.pairSeconds
      + 8 * moved * touched * slowdown(of: moved, shape: shape) / machine.bandwidth
  }

  /// Inner products: of pairs in matrix products, of single vectors one by one.
  private static func productSeconds(
    of work: DetectorWork, shape: ProblemShape, machine: MachineProfile
  ) -> Double {
    let products = Detector.expectedProducts(
      of: work, neurons: shape.neurons, points: shape.points, dimension: shape.dimension,
      share: shape.firing.share)
    let perPoint = Double(shape.storedElements) / Double(max(shape.points, 1))
    let single = products.weightVectors * Double(shape.dimension) + products.pointVectors * perPoint
    let seen = if case .querying = work { products.pairs } else { 0.0 }
    return 2 * products.pairs * perPoint / machine.correlationRate + 2 * single / machine.pointRate
      + TreeCost.computedPair * seen * machine.elementSeconds
      + TreeCost.vector * (products.weightVectors + products.pointVectors) * machine.elementSeconds
  }

  /// New weights are read, and what follows from them is written.
  private static func writeSeconds(
    of moved: Double, shape: ProblemShape, machine: MachineProfile
  ) -> Double {
    let written = Detector.expectedAccesses(
      neurons: shape.neurons, points: shape.points, share: shape.firing.share, updated: moved
    ).written
    return 4 * moved * Double(shape.dimension) * slowdown(of: moved, shape: shape) / machine.bandwidth
      + (Detector.isScattered ? TreeCost.scatteredWrite : TreeCost.write) * written * machine.elementSeconds
  }

  /// What it costs more that moved neurons are not neighbours.
  private static func slowdown(of moved: Double, shape: ProblemShape) -> Double {
    let share = min(moved / Double(max(shape.neurons, 1)), 1)
    return share + (1 - share) * TreeCost.scatteredBytes
  }

  private static func querySeconds(for shape: ProblemShape, machine: MachineProfile) -> Double {
    let visited = Detector.expectedAccesses(
      neurons: shape.neurons, points: shape.points, share: shape.firing.share, updated: 0
    ).visited
    return (Detector.isScattered ? TreeCost.scatteredVisit : TreeCost.visit) * visited
      * machine.elementSeconds + productSeconds(of: .querying, shape: shape, machine: machine)
  }
}
