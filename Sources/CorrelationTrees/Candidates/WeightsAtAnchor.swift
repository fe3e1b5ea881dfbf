import CorrelationTrees
import FireTreeCore

/// What the Gram engine knows of the weights at the neurons' anchors: w_r(t0) and, with momentum, v_r(t0).
///
/// A velocity is a combination of the points on which the neuron has ever fired, v_r(t0) = sum_i beta_ri x_i, and is
/// kept as that. A weight is a row of a matrix or, when the network is seeded, a combination of the same kind added to
/// its initial value: then nothing of size m d is held, and rows are made again when a neuron is anchored.
struct AnchoredWeights: Sendable {
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
  struct Planes: Sendable {
    let alpha: Int?
    let beta: Int?
    var count: Int { (alpha == nil ? 0 : 1) + (beta == nil ? 0 : 1) }
  }

  /// A seeded network that training has moved already is stored.
  init(network: Network, points: DataPoints, usesVelocity: Bool, workers: Workers) {
    self.points = points
    if case .seeded(let weights) = network.weights, weights.combinations.count == 0 {
      rows = .seeded(weights)
      planes = Planes(alpha: 0, beta: usesVelocity ? 1 : nil)
    } else {
      rows = .stored(Memory.demand(try network.weights.materialized(workers: workers)))
      planes = Planes(alpha: nil, beta: usesVelocity ? 0 : nil)
    }
    combinations =
      planes.count > 0 ? CandidateLists(neurons: network.neuronCount, planes: planes.count) : nil
  }

  /// Access from shards, valid during a call: each touches the neurons of its own.
  struct View {
    /// w_r(t0), when they are stored.
    fileprivate let weights: MutableMatrixView?
    fileprivate let combinations: UnsafeMutablePointer<CandidateLists.Shard>?
    fileprivate let planes: Planes
    fileprivate let points: DataPointsView
  }

