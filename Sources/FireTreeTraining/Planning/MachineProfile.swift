import FireTreeCore

/// How fast this machine does what training consists of, with all its threads at work together.
///
/// Rates of matrix products depend on their shape, so a profile belongs to a data set: it is measured on it
/// (`MachineProfile.init(measuring:shape:workers:)`) or scaled to its sizes (`MachineProfile.standard(for:)`).
public struct MachineProfile: Sendable, Equatable {
  /// Flops a second of `DataPoints.correlate` on a tile of points; a stored element counts 2 flops a neuron.
  public var correlationRate: Double
  /// Flops a second of `DataPoints.accumulate` on a tile of points, counted in the same way.
  public var accumulationRate: Double
  /// Flops a second of products with single points, such as `DataPointsView.add`; 2 flops a stored element.
  public var pointRate: Double
  /// Flops a second of products with the few points that one neuron fires on, all at a time (`DataPointsView.dots`).
  public var groupRate: Double
  /// Seconds to mark one pair as firing or not in a dense pass, and to clear its place.
  public var markSeconds: Double
  /// Seconds for one number that is read from the n x n Gram matrix and multiplied and added in its two places.
  public var gatherSeconds: Double
  /// Seconds for the gradient's factor and the output of one firing pair, of C multiply-adds each.
  public var pairSeconds: Double
  /// Seconds for one level of a fast transform, for one of the sixteen numbers side by side.
  public var levelSeconds: Double
  /// Seconds to look at a stored number and to branch on it.
  public var elementSeconds: Double
  /// Bytes a second that are read or written in memory.
  public var bandwidth: Double
  /// Seconds to start the threads for one parallel region and to wait for them.
  public var regionSeconds: Double

  public init(
    correlationRate: Double, accumulationRate: Double, pointRate: Double, groupRate: Double,
    markSeconds: Double, gatherSeconds: Double, pairSeconds: Double, levelSeconds: Double = 0.014e-9,
    elementSeconds: Double,
    bandwidth: Double, regionSeconds: Double
  ) {
    self.correlationRate = correlationRate
    self.accumulationRate = accumulationRate
    self.pointRate = pointRate
    self.groupRate = groupRate
    self.markSeconds = markSeconds
    self.gatherSeconds = gatherSeconds
    self.pairSeconds = pairSeconds
    self.levelSeconds = levelSeconds
    self.elementSeconds = elementSeconds
    self.bandwidth = bandwidth
    self.regionSeconds = regionSeconds
  }
}

/// What an engine is expected to take, in seconds.
public struct PredictedCost: Sendable, Equatable {
  /// From the initial network to its outputs, and from the last step to the weights.
  public var preprocessing: Double
  /// One step, on average over a training.
  public var step: Double

  public init(preprocessing: Double, step: Double) {
    self.preprocessing = preprocessing
    self.step = step
  }

  /// A training of so many steps.
  public func total(iterations: Int) -> Double { preprocessing + Double(max(iterations, 0)) * step }
}
