import FireTreeCore

/// The weights of neurons at their anchors, w_r(t0), and with momentum their velocities, v_r(t0), for engines that keep
/// what has happened since as a combination of data points.
///
/// A velocity is a combination of the points on which the neuron has ever fired, v_r(t0) = sum_i beta_ri x_i, and is
/// kept as that. A weight is a row of a matrix or, when the network is seeded, a combination of the same kind added to
/// its initial value: then nothing of size m d is held, and rows are made again when a neuron is anchored.
package struct WeightsAtAnchor: Sendable {
  private enum Rows: Sendable {
    /// w_r(t0) (m x d).
    case stored(Matrix)
    /// The initial weights, to which sum_i alpha_ri x_i is added.
    case seeded(SeededWeights)
  }

  private var rows: Rows
  private let points: DataPoints
  /// alpha_r(t0) of seeded weights and beta_r(t0) of momentum, one list a neuron; nothing when neither is there.
  private var combinations: CandidateLists?
  private let planes: Planes

  /// Where the combinations keep their coefficients.
  package struct Planes: Sendable {
    package let alpha: Int?
    package let beta: Int?
    package var count: Int { (alpha == nil ? 0 : 1) + (beta == nil ? 0 : 1) }
  }

  /// Takes weights over. `velocity` are the combinations that make up a velocity; when it is nil and `keepsVelocity`, all
  /// are at rest. Weights are held in the form that they have or, when it is `stored`, as a matrix; and so are seeded ones
  /// that training has moved by other points than these.
  ///
  /// Throws a usage error when memory runs out.
  package init(
    _ weights: consuming HiddenWeights, form: HiddenWeights.Form? = nil, velocity: PointCombinations? = nil,
    keepsVelocity: Bool, points: DataPoints, workers: Workers
  ) throws(FireTreeError) {
    self.points = points
    var moved: PointCombinations?
    if case .seeded(let seeded) = weights, form != .stored, seeded.isInitial || seeded.points == points {
      rows = .seeded(SeededWeights(seeded.initial))
      planes = Planes(alpha: 0, beta: keepsVelocity ? 1 : nil)
      moved = seeded.combinations
    } else {
      rows = .stored(try weights.materialized(workers: workers))
      planes = Planes(alpha: nil, beta: keepsVelocity ? 0 : nil)
    }
    guard planes.count > 0 else { return }
    combinations = try CandidateLists(neurons: weights.rows, planes: planes.count)
    if (moved?.count ?? 0) + (velocity?.count ?? 0) > 0 {
      fill(alpha: moved, beta: velocity, workers: workers)
    }
  }

  /// Puts combinations into the lists, those that a plane is kept for.
  private mutating func fill(alpha: PointCombinations?, beta: PointCombinations?, workers: Workers) {
    let (planes, count) = (planes, points.count)
    combinations?.shards.withUnsafeMutableBufferPointer { shards in
      nonisolated(unsafe) let shards = shards
      workers.forEachShard(of: shards.count) { index in
        CandidateWorkspace.with(points: count) { workspace in
          let view = View(
            weights: nil, combinations: shards.baseAddress, planes: planes, points: nil)
          for neuron in shards[index].neurons {
            let (own, moving) = (alpha?.row(neuron) ?? [], beta?.row(neuron) ?? [])
            guard own.count + moving.count > 0 else { continue }
            let movement = [
              own.map { ($0.point, $0.coefficient, 0) }, moving.map { ($0.point, 0, $0.coefficient) },
            ]
            .joined()
            view.set(neuron, shard: index, to: Array(movement), workspace)
          }
        }
      }
    }
  }

  /// Access from shards, valid during a call: each touches the neurons of its own.
  package struct View {
    /// w_r(t0), when they are stored.
    fileprivate let weights: MutableMatrixView?
    fileprivate let combinations: UnsafeMutablePointer<CandidateLists.Shard>?
    fileprivate let planes: Planes
    fileprivate let points: DataPointsView?
  }

  package mutating func withView<Result>(_ body: (View) -> Result) -> Result {
    // Taken out of here meanwhile, so that both are unique and not copied.
    var (lists, stored): (CandidateLists?, Matrix?) = (combinations, nil)
    combinations = nil
    if case .stored(let matrix) = rows {
      stored = matrix
      rows = .stored(Matrix(rows: 0, columns: 0))
    }
    defer {
      combinations = lists
      if let stored { rows = .stored(stored) }
    }
    let planes = planes
    return points.withView { points in
      Self.withShards(of: &lists) { combinations in
        Self.withView(of: &stored) { weights in
          body(View(weights: weights, combinations: combinations, planes: planes, points: points))
        }
      }
    }
  }

  private static func withShards<Result>(
    of lists: inout CandidateLists?, _ body: (UnsafeMutablePointer<CandidateLists.Shard>?) -> Result
  ) -> Result {
    lists?.shards.withUnsafeMutableBufferPointer { body($0.baseAddress) } ?? body(nil)
  }

  private static func withView<Result>(
    of matrix: inout Matrix?, _ body: (MutableMatrixView?) -> Result
  ) -> Result {
    matrix?.withMutableView(body) ?? body(nil)
  }

  private var neuronCount: Int {
    switch rows {
    case .stored(let matrix): matrix.rows
    case .seeded(let weights): weights.rows
    }
  }

  private var shardSize: Int { Tiles.neuronShards(of: neuronCount).size }
}

