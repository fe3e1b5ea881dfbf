import CorrelationTrees
import FireTreeCore

/// A comparison of the pairs that an engine takes to fire with a dense forward pass over the same weights.
///
/// The dense pass is compared in full: all n m pairs. A pair whose correlation lies within rounding of the threshold
/// may fall on either side. With gamma_d = d u / (1 - d u), u = 2^-24, the computed value of an inner product of d terms
/// is within gamma_d |w| |x| of the exact one in any order of summation (Higham, Accuracy and Stability of Numerical
/// Algorithms, section 3.1), so two computed values are within twice that.
public struct FiringAudit: Sendable, Equatable {
  /// Pairs compared: n m an audit.
  public var compared = 0
  /// Pairs that fire in the dense pass.
  public var firing = 0
  /// Pairs that fire beyond rounding and that the engine did not have.
  public var missed = 0
  /// Pairs that the engine had and that beyond rounding do not fire.
  public var extra = 0
  /// Pairs on which the two differ, all within rounding of the threshold.
  public var ties = 0

  public init() {}

  /// Compares `engine` as it is now. Complexity: one dense forward pass, O(n m d).
  public init(of engine: any TrainingEngine, workers: Workers) {
    let network = engine.network, points = engine.points
    let norms = points.norms()
    let u = 0x1p-24 * Float(network.dimension)
    let unit = 2 * u / (1 - u)
    let weightNorms = network.weights.norms(workers: workers)
    let widest = unit * (norms.max() ?? 0) * (weightNorms.max() ?? 0)
    let dense = FiringSet(
      scanning: network.weights, points: points, atLeast: network.threshold - widest, workers: workers)
    compared = points.count * network.neuronCount
    let parts = zip(dense.shards, engine.firingSet.shards).map { dense, engine in
      Self.compare(dense, with: engine, threshold: network.threshold) { neuron, point in
        unit * weightNorms[neuron] * norms[point]
      }
    }
    for part in parts { self += part }
  }

  /// Merges two shards, both ascending by neuron and point. `dense` reaches below the threshold by the widest margin.
  private static func compare(
    _ dense: FiringSet.Shard, with engine: FiringSet.Shard, threshold: Float, margin: (Int, Int) -> Float
  ) -> FiringAudit {
    var audit = FiringAudit()
    let claimed = Set(engine.keys)
    var near = Set<UInt64>()
    for (key, correlation) in zip(dense.keys, dense.correlations) {
      let excess = correlation - threshold
      if excess > 0 { audit.firing += 1 }
      let isClaimed = claimed.contains(key)
      let within = abs(excess) <= margin(Int(key >> 32), Int(key & 0xFFFF_FFFF))
      if isClaimed { near.insert(key) }
      guard (excess > 0) != isClaimed else { continue }
      if within { audit.ties += 1 } else if excess > 0 { audit.missed += 1 } else { audit.extra += 1 }
    }
    audit.extra += claimed.subtracting(near).count
    return audit
  }

  public static func += (a: inout FiringAudit, b: FiringAudit) {
    a.compared += b.compared
    a.firing += b.firing
    a.missed += b.missed
    a.extra += b.extra
    a.ties += b.ties
  }
}

extension FiringSet.Shard {
  /// Neuron and point of every pair in one word.
  fileprivate var keys: [UInt64] {
    neurons.indices.flatMap { k in
      (offsets[k]..<offsets[k + 1]).map { UInt64(UInt32(neurons[k])) << 32 | UInt64(UInt32(points[$0])) }
    }
  }
}

/// Audits an engine during training and ends it when a pair was missed.
public final class AuditObserver: TrainingObserver {
  private let interval: Int
  private let workers: Workers
  /// All audits so far, added up.
  public private(set) var total = FiringAudit()

  /// Audits after every `interval` steps, and at iteration 0. Precondition: `interval` is at least 1.
  public init(every interval: Int, workers: Workers) {
    precondition(interval >= 1, "an audit every \(interval) steps")
    self.interval = interval
    self.workers = workers
  }

  /// Throws a failure when the engine missed or invented a pair. Complexity: a dense forward pass when it is due.
  public func observe(_ record: TrainingRecord, engine: any TrainingEngine) throws {
    guard record.iteration % interval == 0 else { return }
    let audit = FiringAudit(of: engine, workers: workers)
    total += audit
    guard audit.missed == 0 && audit.extra == 0 else {
      throw FireTreeError.failure(
        "audit at iteration \(record.iteration): of \(audit.firing) pairs that fire, \(audit.missed) were missed, "
          + "and \(audit.extra) others were taken to fire")
    }
  }
}
