import CorrelationTrees
import FireTreeCore

/// The sizes that decide what an engine needs, and how much fires, which decides with them how long it takes.
public struct ProblemShape: Sendable, Equatable {
  /// n, d, m, C.
  public var points: Int
  public var dimension: Int
  public var neurons: Int
  public var outputs: Int
  public var usesVelocity: Bool
  /// Elements that the data points store, n d when dense.
  public var storedElements: Int
  /// Whether the weights are seeded ones.
  public var isSeeded = false
  /// How the initial weights are made.
  public var initial = InitialWeights.Distribution.gaussian
  public var start = InitialWeights.Start.independent
  /// Which outputs a neuron feeds.
  public var layout = Network.OutputLayout.full
  /// What fires in the initial network.
  public var firing: FiringProfile
  /// Threads that sum up outputs, each in memory of its own.
  public var threads = Workers.all.threads

  /// The shape of training on `points`; when nothing is known of what fires, one pair in twenty.
  public init(
    points: DataPoints, neurons: Int, outputs: Int, usesVelocity: Bool, isSeeded: Bool = false,
    firing: FiringProfile? = nil
  ) {
    self.init(
      points: points.count, dimension: points.dimension, neurons: neurons, outputs: outputs,
      usesVelocity: usesVelocity, storedElements: points.storedElements,
      firing: firing ?? FiringProfile(independent: 0.05, points: points.count))
    self.isSeeded = isSeeded
  }

  /// A shape by its numbers.
  public init(
    points: Int, dimension: Int, neurons: Int, outputs: Int, usesVelocity: Bool, storedElements: Int,
    firing: FiringProfile
  ) {
    self.points = points
    self.dimension = dimension
    self.neurons = neurons
    self.outputs = outputs
    self.usesVelocity = usesVelocity
    self.storedElements = storedElements
    self.firing = firing
  }

  /// Pairs that will have fired at some time, for each neuron: taken as twice what is expected to fire at a time.
  private var pointsPerCombination: Int {
    let share = firing.share >= 0 && firing.share < 0.5 ? 2 * firing.share : 1
    return min(points, Int((share * Double(points)).rounded(.up)))
  }

  /// An entry for each pair that will have fired at some time.
  var combinationMemory: ByteCount {
    PointCombinations.requiredMemory(rows: neurons, entries: ByteCount(neurons) * pointsPerCombination)
  }

  /// What the weights take with their velocity, each stored: m d floats; of seeded ones a combination of points each.
  public var weightsMemory: ByteCount {
    let copies = usesVelocity ? 2 : 1
    return (isSeeded ? combinationMemory : ByteCount.matrix(rows: neurons, columns: dimension)) * copies
  }

  /// Bytes of the hidden weights in a model file: every element or, of seeded ones, a combination of points each and the points.
  public var weightsFileSize: ByteCount {
    isSeeded
      ? combinationMemory + ByteCount(4) * storedElements : ByteCount(4) * neurons * dimension
  }

  /// What the first pass takes for a while: points side by side for transforms.
  var passMemory: ByteCount {
    guard initial == .hadamard else { return ByteCount(0) }
    let isSparse = storedElements < points * dimension
    return LanePoints.requiredMemory(points: points, dimension: dimension, isSparse: isSparse)
  }

  /// What every engine holds beside the weights: output weights, data points, and the outputs' partial sums.
  var commonMemory: ByteCount {
    ByteCount.matrix(rows: neurons, columns: outputs)
      + OutputSums.requiredMemory(points: points, outputs: outputs, threads: threads)
      + ByteCount(8) * storedElements + passMemory
  }
}

/// Bytes that a training holds at most, network and data points included.
public struct EngineMemory: Sendable, Equatable {
  /// While steps are taken.
  public var steps: ByteCount
  /// While the engine gives back its state.
  public var finish: ByteCount
  /// What a mark takes beside either (`TrainingEngine.mark`).
  public var mark: ByteCount

  public init(steps: ByteCount, finish: ByteCount, mark: ByteCount) {
    (self.steps, self.finish, self.mark) = (steps, finish, mark)
  }

  /// What a training takes from its start to its end, without marks.
  public var most: ByteCount { max(steps, finish) }
}
