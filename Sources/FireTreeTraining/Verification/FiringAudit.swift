import CorrelationTrees
import FireTreeCore

/// A comparison of the pairs that an engine takes to fire with a dense forward pass over the same weights.
///
/// The dense pass is compared in full: all n m pairs. A pair whose correlation lies within rounding of the threshold
/// may fall on either side. Let u = 2^-24 and k be the terms of the product, the stored elements of the point. The computed
/// value of an inner product is within gamma_k |w| |x|, gamma_k = k u / (1 - k u), of the exact one in any order of summation
/// (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), and within 8 sqrt(k) u |w| |x| with a probability
/// that a failure in 10^12 pairs is not to be expected (Higham, Mary 2019, A New Approach to Probabilistic Rounding Error
/// Analysis, theorem 2.4: each of k terms fails with 2 exp(-8^2 / 2)). A pair counts as a tie when it is within twice the
/// lesser of the two, for the engine and the dense pass each have an error of their own; pairs on which the two differ are
/// computed once more in double precision. Where the engine's correlations come from transforms, the bound of these is
/// added.
public struct FiringAudit: Sendable, Equatable {
  /// Pairs that were compared, counted one by one.
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

  /// Compares `engine` as it is now. Complexity: one dense forward pass, O(n m d); memory beyond the engine's firing set is
  /// some tiles a thread.
  public init(of engine: some TrainingEngine) {
    self.init(
      of: engine.firingSet, neurons: engine.neuronCount, points: engine.points, threshold: engine.threshold,
      transformRounding: engine.transformRounding, workers: engine.team.workers
    ) { engine.withWeights($0, $1) }
  }

  /// Compares what is `claimed` to fire with the pairs s_ri > `threshold` of weights that `weights(neurons, body)` hands to
  /// `body`, one neuron a row. `transformRounding` is that of whoever claims (`TrainingEngine.transformRounding`).
  ///
  /// Precondition: `claimed` has a part for each of `Tiles.neuronShards`, with none but its neurons.
  public init(
    of claimed: FiringSet, neurons: Int, points: DataPoints, threshold: Float, transformRounding: Float = 0,
    workers: Workers,
    weights: (Range<Int>, (MatrixView) -> Void) -> Void
  ) {
    let shards = Tiles.neuronShards(of: neurons)
    precondition(
      claimed.shards.count == shards.count, "\(claimed.shards.count) parts of \(shards.count) shards")
    let comparison = Comparison(points: points, threshold: threshold, transformRounding: transformRounding)
    withoutActuallyEscaping(weights) { weights in
      // Tiles of weights are made by many threads at a time, each in memory of its own.
      nonisolated(unsafe) let weights = weights
      let parts = workers.map(shards: shards.count) {
        comparison.compare(claimed.shards[$0], neurons: shards[$0], weights)
      }
      for part in parts { self += part }
    }
  }

  public static func += (a: inout FiringAudit, b: FiringAudit) {
    a.compared += b.compared
    a.firing += b.firing
    a.missed += b.missed
    a.extra += b.extra
    a.ties += b.ties
  }
}

/// What the pairs of all shards are compared with.
private struct Comparison {
  let points: DataPoints
  let threshold: Float
  let norms: [Float]
  /// Of each point, how far two computed products may lie apart, for each unit of |w| |x|.
  let roundings: [Double]
  let transformRounding: Double

  init(points: DataPoints, threshold: Float, transformRounding: Float) {
    self.transformRounding = Double(transformRounding)
    self.points = points
    self.threshold = threshold
    norms = points.norms()
    var roundings = [Double].fixed(points.count, repeating: 0)
    for point in roundings.indices {
      let k = Double(points.storedElements(ofPoint: point) + 2)
      roundings[point] = 2 * min(k / (1 - min(k * 0x1p-24, 0.5)), 8 * k.squareRoot()) * 0x1p-24
    }
    self.roundings = roundings
  }

  /// Compares one shard, a tile of neurons at a time.
  func compare(
    _ claimed: FiringSet.Shard, neurons: Range<Int>, _ weights: (Range<Int>, (MatrixView) -> Void) -> Void
  ) -> FiringAudit {
    precondition(
      claimed.neurons.allSatisfy { neurons.contains(Int($0)) }, "a shard has the pairs of its neurons alone")
    var audit = FiringAudit()
    var next = 0
    // At most 16 MB of correlations.
    let tiles = Tiles(of: neurons.count, size: max(1, min(64, (1 << 22) / max(points.count, 1))))
    Scratch.withMatrix(rows: tiles.size, columns: points.count) { scratch in
      for tile in 0..<tiles.count {
        let range = neurons.lowerBound + tiles[tile].lowerBound..<neurons.lowerBound + tiles[tile].upperBound
        weights(range) { rows in
          let correlations = scratch.rows(0..<range.count)
          for columns in points.tileRanges {
            points.correlate(rows, points: columns, into: correlations.columns(columns))
          }
          for (r, neuron) in range.enumerated() {
            compare(rows.row(r), correlations.view.row(r), claimed.points(of: neuron, &next), &audit)
          }
        }
      }
    }
    return audit
  }

  /// Compares one neuron: its weights (d), its correlations (n), and the points that it is claimed to fire on.
  private func compare(
    _ weights: UnsafePointer<Float>, _ correlations: UnsafePointer<Float>, _ claimed: ArraySlice<Int32>,
    _ audit: inout FiringAudit
  ) {
    var next = claimed.startIndex
    for point in 0..<norms.count {
      let fires = correlations[point] > threshold
      let isClaimed = next < claimed.endIndex && Int(claimed[next]) == point
      if isClaimed { next += 1 }
      audit.firing += fires ? 1 : 0
      guard fires != isClaimed else { continue }
      let excess = points.exactProduct(weights, withPoint: point) - Double(threshold)
      let margin = (roundings[point] * points.norm(of: weights) + transformRounding) * Double(norms[point])
      // Not a number is never within rounding.
      if abs(excess) <= margin {
        audit.ties += 1
      } else if isClaimed {
        audit.extra += 1
      } else {
        audit.missed += 1
      }
    }
    precondition(next == claimed.endIndex, "claimed points ascend and lie below \(norms.count)")
    audit.compared += norms.count
  }
}

extension DataPoints {
  fileprivate var tileRanges: [Range<Int>] { (0..<tiles.count).map { tiles[$0] } }

  /// <w, x_i> in double precision.
  fileprivate func exactProduct(_ weights: UnsafePointer<Float>, withPoint index: Int) -> Double {
    withView { view in
      switch view {
      case .dense(let matrix):
        (0..<matrix.columns).reduce(0.0) { $0 + Double(weights[$1]) * Double(matrix[index, $1]) }
      case .sparse(let offsets, let columns, let values):
        (offsets[index]..<offsets[index + 1]).reduce(0.0) {
          $0 + Double(weights[Int(columns[$1])]) * Double(values[$1])
        }
      }
    }
  }

  /// |w| (d), in double precision.
  fileprivate func norm(of weights: UnsafePointer<Float>) -> Double {
    DataPointsView.norm(of: weights, count: dimension)
  }
}

extension FiringSet.Shard {
  /// The points of a neuron, when the neurons are asked for in order: `next` is the first row that is not behind.
  fileprivate func points(of neuron: Int, _ next: inout Int) -> ArraySlice<Int32> {
    guard next < neurons.count, Int(neurons[next]) == neuron else { return [] }
    defer { next += 1 }
    return points[offsets[next]..<offsets[next + 1]]
  }
}