// MARK: - Rows

extension WeightsAtAnchor {
  /// Calls `body` with the anchored weights of the chosen neurons, ascending, one below the other.
  package func withRows(of chosen: UnsafeBufferPointer<Int32>, _ body: (MatrixView) -> Void) {
    switch rows {
    case .stored(let matrix):
      matrix.withView { $0.forEachTile(of: chosen, size: max(chosen.count, 1)) { body($1) } }
    case .seeded(let weights):
      Scratch.withMatrix(rows: chosen.count, columns: weights.columns) { scratch in
        weights.generate(chosen.lazy.map(Int.init), into: scratch)
        points.withView { points in
          CandidateWorkspace.with(points: self.points.count) { workspace in
            for (slot, neuron) in chosen.enumerated() {
              let terms = gather(planes.alpha, of: Int(neuron), shard: Int(neuron) / shardSize, workspace)
              points.addRounded(workspace, count: terms, to: scratch.row(slot))
            }
          }
        }
        body(scratch.view)
      }
    }
  }

  /// Calls `body` with the weights of `neurons` as they are now, one a row; `movement(shard, neuron, body)` calls `body`
  /// with what a neuron has moved by since its anchor. Complexity: O(d) for each neuron and point with a coefficient.
  package func withRows(
    _ neurons: Range<Int>, movedBy movement: (Int, Int, (Movement) -> Void) -> Void,
    _ body: (MatrixView) -> Void
  ) {
    let dimension = points.dimension
    Scratch.withMatrix(rows: neurons.count, columns: dimension) { scratch in
      switch rows {
      case .stored(let matrix): matrix.withView { scratch.copy($0.rows(neurons)) }
      case .seeded(let weights): weights.generate(neurons, into: scratch)
      }
      points.withView { points in
        CandidateWorkspace.with(points: self.points.count) { workspace in
          for (slot, neuron) in neurons.enumerated() {
            let shard = neuron / shardSize
            movement(shard, neuron) { movement in
              let count = merge(movement, of: neuron, shard: shard, workspace)
              if planes.alpha == nil {
                points.add(workspace, count: count, to: scratch.row(slot))
              } else {
                points.addRounded(workspace, count: count, to: scratch.row(slot))
              }
            }
          }
        }
      }
      body(scratch.view)
    }
  }

  /// beta_r(t0), its points as `workspace.rows` and `workspace.coefficients`; returns the number of terms.
  package func gatherVelocity(of neuron: Int, shard: Int, _ workspace: CandidateWorkspace) -> Int {
    gather(planes.beta, of: neuron, shard: shard, workspace)
  }

  private func gather(_ plane: Int?, of neuron: Int, shard: Int, _ workspace: CandidateWorkspace) -> Int {
    guard let plane, let lists = combinations?.shards[shard] else { return 0 }
    return lists.readLists {
      let list = $0[neuron - lists.neurons.lowerBound]
      workspace.rows.update(from: list.points, count: list.count)
      workspace.coefficients.update(from: list.plane(plane), count: list.count)
      return list.count
    }
  }
}

// MARK: - Movement

extension WeightsAtAnchor {
  /// By what a neuron has moved since its anchor: w = w(t0) + kappa v(t0) + sum_i alpha_i x_i, v = decay v(t0) +
  /// sum_i beta_i x_i, over `count` points.
  package struct Movement {
    package let points: UnsafePointer<UInt16>
    package let alpha: UnsafePointer<Float>
    package var beta: UnsafePointer<Float>?
    package let count: Int
    package var kappa: Float
    package var decay: Float

    package init(
      points: UnsafePointer<UInt16>, alpha: UnsafePointer<Float>, beta: UnsafePointer<Float>? = nil,
      count: Int, kappa: Float = 0, decay: Float = 0
    ) {
      (self.points, self.alpha, self.beta, self.count) = (points, alpha, beta, count)
      (self.kappa, self.decay) = (kappa, decay)
    }
  }

