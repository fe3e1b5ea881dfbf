import FireTreeCore

/// What the neurons of a shard do to the outputs and to the co-firing tensor when pairs change state.
struct PatternChanges: Sendable {
  /// A neuron whose pattern changed: its points that stay, cease and begin to fire, one after the other in `points`;
  /// and its corrections, in `corrections`.
  struct Change: Sendable {
    var neuron: Int32
    var staying: Int32
    var ceasing: Int32
    var beginning: Int32
    var corrections: Int32
  }

  /// By how much a neuron's part in the outputs on a point has to be corrected: a_r times `excess`, and in the outputs'
  /// velocity a_r times `velocity`.
  struct Correction: Sendable {
    var point: UInt16
    var excess: Float
    var velocity: Float = 0
  }

  private(set) var changes: [Change] = []
  private(set) var points: [UInt16] = []
  private(set) var corrections: [Correction] = []

  var isEmpty: Bool { changes.isEmpty }
  /// Pairs that changed state.
  private(set) var pairs = 0
  /// Pairs that fire now, less those before.
  private(set) var firingDifference = 0

  /// Appends a change; `staying`, `ceasing` and `beginning` are points, `corrections` what belongs to it.
  mutating func append(
    neuron: Int, staying: UnsafeBufferPointer<UInt16>, ceasing: UnsafeBufferPointer<UInt16>,
    beginning: UnsafeBufferPointer<UInt16>, corrections new: UnsafeBufferPointer<Correction>
  ) {
    changes.append(
      Change(
        neuron: Int32(neuron), staying: Int32(staying.count), ceasing: Int32(ceasing.count),
        beginning: Int32(beginning.count), corrections: Int32(new.count)))
    points.append(contentsOf: staying)
    points.append(contentsOf: ceasing)
    points.append(contentsOf: beginning)
    corrections.append(contentsOf: new)
    pairs += ceasing.count + beginning.count
    firingDifference += beginning.count - ceasing.count
  }

  /// Corrects outputs and their velocities (n x C, sums over neurons without 1 / sqrt(m)).
  func correct(
    _ outputs: inout [Double], velocities: inout [Double], outputWeights: MatrixView, scale: Double
  ) {
    let count = outputWeights.columns
    outputs.withUnsafeMutableBufferPointer { outputs in
      velocities.withUnsafeMutableBufferPointer { velocities in
        var next = 0
        for change in changes {
          let weights = outputWeights.row(Int(change.neuron))
          for correction in corrections[next..<next + Int(change.corrections)] {
            let first = Int(correction.point) * count
            for c in 0..<count {
              outputs[first + c] += Double(weights[c] * correction.excess) * scale
            }
            guard correction.velocity != 0 else { continue }
            for c in 0..<count { velocities[first + c] += Double(weights[c] * correction.velocity) * scale }
          }
          next += Int(change.corrections)
        }
      }
    }
  }

  /// Adds for every point how many neurons begin to fire on it.
  func countBeginning(_ counts: inout [Int32]) {
    var next = 0
    for change in changes {
      next += change.pointCount
      for k in next - Int(change.beginning)..<next { counts[Int(points[k])] += 1 }
    }
  }

  /// Changes the co-firing tensor: of every pair of points that both fired before, or both fire now.
  func change(_ rows: CoFiringTensor.Rows, outputWeights: MatrixView) {
    points.withUnsafeBufferPointer { points in
      changes.withUnsafeBufferPointer { changes in
        guard var next = points.baseAddress else { return }
        for k in changes.indices {
          let change = changes[k]
          let following = next + change.pointCount
          // The blocks of the next neuron come while those of this one are changed.
          if k + 1 < changes.count { changes[k + 1].prefetch(rows, following) }
          let (old, weights) = (next + Int(change.staying), outputWeights.row(Int(change.neuron)))
          let new = old + Int(change.ceasing)
          if change.ceasing > 0 { rows.begin(weights, sign: -1) }
          rows.add(old, count: Int(change.ceasing), with: next, count: Int(change.staying))
          if change.beginning > 0 { rows.begin(weights, sign: 1) }
          rows.add(new, count: Int(change.beginning), with: next, count: Int(change.staying))
          next = following
        }
      }
    }
  }
}

extension PatternChanges.Change {
  var pointCount: Int { Int(staying) + Int(ceasing) + Int(beginning) }

  /// Asks for the blocks of the tensor that the change, of these points, is going to touch.
  func prefetch(_ rows: CoFiringTensor.Rows, _ points: UnsafePointer<UInt16>) {
    for k in Int(staying)..<pointCount { rows.prefetch(Int(points[k]), with: points, count: Int(staying)) }
  }
}
