import FireTreeCore

/// Pairs (neuron, data point) that fire, grouped by neuron, with their correlations.
///
/// The set is cut into the fixed shards of `Tiles.neuronShards`, so that the next stage can go on in parallel
/// without a copy. Within a shard neurons ascend; within a neuron points ascend.
public struct FiringSet: Sendable, Equatable {
  /// The firing pairs of one shard of neurons, as compressed rows. Neurons without a pair are left out.
  public struct Shard: Sendable, Equatable {
    /// Neurons with at least one pair, ascending.
    public var neurons: [Int32] = []
    /// Pairs of `neurons[k]`: positions `offsets[k]..<offsets[k + 1]`.
    public var offsets: [Int] = [0]
    public var points: [Int32] = []
    /// s_ri, pair by pair.
    public var correlations: [Float] = []

    public init() {}

    /// Closes the row of `neuron`: the pairs appended since the last call are its own.
    package mutating func endRow(of neuron: Int) {
      guard let last = offsets.last, points.count > last else { return }
      neurons.fixRoom(for: 1)
      offsets.fixRoom(for: 1)
      neurons.append(Int32(neuron))
      offsets.append(points.count)
    }

    @inline(__always)
    package mutating func append(point: Int, correlation: Float) {
      points.fixRoom(for: 1)
      correlations.fixRoom(for: 1)
      points.append(Int32(point))
      correlations.append(correlation)
    }
  }

  public var shards: [Shard]

  public init(shards: [Shard]) { self.shards = shards }

  /// Number of firing pairs.
  public var pairCount: Int { shards.reduce(0) { $0 + $1.points.count } }

  /// Number of neurons that fire on some point.
  public var neuronCount: Int { shards.reduce(0) { $0 + $1.neurons.count } }

  /// Every neuron that fires on some point, ascending.
  public var neurons: [Int32] { shards.flatMap(\.neurons) }

  /// Calls `body(neuron, point, correlation)` for every pair, ascending by neuron, then by point.
  public func forEachPair(_ body: (Int, Int, Float) -> Void) {
    for shard in shards {
      for (k, neuron) in shard.neurons.enumerated() {
        for position in shard.offsets[k]..<shard.offsets[k + 1] {
          body(Int(neuron), Int(shard.points[position]), shard.correlations[position])
        }
      }
    }
  }
}

/// The answer of a query for one neuron or for one data point: what fires, ascending, and what finding it took.
public struct FiringList: Sendable, Equatable {
  /// Points (of a neuron) or neurons (of a point), ascending.
  public var indices: [Int32] = []
  /// The correlation of each.
  public var correlations: [Float] = []
  public var counts = OperationCounts()

  public init() {}

  @inline(__always)
  mutating func append(_ index: Int, _ correlation: Float) {
    indices.fixRoom(for: 1)
    correlations.fixRoom(for: 1)
    indices.append(Int32(index))
    correlations.append(correlation)
  }
}
