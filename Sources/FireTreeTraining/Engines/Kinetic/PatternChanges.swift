import FireTreeCore

/// What the neurons of a shard do to the outputs and to the co-firing tensor when pairs change state.
struct PatternChanges: Sendable {
  /// A neuron whose pattern changed: its points that stay, cease and begin to fire, one after the other in `points`;
  /// and its corrections, in `corrections`.
  struct Change: Sendable {
    var neuron: Int32
    var staying: Int32 = 0
    var ceasing: Int32 = 0
    var beginning: Int32 = 0
    var corrections: Int32 = 0
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
    neuron: Int, staying: some Sequence<UInt16>, ceasing: some Sequence<UInt16>,
    beginning: some Sequence<UInt16>, corrections new: some Sequence<Correction>
  ) {
    var change = Change(neuron: Int32(neuron))
    func add(_ sequence: some Sequence<UInt16>) -> Int32 {
      let before = points.count
      points.append(contentsOf: sequence)
      return Int32(points.count - before)
    }
    change.staying = add(staying)
    change.ceasing = add(ceasing)
    change.beginning = add(beginning)
    let before = corrections.count
    corrections.append(contentsOf: new)
    change.corrections = Int32(corrections.count - before)
    changes.append(change)
    pairs += Int(change.ceasing) + Int(change.beginning)
    firingDifference += Int(change.beginning) - Int(change.ceasing)
  }

  /// Corrects outputs and their velocities (n x C, sums over neurons without 1 / sqrt(m)).
  func correct(
    _ outputs: inout [Double], velocities: inout [Double], outputWeights: MatrixView, scale: Double
  ) {
    var next = 0
    let count = outputWeights.columns
    for change in changes {
      let weights = outputWeights.row(Int(change.neuron))
      for correction in corrections[next..<next + Int(change.corrections)] {
        let first = Int(correction.point) * count
        for c in 0..<count {
          outputs[first + c] += Double(weights[c] * correction.excess) * scale
          if correction.velocity != 0 {
            velocities[first + c] += Double(weights[c] * correction.velocity) * scale
          }
        }
      }
      next += Int(change.corrections)
    }
  }

  /// Changes the co-firing tensor: of every pair of points that both fired before, or both fire now.
  func change(_ rows: CoFiringTensor.Rows, outputWeights: MatrixView) {
    points.withUnsafeBufferPointer { points in
      guard var next = points.baseAddress else { return }
      for change in changes {
        let weights = outputWeights.row(Int(change.neuron))
        let (staying, ceasing) = (Int(change.staying), Int(change.ceasing))
        let (old, new) = (next + staying, next + staying + ceasing)
        if ceasing > 0 { rows.begin(weights, sign: -1) }
        Self.change(rows, old, count: ceasing, staying: next, stayingCount: staying)
        if change.beginning > 0 { rows.begin(weights, sign: 1) }
        Self.change(rows, new, count: Int(change.beginning), staying: next, stayingCount: staying)
        next = new + Int(change.beginning)
      }
    }
  }

  private static func change(
    _ rows: CoFiringTensor.Rows, _ group: UnsafePointer<UInt16>, count: Int, staying: UnsafePointer<UInt16>,
    stayingCount: Int
  ) {
    for k in 0..<count {
      rows.add(Int(group[k]))
      rows.add(Int(group[k]), with: staying, count: stayingCount)
      rows.add(Int(group[k]), with: group, count: k)
    }
  }
}