  /// Moves the weights and velocities out of here, as they are now, in place: of stored weights no other copy is made.
  ///
  /// `movement` as in `withRows`. Velocities are returned when they are kept here or movements have them.
  package mutating func take(
    keepsVelocity: Bool, workers: Workers, by movement: (Int, Int, (Movement) -> Void) -> Void
  ) -> (weights: HiddenWeights, velocity: PointCombinations?) {
    let (tiles, count) = (Tiles.neuronShards(of: neuronCount), points.count)
    let shards = withView { anchors in
      workers.map(shards: tiles.count) { index in
        var (alpha, beta) = (PointCombinations.Shard(), PointCombinations.Shard())
        CandidateWorkspace.with(points: count) { workspace in
          for neuron in tiles[index] {
            movement(index, neuron) { movement in
              let count = anchors.merge(movement, of: neuron, shard: index, workspace)
              anchors.addToRow(of: neuron, count: count, workspace)
              for t in 0..<count {
                let (a, b) = (workspace.coefficients[t], workspace.changes[t])
                if anchors.weights == nil, a != 0 { alpha.append(point: workspace.rows[t], coefficient: a) }
                if keepsVelocity, b != 0 { beta.append(point: workspace.rows[t], coefficient: b) }
              }
            }
            alpha.endRow()
            beta.endRow()
          }
        }
        return (alpha: alpha, beta: beta)
      }
    }
    let velocity =
      keepsVelocity ? PointCombinations(rows: neuronCount, shards: shards.map(\.beta)) : nil
    combinations = nil
    switch rows {
    case .stored(let matrix):
      rows = .stored(Matrix(rows: 0, columns: 0))
      return (.stored(matrix), velocity)
    case .seeded(let initial):
      let moved = PointCombinations(rows: initial.rows, shards: shards.map(\.alpha))
      return (.seeded(SeededWeights(initial: initial.initial, points: points, combinations: moved)), velocity)
    }
  }

  /// The weights as they are now; nil when they are stored. `movement` as in `withRows`.
  package func seededWeights(
    workers: Workers, by movement: (Int, Int, (Movement) -> Void) -> Void
  ) -> SeededWeights? {
    guard case .seeded(let initial) = rows else { return nil }
    let (tiles, count) = (Tiles.neuronShards(of: neuronCount), points.count)
    let shards = workers.map(shards: tiles.count) { index in
      var alpha = PointCombinations.Shard()
      CandidateWorkspace.with(points: count) { workspace in
        for neuron in tiles[index] {
          movement(index, neuron) { movement in
            let count = merge(movement, of: neuron, shard: index, workspace)
            for t in 0..<count where workspace.coefficients[t] != 0 {
              alpha.append(point: workspace.rows[t], coefficient: workspace.coefficients[t])
            }
          }
          alpha.endRow()
        }
      }
      return alpha
    }
    return SeededWeights(
      initial: initial.initial, points: points,
      combinations: PointCombinations(rows: neuronCount, shards: shards))
  }

  fileprivate func merge(
    _ movement: Movement, of neuron: Int, shard: Int, _ workspace: CandidateWorkspace
  ) -> Int {
    guard let lists = combinations?.shards[shard] else {
      return Self.merge(movement, with: nil, planes, workspace)
    }
    return lists.readLists {
      Self.merge(movement, with: $0[neuron - lists.neurons.lowerBound], planes, workspace)
    }
  }

  /// The coefficients of the present weight and velocity, ascending by point, into `workspace`: points into `rows`,
  /// alpha (with alpha(t0) for seeded weights) into `coefficients`, beta into `changes`. `old` is the list of those at the
  /// anchor. Returns the number of terms. Complexity: O(k log k) for k points with a coefficient.
  fileprivate static func merge(
    _ movement: Movement, with old: CandidateLists.List?, _ planes: Planes, _ workspace: CandidateWorkspace
  ) -> Int {
    let (points, alpha, beta) = (movement.points, movement.alpha, movement.beta)
    let order = workspace.sorted(points, count: movement.count)
    let (kappa, decay) = (movement.kappa, movement.decay)
    var (count, next) = (0, 0)
    func append(_ point: UInt16, _ alpha: Float, _ beta: Float) {
      let beta = abs(beta) >= 1e-30 ? beta : 0
      guard alpha != 0 || beta != 0 else { return }
      (workspace.rows[count], workspace.coefficients[count], workspace.changes[count]) = (point, alpha, beta)
      count += 1
    }
    func appendNext() {
      let k = Int(order[next])
      append(points[k], alpha[k], beta?[k] ?? 0)
      next += 1
    }
    for t in 0..<(old?.count ?? 0) {
      guard let old else { break }
      while next < movement.count, points[Int(order[next])] < old.points[t] { appendNext() }
      let oldBeta = planes.beta.map { old.plane($0)[t] } ?? 0
      var (newAlpha, newBeta) = (kappa * oldBeta, decay * oldBeta)
      if let plane = planes.alpha { newAlpha += old.plane(plane)[t] }
      if next < movement.count, points[Int(order[next])] == old.points[t] {
        newAlpha += alpha[Int(order[next])]
        newBeta += beta?[Int(order[next])] ?? 0
        next += 1
      }
      append(old.points[t], newAlpha, newBeta)
    }
    while next < movement.count { appendNext() }
    return count
  }
}

