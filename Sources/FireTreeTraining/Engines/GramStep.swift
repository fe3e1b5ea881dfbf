import CorrelationTrees
import FireTreeCore

/// The planes of a candidate in Gram space.
enum GramPlane {
  static let anchored = 0
  static let current = 1
  static let alpha = 2
  // With momentum:
  static let velocity = 3
  static let anchoredVelocity = 4
  static let beta = 5
}

/// One sweep over a shard of neurons in Gram space: see `GramEngine`.
struct GramStep {
  let gram: MatrixView
  let gradient: PairGradient
  let optimizer: GradientDescent
  let threshold: Float
  /// The largest |x_i|.
  let largestNorm: Float

  /// Working memory of one shard, for up to n firing points and candidates.
  struct Buffers {
    let rows: UnsafeMutablePointer<UnsafePointer<Float>>
    let positions: UnsafeMutablePointer<Int32>
    let coefficients: UnsafeMutablePointer<Float>
    let changes: UnsafeMutablePointer<Float>
  }

  /// Advances one neuron; false when it is at rest.
  @inline(__always)
  func advance(
    _ list: CandidateLists.List, neuron: Int, state: inout NeuronState, buffers: Buffers
  ) -> Bool {
    let current = list.plane(GramPlane.current)
    var firing = 0
    var magnitude: Float = 0
    for q in 0..<list.count where current[q] > threshold {
      let point = Int(list.points[q])
      let coefficient = gradient.coefficient(neuron: neuron, point: point)
      buffers.rows[firing] = gram.row(point)
      buffers.positions[firing] = Int32(q)
      buffers.coefficients[firing] = coefficient
      magnitude += abs(coefficient)
      firing += 1
    }
    if optimizer.usesVelocity {
      guard firing > 0 || isCarried(list, state) else { return false }
      multiply(list, firing: firing, buffers)
      applyWithVelocity(list, state: &state, firing: firing, buffers)
    } else {
      guard firing > 0 else { return false }
      multiply(list, firing: firing, buffers)
      applyPlain(list, state: &state, firing: firing, buffers)
    }
    state.age += 1
    // One step rounds s once at its own size and the change as a sum of `firing` products.
    let unit: Float = 0x1p-23
    state.error +=
      unit
      * (state.weightNorm + state.drift
        + optimizer.learningRate * magnitude * largestNorm * Float(firing + 6)
        / (1 - optimizer.momentum.coefficient))
    return true
  }

  /// `changes[q] = sum over firing i of gamma_i G_(i, j)` for every candidate j.
  @inline(__always)
  private func multiply(_ list: CandidateLists.List, firing: Int, _ buffers: Buffers) {
    let (rows, coefficients, changes) = (buffers.rows, buffers.coefficients, buffers.changes)
    var q = 0
    // Four candidates at a time: four independent sums hide the latency of additions.
    while q < list.count {
      let last = list.count - 1
      let a = Int(list.points[q]), b = Int(list.points[min(q + 1, last)])
      let c = Int(list.points[min(q + 2, last)]), d = Int(list.points[min(q + 3, last)])
      var sum = SIMD4<Float>()
      for t in 0..<firing {
        let row = rows[t]
        sum += coefficients[t] * SIMD4(row[a], row[b], row[c], row[d])
      }
      UnsafeMutableRawPointer(changes + q).storeBytes(of: sum, as: SIMD4<Float>.self)
      q += 4
    }
  }

  @inline(__always)
  private func applyPlain(
    _ list: CandidateLists.List, state: inout NeuronState, firing: Int, _ buffers: Buffers
  ) {
    let rate = optimizer.learningRate
    let (current, anchored, alpha) = (
      list.plane(GramPlane.current), list.plane(GramPlane.anchored), list.plane(GramPlane.alpha)
    )
    for t in 0..<firing { alpha[Int(buffers.positions[t])] -= rate * buffers.coefficients[t] }
    var squared: Float = 0
    var magnitude: Float = 0
    for q in 0..<list.count {
      current[q] -= rate * buffers.changes[q]
      squared += alpha[q] * (current[q] - anchored[q])
      magnitude += abs(alpha[q])
    }
    state.drift = drift(squared: squared, magnitude: magnitude, terms: list.count, state)
  }

  @inline(__always)
  private func applyWithVelocity(
    _ list: CandidateLists.List, state: inout NeuronState, firing: Int, _ buffers: Buffers
  ) {
    let (rate, mu) = (optimizer.learningRate, optimizer.momentum.coefficient)
    let (p, q) = optimizer.weightsOfGradientAndVelocity
    let (current, anchored, alpha) = (
      list.plane(GramPlane.current), list.plane(GramPlane.anchored), list.plane(GramPlane.alpha)
    )
    let (velocity, anchoredVelocity, beta) = (
      list.plane(GramPlane.velocity), list.plane(GramPlane.anchoredVelocity), list.plane(GramPlane.beta)
    )
    for k in 0..<list.count { beta[k] *= mu }
    for t in 0..<firing {
      let k = Int(buffers.positions[t])
      beta[k] += buffers.coefficients[t]
      alpha[k] -= rate * p * buffers.coefficients[t]
    }
    state.decay *= mu
    state.kappa -= rate * q * state.decay
    var (squared, crossing, magnitude) = (Float(0), Float(0), Float(0))
    for k in 0..<list.count {
      alpha[k] -= rate * q * beta[k]
      velocity[k] = mu * velocity[k] + buffers.changes[k]
      current[k] -= rate * (p * buffers.changes[k] + q * velocity[k])
      squared += alpha[k] * (current[k] - anchored[k])
      crossing += alpha[k] * anchoredVelocity[k]
      magnitude += abs(alpha[k])
    }
    let carried = state.velocitySquared.squareRoot()
    state.drift = drift(
      squared: squared + state.kappa * (state.kappa * state.velocitySquared + crossing),
      magnitude: magnitude + abs(state.kappa) * carried, terms: list.count, state)
  }

