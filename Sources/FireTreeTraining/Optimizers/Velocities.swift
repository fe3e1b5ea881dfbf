import FireTreeCore

/// The velocities of momentum, one row a neuron, and which neurons have one.
///
/// Without momentum nothing is allocated; with it, memory is that of the hidden weights.
struct Velocities: Sendable {
  private var rows = Matrix(rows: 0, columns: 0)
  private var isMoving: [Bool] = []

  /// Access from shards: each touches the neurons of its own.
  struct View {
    let rows: MutableMatrixView
    let isMoving: UnsafeMutablePointer<Bool>
  }

  /// Calls `body` with the velocities of `neurons` x `dimension`; nil when the optimizer uses none.
  mutating func withView<Result>(
    of optimizer: GradientDescent, neurons: Int, dimension: Int, _ body: (View?) -> Result
  ) -> Result {
    guard optimizer.usesVelocity else { return body(nil) }
    if rows.rows != neurons {
      rows = Matrix(rows: neurons, columns: dimension)
      isMoving = [Bool](repeating: false, count: neurons)
    }
    return rows.withMutableView { rows in
      isMoving.withUnsafeMutableBufferPointer { isMoving in
        guard let base = isMoving.baseAddress else { return body(nil) }
        return body(View(rows: rows, isMoving: base))
      }
    }
  }
}

extension GradientDescent {
  /// Moves one neuron that has a gradient (d elements) or, when that is nil, may still be carried by momentum.
  ///
  /// Returns whether its weights changed.
  @inline(__always)
  func move(
    neuron: Int, weights: UnsafeMutablePointer<Float>, velocities: Velocities.View,
    gradient: UnsafePointer<Float>?
  ) -> Bool {
    guard gradient != nil || velocities.isMoving[neuron] else { return false }
    velocities.isMoving[neuron] = move(
      weights, velocity: velocities.rows.row(neuron), gradient: gradient, count: velocities.rows.columns)
    return true
  }
}
