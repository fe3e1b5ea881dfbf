import CorrelationTrees
import FireTreeCore

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

  /// Adds what a neuron contributes to the outputs: its near candidates that fire.
  @inline(__always)
  mutating func addOutputs(
    of list: CandidateLists.List, near: Int32, outputWeights: UnsafePointer<Float>, count: Int,
    threshold: Float
  ) {
    let current = list.plane(GramPlane.current)
    let found = sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return 0 }
      var found = 0
      for k in 0..<Int(near) where current[k] > threshold {
        OutputSums.add(
          current[k] - threshold, times: outputWeights, to: sums, point: Int(list.points[k]), outputs: count)
        found += 1
      }
      return found
    }
    firing += found
  }
}

/// The sweep over all neurons of a shard: backward pass of one step, forward pass of the next.
struct GramSweep {
  let step: GramStep
  let points: DataPointsView
  let anchors: MutableMatrixView
  let velocities: MutableMatrixView
  let states: UnsafeMutableBufferPointer<NeuronState>

  func run(_ shard: inout CandidateLists.Shard) -> GramPart {
    var part = GramPart(
      sums: OutputSums.zeros(points: step.gram.rows, outputs: step.gradient.outputWeights.columns))
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
              advance(lists[local], neuron: neuron, buffers: buffers, part: &part)
            }
          }
        }
      }
    }
    return part
  }

  @inline(__always)
  private func advance(
    _ list: CandidateLists.List, neuron: Int, buffers: GramStep.Buffers, part: inout GramPart
  ) {
    part.candidates += Int(states[neuron].near)
    if step.advance(list, neuron: neuron, state: &states[neuron], buffers: buffers) {
      part.moved += 1
      if step.needsLook(states[neuron]) {
        part.candidates += list.count
        guard step.look(list, state: &states[neuron], buffers: buffers) else {
          release(list, neuron: neuron)
          part.expired.append(Int32(neuron))
          return
        }
      }
    }
    part.addOutputs(
      of: list, near: states[neuron].near, outputWeights: step.gradient.outputWeights.row(neuron),
      count: step.gradient.outputWeights.columns, threshold: step.threshold)
  }

  /// Computes the weight and the velocity of a neuron, makes them its anchor, and chooses its skins.
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
      Self.add(list, plane: GramPlane.beta, points: points, to: velocity)
      next.velocitySquared = LinearAlgebra.dot(velocity, velocity, count: count)
      next.anchoredVelocitySquared = next.velocitySquared
      next.velocityError = step.rounding * next.velocitySquared.squareRoot()
    }
    next.weightNorm = LinearAlgebra.dot(row, row, count: count).squareRoot()
    let current = list.plane(GramPlane.current)
    let firing = (0..<list.count).count { current[$0] > step.threshold }
    next.stepLength = state.stepLength
    next.nearSkin = max(
      step.skins.nearSkin(firing: firing, support: firing, count: list.count, stepLength: state.stepLength),
      2 * state.stepLength)
    next.skin = step.skins.skin(firing: firing, nearSkin: next.nearSkin)
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
    add(list, plane: GramPlane.alpha, points: points, to: row)
  }

  /// `row += sum_i plane_i x_i` over the candidates.
  private static func add(
    _ list: CandidateLists.List, plane: Int, points: DataPointsView, to row: UnsafeMutablePointer<Float>
  ) {
    let coefficients = list.plane(plane)
    for k in 0..<list.count where coefficients[k] != 0 {
      points.add(coefficients[k], timesPoint: Int(list.points[k]), to: row)
    }
  }
}
