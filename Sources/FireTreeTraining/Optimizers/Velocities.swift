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

  /// None.
  static let none = Velocities()

  private init() {}

  /// Those of a state, m x d; of combinations of `points` every element is computed. Zeros when the state has none and
  /// `isUsed` says that steps will have momentum.
  init(_ state: inout TrainingState, points: DataPoints, isUsed: Bool) throws(FireTreeError) {
    switch state.velocity {
    case nil: if isUsed { rows = try Matrix(allocating: state.network.neuronCount, by: points.dimension) }
    case .stored(let matrix): rows = matrix
    case .combinations(let combinations): rows = try combinations.materialized(points: points)
    }
    let isStill = state.velocity == nil
    state.velocity = nil
    isMoving = try [Bool](allocating: rows.rows, repeating: false)
    guard !isStill else { return }
    for r in isMoving.indices {
      isMoving[r] = rows.withView { rows in (0..<rows.columns).contains { rows[r, $0] != 0 } }
    }
  }

  /// Whether there are any.
  var areUsed: Bool { rows.rows > 0 }

  /// Moves the velocities out of here; nil when there are none.
  mutating func take() -> Velocity? {
    guard rows.rows > 0 else { return nil }
    defer { (rows, isMoving) = (Matrix(rows: 0, columns: 0), []) }
    return .stored(rows)
  }

  /// Calls `body` with the velocities; nil when there are none.
  mutating func withView<Result>(_ body: (View?) -> Result) -> Result {
    guard areUsed else { return body(nil) }
    return rows.withMutableView { rows in
      isMoving.withUnsafeMutableBufferPointer { isMoving in
        guard let base = isMoving.baseAddress else { return body(nil) }
        return body(View(rows: rows, isMoving: base))
      }
    }
  }
}

extension UpdateRule {
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

  /// Multiplies a weight (d) by what decay leaves of it.
  @inline(__always)
  func shrink(_ weights: UnsafeMutablePointer<Float>, count: Int) {
    let kept = kept
    for j in 0..<count { weights[j] *= kept }
  }
}