extension WeightsAtAnchor.View {
  /// Moves a neuron's anchor to where it is now, w_r(t0) + kappa v_r(t0) + sum_i alpha_i x_i, and its velocity to
  /// decay v_r(t0) + sum_i beta_i x_i.
  ///
  /// Complexity: O(k log k) for k points with a coefficient, and k d for stored weights.
  package func moveAnchor(
    of neuron: Int, shard: Int, by movement: WeightsAtAnchor.Movement, _ workspace: CandidateWorkspace
  ) {
    let count = merge(movement, of: neuron, shard: shard, workspace)
    addToRow(of: neuron, count: count, workspace)
    replaceCombinations(of: neuron, shard: shard, count: count, workspace)
  }

  /// The combinations of a neuron become the first `count` terms in the workspace.
  private func replaceCombinations(of neuron: Int, shard: Int, count: Int, _ workspace: CandidateWorkspace) {
    guard let combinations else { return }
    let local = neuron - combinations[shard].neurons.lowerBound
    // The first plane is that of alpha, when both are kept.
    combinations[shard].replace(
      local, points: UnsafeBufferPointer(start: workspace.rows, count: count),
      correlations: UnsafeBufferPointer(
        start: planes.alpha == nil ? workspace.changes : workspace.coefficients, count: count))
    guard planes.count == 2, let beta = planes.beta else { return }
    combinations[shard].withLists { $0[local].plane(beta).update(from: workspace.changes, count: count) }
  }

  /// Sets the combinations of a neuron that has none yet: (point, alpha, beta), a point at most twice.
  fileprivate func set(
    _ neuron: Int, shard: Int, to terms: [(point: Int, alpha: Float, beta: Float)],
    _ workspace: CandidateWorkspace
  ) {
    var count = 0
    for term in terms.sorted(by: { $0.point < $1.point }) {
      if count > 0, Int(workspace.rows[count - 1]) == term.point {
        workspace.coefficients[count - 1] += term.alpha
        workspace.changes[count - 1] += term.beta
      } else {
        workspace.rows[count] = UInt16(term.point)
        (workspace.coefficients[count], workspace.changes[count]) = (term.alpha, term.beta)
        count += 1
      }
    }
    replaceCombinations(of: neuron, shard: shard, count: count, workspace)
  }

  /// `w_r(t0) += sum` of the first `count` terms in the workspace, when weights are stored.
  fileprivate func addToRow(of neuron: Int, count: Int, _ workspace: CandidateWorkspace) {
    guard let weights, let points else { return }
    points.add(workspace, count: count, to: weights.row(neuron))
  }

  fileprivate func merge(
    _ movement: WeightsAtAnchor.Movement, of neuron: Int, shard: Int, _ workspace: CandidateWorkspace
  ) -> Int {
    guard let combinations else {
      return WeightsAtAnchor.merge(movement, with: nil, planes, workspace)
    }
    return combinations[shard].readLists {
      WeightsAtAnchor.merge(
        movement, with: $0[neuron - combinations[shard].neurons.lowerBound], planes, workspace)
    }
  }
}

extension DataPointsView {
  /// Adds the first `count` terms in a workspace to a vector (d): `coefficients` of the points `rows`.
  fileprivate func add(_ workspace: CandidateWorkspace, count: Int, to vector: UnsafeMutablePointer<Float>) {
    for t in 0..<count { workspace.terms[t] = UInt32(workspace.rows[t]) }
    add(workspace.coefficients, timesPoints: workspace.terms, count: count, to: vector)
  }

  /// The same, with the bits of `SeededWeights.generate`.
  fileprivate func addRounded(
    _ workspace: CandidateWorkspace, count: Int, to vector: UnsafeMutablePointer<Float>
  ) {
    for t in 0..<count {
      addRounded(workspace.coefficients[t], timesPoint: Int(workspace.rows[t]), to: vector)
    }
  }
}
