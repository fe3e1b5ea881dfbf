import FireTreeCore

/// What the neurons of a shard do to the outputs and to the co-firing tensor when pairs change state.
struct PatternChanges: Sendable {
  /// A pair that changes state: the point on which a neuron begins or ceases to fire, and where in `points` those are with
  /// which it does so.
  struct Pair: Sendable {
    /// Where the output weights of the neuron are in `weights`, and its points in `points`: those on which it fires all along,
    /// `staying`, then those that cease, then those that begin.
    var weights: Int32
    var start: Int32
    var staying: UInt16
    /// Where those that change like this one begin, counted from the start, and which of them it is.
    var group: UInt16
    var position: UInt16
    var point: UInt16
    var begins: Bool
  }

  /// By how much a neuron's part in the outputs on a point has to be corrected: a_r times `excess`, and in the outputs'
  /// velocity a_r times `velocity`.
  struct Correction: Sendable {
    var point: UInt16
    var excess: Float
    var velocity: Float = 0
  }

  private(set) var pairs: [Pair] = []
  private(set) var points: [UInt16] = []
  /// a_r of every neuron that changes (C each), and how many corrections it has.
  private(set) var weights: [Float] = []
  private var counts: [Int32] = []
  private var corrections: [Correction] = []

  /// Pairs that fire now, less those before.
  private(set) var firingDifference = 0

  /// Appends what a neuron with these output weights does: `staying`, `ceasing` and `beginning` are points, `new` its
  /// corrections.
  mutating func append(
    weights own: UnsafeBufferPointer<Float>, staying: UnsafeBufferPointer<UInt16>,
    ceasing: UnsafeBufferPointer<UInt16>, beginning: UnsafeBufferPointer<UInt16>,
    corrections new: UnsafeBufferPointer<Correction>
  ) {
    let (first, start) = (Int32(weights.count), Int32(points.count))
    pairs.fixRoom(for: ceasing.count + beginning.count)
    weights.fixRoom(for: own.count)
    points.fixRoom(for: staying.count + ceasing.count + beginning.count)
    counts.fixRoom(for: 1)
    corrections.fixRoom(for: new.count)
    var group = staying.count
    for (changing, begins) in [(ceasing, false), (beginning, true)] {
      for (position, point) in changing.enumerated() {
        pairs.append(
          Pair(
            weights: first, start: start, staying: UInt16(staying.count), group: UInt16(group),
            position: UInt16(position), point: point, begins: begins))
      }
      group += changing.count
    }
    weights.append(contentsOf: own)
    if ceasing.count + beginning.count > 0 {
      points.append(contentsOf: staying)
      points.append(contentsOf: ceasing)
      points.append(contentsOf: beginning)
    }
    counts.append(Int32(new.count))
    corrections.append(contentsOf: new)
    firingDifference += beginning.count - ceasing.count
  }

  /// Corrects outputs and their velocities (n x C, sums over neurons without 1 / sqrt(m)).
  func correct(_ outputs: inout [Double], velocities: inout [Double], outputCount: Int, scale: Double) {
    outputs.withUnsafeMutableBufferPointer { outputs in
      velocities.withUnsafeMutableBufferPointer { velocities in
        weights.withUnsafeBufferPointer { weights in
          var next = 0
          for (change, count) in counts.enumerated() {
            let own = change * outputCount
            for correction in corrections[next..<next + Int(count)] {
              let first = Int(correction.point) * outputCount
              for c in 0..<outputCount {
                outputs[first + c] += Double(weights[own + c] * correction.excess) * scale
              }
              guard correction.velocity != 0 else { continue }
              for c in 0..<outputCount {
                velocities[first + c] += Double(weights[own + c] * correction.velocity) * scale
              }
            }
            next += Int(count)
          }
        }
      }
    }
  }
}
