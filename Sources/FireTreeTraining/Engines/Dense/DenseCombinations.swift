import CorrelationTrees
import FireTreeCore

/// The backward pass of seeded weights, w_r = w_r(0) + sum_i alpha_ri x_i, of which no more than a tile is ever there: a step
/// moves alpha on the points where the neuron fires, and with momentum where it has fired,
///
///     beta = mu beta + g,   alpha -= eta (p g + q beta),
///
/// the rule of the weights themselves for every coefficient (`UpdateRule`). Then the row is made again.
struct DenseCombinations {
  let pass: DensePass
  /// The weights before the step.
  let weights: SeededWeights
  /// beta before the step; nil without momentum.
  let velocity: PointCombinations?
  let isPatternKept: Bool
  let gradient: PairGradient
  let rule: UpdateRule

  /// What the neurons of a shard have become.
  struct Shard {
    var alpha = PointCombinations.Shard()
    var beta = PointCombinations.Shard()
    var result = DenseSweep.Result()
  }

  /// Moves the neurons of a shard and does their forward pass.
  ///
  /// Complexity: for each neuron that of its row (`SeededWeights.generate`), O(C) a firing pair, and 2 n d flops; twice those
  /// and two rows where the pattern is not kept.
  func run(
    _ shard: Int, of shards: Tiles, sweep: DenseSweep, sums: UnsafeMutablePointer<Double>
  ) -> Shard {
    var moved = Shard()
    let words = DensePass.words(points: pass.points.count)
    moved.result = pass.points.withView { points in
      CandidateWorkspace.with(points: pass.points.count) { workspace in
        sweep.run(shards[shard], sums) { tile, forward in
          if !isPatternKept {
            HiddenWeights.seeded(weights).withTile(tile.neurons) { pass.mark($0, in: tile) }
          }
          return Scratch.withMatrix(rows: tile.neurons.count, columns: weights.columns) { rows in
            weights.initial.generate(tile.neurons, into: rows)
            var count = 0
            for (slot, neuron) in tile.neurons.enumerated() {
              let begin = moved.alpha.points.count
              let firing = FiringCursor(tile.bits + slot * words, words: words)
              if move(neuron, of: shards[shard], shard, firing, workspace, into: &moved) { count += 1 }
              moved.alpha.add(begin..<moved.alpha.points.count, of: points, to: rows.row(slot))
            }
            forward(rows.view)
            return count
          }
        }
      }
    }
    return moved
  }

  /// Appends the neuron's coefficients after the step; returns whether it has moved.
  private func move(
    _ neuron: Int, of range: Range<Int>, _ shard: Int, _ firing: FiringCursor,
    _ workspace: CandidateWorkspace, into result: inout Shard
  ) -> Bool {
    let row = neuron - range.lowerBound
    let (fires, isMoving) = (firing.point < .max, velocity?.shards[shard].entries(of: row).isEmpty == false)
    let count = gather(neuron, row, shard, firing, workspace)
    if velocity != nil, fires || isMoving {
      _ = rule.move(
        workspace.coefficients, velocity: workspace.changes,
        gradient: fires ? UnsafePointer(workspace.steps) : nil, count: count)
    } else {
      for t in 0..<count { workspace.coefficients[t] -= rule.rate * workspace.steps[t] }
    }
    for t in 0..<count {
      let (point, alpha, beta) = (workspace.rows[t], workspace.coefficients[t], workspace.changes[t])
      if alpha != 0 { result.alpha.append(point: point, coefficient: alpha) }
      if velocity != nil, beta != 0 { result.beta.append(point: point, coefficient: beta) }
    }
    result.alpha.endRow()
    result.beta.endRow()
    return fires || isMoving
  }

  /// Every point on which the neuron fires or has a coefficient, ascending, into `workspace`: points into `rows`, alpha into
  /// `coefficients`, beta into `changes`, the gradient's factor into `steps`. Returns the number of points.
  private func gather(
    _ neuron: Int, _ row: Int, _ shard: Int, _ firing: FiringCursor, _ workspace: CandidateWorkspace
  ) -> Int {
    var firing = firing
    var alpha = EntryCursor(weights.combinations.shards[shard], row: row)
    var beta = velocity.map { EntryCursor($0.shards[shard], row: row) }
    var count = 0
    while true {
      let point = min(firing.point, alpha.point, beta?.point ?? .max)
      guard point < .max else { return count }
      workspace.rows[count] = UInt16(point)
      workspace.coefficients[count] = alpha.take(point)
      workspace.changes[count] = beta?.take(point) ?? 0
      workspace.steps[count] = firing.take(point) ? gradient.coefficient(neuron: neuron, point: point) : 0
      count += 1
    }
  }
}

/// Goes through the points on which a neuron fires, ascending.
private struct FiringCursor {
  private var next: UnsafePointer<UInt64>
  private let end: UnsafePointer<UInt64>
  /// What is left of the word before `next`, and the point of its first bit.
  private var word: UInt64 = 0
  private var first = -64

  init(_ bits: UnsafePointer<UInt64>, words: Int) {
    (next, end) = (bits, bits + words)
    skipEmptyWords()
  }

  private mutating func skipEmptyWords() {
    while word == 0, next < end {
      (word, first) = (next.pointee, first + 64)
      next += 1
    }
  }

  /// The next point; the largest number after the last.
  var point: Int { word == 0 ? .max : first + word.trailingZeroBitCount }

  /// Whether the next point is `point`; then it is passed.
  mutating func take(_ point: Int) -> Bool {
    guard self.point == point else { return false }
    word &= word - 1
    skipEmptyWords()
    return true
  }
}
