import FireTreeCore

extension ProblemShape {
  /// Flops of one matrix product of all neurons with all points: 2 m nnz.
  var productFlops: Double { 2 * Double(neurons) * Double(storedElements) }

  /// Seconds of the correlations of all base rows with all points, from a seed: by transforms where the weights are
  /// structured (`FirstPass`).
  func firstPassSeconds(machine: MachineProfile) -> Double {
    let share = start == .paired ? 0.5 : 1
    guard initial == .hadamard else { return share * productFlops / machine.correlationRate }
    let size = HadamardWeights.blockSize(columns: max(dimension, 1))
    return share * pairs
      * (3 * Double(size.trailingZeroBitCount) * machine.levelSeconds + 0.1 * machine.elementSeconds)
  }

  /// Seconds to make all initial rows.
  func initialRowSeconds(machine: MachineProfile) -> Double {
    let share = start == .paired ? 0.5 : 1
    guard initial == .hadamard else {
      return share * Double(neurons) * Double(dimension) * 2 * machine.elementSeconds
    }
    let size = HadamardWeights.blockSize(columns: max(dimension, 1))
    return share * Double(neurons) * Double(size)
      * (3 * Double(size.trailingZeroBitCount) * machine.levelSeconds + machine.elementSeconds)
  }

  /// n m.
  var pairs: Double { Double(points) * Double(neurons) }

  /// k, the pairs that fire.
  var firingPairs: Double { firing.share * pairs }

  /// Bytes that are read and written when so many weights are moved, with their velocities.
  func bytesMoved(neurons: Double) -> Double { (usesVelocity ? 16 : 8) * neurons * Double(dimension) }
}

extension DenseEngine {
  /// The backward product, the forward product, what is done for all pairs and for those that fire, and all weights
  /// through memory.
  public static func predictedCost(for shape: ProblemShape, machine: MachineProfile) -> PredictedCost {
    let product = shape.productFlops / machine.correlationRate
    let mark = 0.5 * shape.pairs * machine.markSeconds
    let firing = 0.5 * shape.firingPairs * machine.pairSeconds
    let bits = ByteCount(8) * DensePass.words(points: shape.points) * shape.neurons
    // Over the budget of bits the pattern is computed again before the backward pass.
    let pattern = bits <= bitBudget ? 0 : product + mark
    let forward = product + mark + firing
    if shape.isSeeded {
      let (rows, initial) = (seededRowSeconds(shape, machine), shape.initialRowSeconds(machine: machine))
      let again = bits <= bitBudget ? 0 : rows
      return PredictedCost(
        preprocessing: initial + forward,
        step: forward + pattern + rows + again + firing + 2 * machine.regionSeconds)
    }
    let backward = pattern + shape.productFlops / machine.accumulationRate + mark + firing
    let weights = shape.bytesMoved(neurons: Double(shape.neurons)) / machine.bandwidth
    return PredictedCost(
      preprocessing: forward + 0.5 * weights, step: forward + backward + weights + 2 * machine.regionSeconds)
  }

  /// All rows from their seed, and twice as many points added to them as fire at a time.
  private static func seededRowSeconds(_ shape: ProblemShape, _ machine: MachineProfile) -> Double {
    let perPoint = 2 * Double(shape.storedElements) / Double(max(shape.points, 1))
    return shape.initialRowSeconds(machine: machine)
      + 2 * shape.firingPairs * perPoint / machine.pointRate
  }
}