  /// D from D^2 as computed, raised by what rounding may have taken from it.
  @inline(__always)
  private func drift(squared: Float, magnitude: Float, terms: Int, _ state: NeuronState) -> Float {
    let unit: Float = 0x1p-23
    let reach = magnitude * largestNorm
    let slack = reach * (2 * state.error + unit * (2 * state.weightNorm + Float(terms + 4) * reach))
    return (max(squared, 0) + slack).squareRoot()
  }

  /// Whether momentum still moves the neuron; a velocity below 1e-30 counts as none.
  private func isCarried(_ list: CandidateLists.List, _ state: NeuronState) -> Bool {
    if state.decay * state.velocitySquared.squareRoot() >= 1e-30 { return true }
    let beta = list.plane(GramPlane.beta)
    return (0..<list.count).contains { abs(beta[$0]) >= 1e-30 }
  }
}

/// What the sweep over one shard leaves.
struct GramPart {
  var sums: [Double]
  /// Neurons to anchor anew, ascending.
  var expired: [Int32] = []
  var firing = 0
  var moved = 0
  var candidates = 0

  init(sums: [Double], expired: [Int32] = []) {
    self.sums = sums
    self.expired = expired
  }

  /// Adds what a neuron contributes to the outputs, over the candidates that fire.
  @inline(__always)
  mutating func addOutputs(
    of list: CandidateLists.List, outputWeights: UnsafePointer<Float>, count: Int, threshold: Float
  ) {
    let current = list.plane(GramPlane.current)
    let found = sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return 0 }
      var found = 0
      for k in 0..<list.count where current[k] > threshold {
        OutputSums.add(
          current[k] - threshold, times: outputWeights, to: sums, point: Int(list.points[k]), outputs: count)
        found += 1
      }
      return found
    }
    firing += found
  }
}

/// The sweep over all neurons of a shard.
struct GramShardSweep {
  let step: GramStep
  let points: DataPointsView
  let anchors: MutableMatrixView
  let velocities: MutableMatrixView
  let states: UnsafeMutableBufferPointer<NeuronState>
  let skins: SkinModel

  func run(_ shard: inout CandidateLists.Shard) -> GramPart {
    let outputs = step.gradient.outputWeights.columns
    var part = GramPart(sums: OutputSums.zeros(points: step.gram.rows, outputs: outputs))
    let neurons = shard.neurons
    let room = step.gram.rows + 4
    shard.withLists { lists in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: room) { rows in
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: room) { positions in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * room) { floats in
            guard let rows = rows.baseAddress, let positions = positions.baseAddress,
              let floats = floats.baseAddress
            else { return }
            let buffers = GramStep.Buffers(
              rows: rows, positions: positions, coefficients: floats, changes: floats + room)
            for (local, neuron) in neurons.enumerated() {
              let list = lists[local]
              part.candidates += list.count
              if step.advance(list, neuron: neuron, state: &states[neuron], buffers: buffers) {
                part.moved += 1
                if states[neuron].isExpired {
                  release(list, neuron: neuron)
                  part.expired.append(Int32(neuron))
                  continue
                }
              }
              part.addOutputs(
                of: list, outputWeights: step.gradient.outputWeights.row(neuron), count: outputs,
                threshold: step.threshold)
            }
          }
        }
      }
    }
    return part
  }

  /// Computes the weight and the velocity of a neuron, makes them its anchor, and chooses the next skin.
  private func release(_ list: CandidateLists.List, neuron: Int) {
    let state = states[neuron]
    let row = anchors.row(neuron)
    let count = anchors.columns
    let usesVelocity = step.optimizer.usesVelocity
    Self.addDrift(
      list, state: state, points: points,
      velocity: usesVelocity ? UnsafePointer(velocities.row(neuron)) : nil,
      to: row, count: count)
    var next = NeuronState()
    if usesVelocity {
      let velocity = velocities.row(neuron)
      for j in 0..<count { velocity[j] *= state.decay }
      Self.add(list, plane: GramPlane.beta, points: points, to: velocity, count: count)
      next.velocitySquared = LinearAlgebra.dot(velocity, velocity, count: count)
    }
    next.weightNorm = LinearAlgebra.dot(row, row, count: count).squareRoot()
    let current = list.plane(GramPlane.current)
    let firing = (0..<list.count).count { current[$0] > step.threshold }
    next.skin = skins.skin(firing: firing, rate: state.drift / Float(max(state.age, 1)))
    states[neuron] = next
  }

  /// `row += kappa v(t0) + sum_i alpha_i x_i`.
  static func addDrift(
    _ list: CandidateLists.List, state: NeuronState, points: DataPointsView, velocity: UnsafePointer<Float>?,
    to row: UnsafeMutablePointer<Float>, count: Int
  ) {
    if let velocity, state.kappa != 0 {
      LinearAlgebra.add(state.kappa, times: velocity, to: row, count: count)
    }
    add(list, plane: GramPlane.alpha, points: points, to: row, count: count)
  }

  /// `row += sum_i plane_i x_i` over the candidates.
  private static func add(
    _ list: CandidateLists.List, plane: Int, points: DataPointsView, to row: UnsafeMutablePointer<Float>,
    count: Int
  ) {
    let coefficients = list.plane(plane)
    for k in 0..<list.count where coefficients[k] != 0 {
      points.add(coefficients[k], timesPoint: Int(list.points[k]), to: row)
    }
  }
}