  mutating func withView<Result>(_ body: (View) -> Result) -> Result {
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

  /// Calls `body` with the anchored weights of the chosen neurons, one below the other.
  func withRows(of chosen: UnsafeBufferPointer<Int32>, _ body: (MatrixView) -> Void) {
    switch rows {
    case .stored(let matrix):
      matrix.withView { $0.forEachTile(of: chosen, size: max(chosen.count, 1)) { body($1) } }
    case .seeded(let weights):
      let shardSize = combinations?.shards.first?.neurons.count ?? 1
      Scratch.withMatrix(rows: chosen.count, columns: weights.columns) { scratch in
        weights.generate(chosen[...], into: scratch)
        points.withView { points in
          _ = GramWorkspace.with(points: self.points.count) { workspace in
            for (slot, neuron) in chosen.enumerated() {
              let terms = gather(planes.alpha, of: Int(neuron), shard: Int(neuron) / shardSize, workspace)
              for t in 0..<terms { workspace.terms[t] = UInt32(workspace.rows[t]) }
              points.add(
                workspace.coefficients, timesPoints: workspace.terms, count: terms, to: scratch.row(slot))
            }
          }
        }
        body(scratch.view)
      }
    }
  }

  /// beta_r(t0), its points as `workspace.rows` and `workspace.coefficients`; returns the number of terms.
  func gatherVelocity(of neuron: Int, shard: Int, _ workspace: GramWorkspace) -> Int {
    gather(planes.beta, of: neuron, shard: shard, workspace)
  }

  private func gather(_ plane: Int?, of neuron: Int, shard: Int, _ workspace: GramWorkspace) -> Int {
    guard let plane, let lists = combinations?.shards[shard] else { return 0 }
    return lists.readLists {
      let list = $0[neuron - lists.neurons.lowerBound]
      workspace.rows.update(from: list.points, count: list.count)
      workspace.coefficients.update(from: list.plane(plane), count: list.count)
      return list.count
    }
  }

  /// By what a neuron has moved since its anchor: w = w(t0) + kappa v(t0) + sum_i alpha_i x_i, v = decay v(t0) +
  /// sum_i beta_i x_i, over `count` points.
  struct Movement {
    let points: UnsafePointer<UInt16>
    let alpha: UnsafePointer<Float>
    var beta: UnsafePointer<Float>?
    let count: Int
    var kappa: Float = 0
    var decay: Float = 0
  }

  /// The weights as they are now; `movement(shard, neuron, body)` calls `body` with the neuron's.
  func moved(
    workers: Workers, by movement: (Int, Int, (Movement) -> Void) -> Void
  ) -> HiddenWeights {
    var anchors = self
    let tiles = Tiles.neuronShards(of: neuronCount)
    // Copied here by all threads, rather than by the first write.
    if case .stored(let matrix) = rows {
      anchors.rows = .stored(Memory.demand(try matrix.copied(tiles: tiles, workers: workers)))
    }
    let shards = anchors.withView { anchors in
      workers.map(shards: tiles.count) { index in
        var result = PointCombinations.Shard()
        _ = GramWorkspace.with(points: points.count) { workspace in
          for neuron in tiles[index] {
            movement(index, neuron) { movement in
              let count = anchors.merge(movement, of: neuron, shard: index, workspace)
              if anchors.weights != nil {
                anchors.addToRow(of: neuron, count: count, workspace)
              } else {
                for t in 0..<count where workspace.coefficients[t] != 0 {
                  result.append(point: workspace.rows[t], coefficient: workspace.coefficients[t])
                }
              }
              result.endRow()
            }
          }
        }
        return result
      }
    }
    switch anchors.rows {
    case .stored(let matrix): return .stored(matrix)
    case .seeded(let initial):
      return .seeded(
        SeededWeights(
          seed: initial.seed, points: points,
          combinations: PointCombinations(rows: initial.rows, shards: shards)))
    }
  }

  private var neuronCount: Int {
    switch rows {
    case .stored(let matrix): matrix.rows
    case .seeded(let weights): weights.rows
    }
  }
}

extension AnchoredWeights.View {
  /// Moves a neuron's anchor to where it is now, w_r(t0) + kappa v_r(t0) + sum_i alpha_i x_i, and its velocity to
  /// decay v_r(t0) + sum_i beta_i x_i.
  ///
  /// Complexity: O(k log k) for k points with a coefficient, and k d for stored weights.
  func moveAnchor(
    of neuron: Int, shard: Int, by movement: AnchoredWeights.Movement, _ workspace: GramWorkspace
  ) {
    let count = merge(movement, of: neuron, shard: shard, workspace)
    if weights != nil { addToRow(of: neuron, count: count, workspace) }
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

  /// `w_r(t0) += sum` of the first `count` terms in the workspace.
  fileprivate func addToRow(of neuron: Int, count: Int, _ workspace: GramWorkspace) {
    guard let weights else { return }
    for t in 0..<count { workspace.terms[t] = UInt32(workspace.rows[t]) }
    points.add(
      workspace.coefficients, timesPoints: workspace.terms, count: count, to: weights.row(neuron))
  }

  /// The coefficients of the present weight and velocity, ascending by point, into `workspace`: points into `rows`,
  /// alpha (with alpha(t0) for seeded weights) into `coefficients`, beta into `changes`. Returns the number of terms.
  fileprivate func merge(
    _ movement: AnchoredWeights.Movement, of neuron: Int, shard: Int, _ workspace: GramWorkspace
  ) -> Int {
    let (points, alpha, beta) = (movement.points, movement.alpha, movement.beta)
    let order = (0..<movement.count).sorted { points[$0] < points[$1] }
    let (kappa, decay) = (movement.kappa, movement.decay)
    var (count, next) = (0, 0)
    func append(_ point: UInt16, _ alpha: Float, _ beta: Float) {
      let beta = abs(beta) >= 1e-30 ? beta : 0
      guard alpha != 0 || beta != 0 else { return }
      (workspace.rows[count], workspace.coefficients[count], workspace.changes[count]) = (point, alpha, beta)
      count += 1
    }
    func appendNext() {
      let k = order[next]
      append(points[k], alpha[k], beta?[k] ?? 0)
      next += 1
    }
    combinations?[shard].readLists { lists in
      let old = lists[neuron - combinations.unsafelyUnwrapped[shard].neurons.lowerBound]
      for t in 0..<old.count {
        while next < order.count, points[order[next]] < old.points[t] { appendNext() }
        let oldBeta = planes.beta.map { old.plane($0)[t] } ?? 0
        var (newAlpha, newBeta) = (kappa * oldBeta, decay * oldBeta)
        if let plane = planes.alpha { newAlpha += old.plane(plane)[t] }
        if next < order.count, points[order[next]] == old.points[t] {
          newAlpha += alpha[order[next]]
          newBeta += beta?[order[next]] ?? 0
          next += 1
        }
        append(old.points[t], newAlpha, newBeta)
      }
    }
    while next < order.count { appendNext() }
    return count
  }
}
