import CorrelationTrees
import FireTreeCore

/// What the Gram engine knows of the weights at the neurons' anchors: w_r(t0) and, with momentum, v_r(t0).
///
/// The velocity is a combination of the points on which the neuron has ever fired, v_r(t0) = sum_i beta_ri x_i, and is
/// kept as that. The weight is a row of a matrix.
struct AnchoredWeights: Sendable {
  /// w_r(t0) (m x d).
  private(set) var weights: Matrix
  /// beta_r(t0), one list a neuron; nothing without momentum.
  private var velocities: CandidateLists?

  init(network: Network, usesVelocity: Bool) {
    weights = network.hiddenWeights
    velocities = usesVelocity ? CandidateLists(neurons: network.neuronCount, planes: 1) : nil
  }

  /// Access from shards, valid during a call: each touches the neurons of its own.
  struct View {
    let weights: MutableMatrixView
    fileprivate let velocities: UnsafeMutablePointer<CandidateLists.Shard>?

    /// Calls `body` with beta_r(t0): its points and coefficients; false when the neuron has no velocity.
    @inline(__always)
    func withVelocity(
      of neuron: Int, shard: Int, _ body: (CandidateLists.List, UnsafeMutablePointer<Float>) -> Void
    ) {
      guard let velocities else { return }
      let local = neuron - velocities[shard].neurons.lowerBound
      velocities[shard].withLists { lists in
        if lists[local].count > 0 { body(lists[local], lists[local].plane(0)) }
      }
    }
  }

  mutating func withView<Result>(_ body: (View) -> Result) -> Result {
    weights.withMutableView { weights in
      guard velocities != nil else { return body(View(weights: weights, velocities: nil)) }
      return velocities!.shards.withUnsafeMutableBufferPointer {
        body(View(weights: weights, velocities: $0.baseAddress))
      }
    }
  }

  /// beta_r(t0), its points as `workspace.rows` and `workspace.coefficients`; returns the number of terms.
  func gatherVelocity(of neuron: Int, shard: Int, _ workspace: GramWorkspace) -> Int {
    guard let velocities = velocities?.shards[shard] else { return 0 }
    let local = neuron - velocities.neurons.lowerBound
    return velocities.readLists { lists in
      let list = lists[local]
      workspace.rows.update(from: list.points, count: list.count)
      workspace.coefficients.update(from: list.plane(0), count: list.count)
      return list.count
    }
  }

  /// Calls `body` with the anchored weights of the chosen neurons, one below the other.
  func withRows(of chosen: UnsafeBufferPointer<Int32>, _ body: (MatrixView) -> Void) {
    weights.withView { $0.forEachTile(of: chosen, size: max(chosen.count, 1)) { body($1) } }
  }
}

extension AnchoredWeights.View {
  /// Moves a neuron's anchor to where it is now, and its velocity to decay v_r(t0) + sum_i beta_i x_i.
  ///
  /// Complexity: O(k d) for k points with a coefficient.
  func moveAnchor(
    of neuron: Int, shard: Int, list: CandidateLists.List, momentum: MomentumState?, points: DataPointsView,
    _ workspace: GramWorkspace
  ) {
    addDrift(of: neuron, shard: shard, list: list, momentum: momentum, points: points, workspace)
    guard let momentum, let velocities else { return }
    let count = mergeVelocity(of: neuron, shard: shard, list: list, decay: momentum.decay, workspace)
    velocities[shard].replace(
      neuron - velocities[shard].neurons.lowerBound,
      points: UnsafeBufferPointer(start: workspace.rows, count: count),
      correlations: UnsafeBufferPointer(start: workspace.changes, count: count))
  }

  /// `w_r(t0) += kappa v_r(t0) + sum_i alpha_i x_i`.
  func addDrift(
    of neuron: Int, shard: Int, list: CandidateLists.List, momentum: MomentumState?, points: DataPointsView,
    _ workspace: GramWorkspace
  ) {
    let row = weights.row(neuron)
    if let momentum, momentum.kappa != 0 {
      withVelocity(of: neuron, shard: shard) { old, beta in
        for k in 0..<old.count {
          workspace.terms[k] = UInt32(old.points[k])
          workspace.coefficients[k] = momentum.kappa * beta[k]
        }
        points.add(workspace.coefficients, timesPoints: workspace.terms, count: old.count, to: row)
      }
    }
    let terms = workspace.gather(list.plane(GramPlane.alpha), of: list)
    points.add(workspace.coefficients, timesPoints: workspace.terms, count: terms, to: row)
  }

  /// decay beta(t0) + beta, ascending by point, into `workspace.rows` and `workspace.changes`; returns the length.
  private func mergeVelocity(
    of neuron: Int, shard: Int, list: CandidateLists.List, decay: Float, _ workspace: GramWorkspace
  ) -> Int {
    var count = 0, next = 0
    let beta = list.plane(GramPlane.beta)
    let order = (0..<list.count).sorted { list.points[$0] < list.points[$1] }
    func append(_ point: UInt16, _ value: Float) {
      guard abs(value) >= 1e-30 else { return }
      (workspace.rows[count], workspace.changes[count]) = (point, value)
      count += 1
    }
    withVelocity(of: neuron, shard: shard) { old, oldBeta in
      for k in 0..<old.count {
        while next < order.count, list.points[order[next]] < old.points[k] {
          append(list.points[order[next]], beta[order[next]])
          next += 1
        }
        var value = decay * oldBeta[k]
        if next < order.count, list.points[order[next]] == old.points[k] {
          value += beta[order[next]]
          next += 1
        }
        append(old.points[k], value)
      }
    }
    while next < order.count {
      append(list.points[order[next]], beta[order[next]])
      next += 1
    }
    return count
  }
}
