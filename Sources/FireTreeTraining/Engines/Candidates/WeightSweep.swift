import CorrelationTrees
import FireTreeCore

/// The sweep over all neurons of a shard in weight space: backward pass of one step, forward pass of the next.
struct WeightSweep {
  let weights: MutableMatrixView
  let velocities: Velocities.View?
  let points: DataPointsView
  /// a_r (m x C) and g_i (n x C).
  let outputWeights: MatrixView
  let outputGradient: MatrixView
  /// 1 / sqrt(m).
  let outputScale: Float
  let rule: UpdateRule
  let threshold: Float
  /// |x_i| (n), and the largest of them.
  let norms: UnsafePointer<Float>
  let largestNorm: Float
  /// Relative rounding of a norm of d coordinates.
  let rounding: Float
  let skins: SkinModel
  /// The points that one list covers.
  let blocks: Tiles

  /// Working memory of one shard: for n points, and two rows of d.
  private struct Workspace {
    let rows: UnsafeMutablePointer<UInt16>
    let terms: UnsafeMutablePointer<UInt32>
    let values: UnsafeMutablePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let step: UnsafeMutablePointer<Float>
  }

  func run(
    _ shard: inout CandidateLists.Shard, _ certificates: UnsafeMutablePointer<Certificate>,
    _ sums: UnsafeMutablePointer<Double>
  ) -> SweepPart {
    var part = SweepPart()
    let neurons = shard.neurons
    let room = outputGradient.rows + 16
    Memory.demand(try Memory.ask(for: ByteCount(10) * room))
    shard.withLists { lists in
      Scratch.withMatrix(rows: 2, columns: weights.columns) { scratch in
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: room) { rows in
          withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { terms in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: room) { values in
              guard let rows = rows.baseAddress, let terms = terms.baseAddress,
                let values = values.baseAddress
              else { return }
              let workspace = Workspace(
                rows: rows, terms: terms, values: values, gradient: scratch.row(0), step: scratch.row(1))
              for (local, neuron) in neurons.enumerated() {
                advance(lists, local, neuron: neuron, &certificates[neuron], workspace, &part, sums)
              }
            }
          }
        }
      }
    }
    return part
  }

  private func advance(
    _ lists: CandidateLists.Lists, _ local: Int, neuron: Int, _ certificate: inout Certificate,
    _ workspace: Workspace, _ part: inout SweepPart, _ sums: UnsafeMutablePointer<Double>
  ) {
    let firing = computeGradient(of: neuron, lists, local, workspace)
    if let length = move(neuron, isFiring: firing > 0, workspace) {
      part.moved += 1
      // Storing the weight rounds it by half a unit of each coordinate.
      certificate.step(
        by: length * (1 + rounding) + 0x1p-23 * (certificate.weightNorm + certificate.skin + length))
      certificate.drift = certificate.path
      guard certificate.holds else {
        certificate.skin = skins.skin(firing: firing, stepLength: certificate.stepLength)
        part.expired.fixRoom(for: 1)
        return part.expired.append(Int32(neuron))
      }
      for block in 0..<blocks.count {
        part.candidates += lookAtUncertain(
          lists[local, block: block], base: blocks[block].lowerBound, neuron: neuron, certificate, workspace)
      }
    }
    for block in 0..<blocks.count {
      let list = lists[local, block: block]
      part.addOutputs(
        of: list, first: list.count, base: blocks[block].lowerBound,
        outputWeights: outputWeights.row(neuron), outputs: outputWeights.columns, threshold: threshold,
        to: sums)
    }
  }

  /// dL/dw_r into `workspace.gradient`; returns the number of points that fire.
  private func computeGradient(
    of neuron: Int, _ lists: CandidateLists.Lists, _ local: Int, _ workspace: Workspace
  ) -> Int {
    var firing = 0
    for block in 0..<blocks.count {
      firing += collect(
        lists[local, block: block], block: blocks[block], neuron: neuron, after: firing, workspace)
    }
    guard firing > 0 else { return 0 }
    workspace.gradient.update(repeating: 0, count: weights.columns)
    points.add(workspace.values, timesPoints: workspace.terms, count: firing, to: workspace.gradient)
    return firing
  }

  /// The points of a block on which the neuron fires, and their factors in the gradient, behind `first` others in
  /// `workspace.terms` and `workspace.values`; returns how many there are.
  private func collect(
    _ list: CandidateLists.List, block: Range<Int>, neuron: Int, after first: Int, _ workspace: Workspace
  ) -> Int {
    let current = list.plane(CandidatePlane.current)
    let (terms, base) = (workspace.terms + first, UInt32(block.lowerBound))
    var firing = 0
    // Without a branch: whether a candidate fires is hard to predict.
    for q in 0..<list.count {
      workspace.rows[firing] = list.points[q]
      terms[firing] = base &+ UInt32(list.points[q])
      firing &+= current[q] > threshold ? 1 : 0
    }
    guard firing > 0 else { return 0 }
    Kernels.shortProducts(
      outputWeights.row(neuron), with: outputGradient.rows(block), rows: workspace.rows, count: firing,
      scale: outputScale, into: workspace.values + first)
    return firing
  }

  /// Moves the weight, and the velocity; returns the length of the step, nil when the neuron is at rest.
  private func move(_ neuron: Int, isFiring: Bool, _ workspace: Workspace) -> Float? {
    let (count, row) = (weights.columns, weights.row(neuron))
    var shrunk: Float?
    if rule.decay > 0 {
      shrunk = rule.rate * rule.decay * norm(row)
      rule.shrink(row, count: count)
    }
    guard let velocities else {
      guard isFiring else { return shrunk }
      LinearAlgebra.add(-rule.rate, times: workspace.gradient, to: row, count: count)
      return rule.rate * norm(workspace.gradient) + (shrunk ?? 0)
    }
    guard isFiring || velocities.isMoving[neuron] else { return shrunk }
    workspace.step.update(from: row, count: count)
    velocities.isMoving[neuron] = rule.move(
      row, velocity: velocities.rows.row(neuron),
      gradient: isFiring ? UnsafePointer(workspace.gradient) : nil,
      count: count)
    for j in 0..<count { workspace.step[j] -= row[j] }
    return norm(workspace.step) + (shrunk ?? 0)
  }

  private func norm(_ vector: UnsafePointer<Float>) -> Float {
    LinearAlgebra.dot(vector, vector, count: weights.columns).squareRoot()
  }

  /// Computes the correlations of the candidates of a block whose ceilings do not exclude them; returns how many.
  private func lookAtUncertain(
    _ list: CandidateLists.List, base: Int, neuron: Int, _ certificate: Certificate, _ workspace: Workspace
  ) -> Int {
    let (current, ceiling) = (list.plane(CandidatePlane.current), list.plane(CandidatePlane.ceiling))
    let (norms, first) = (norms + base, UInt32(base))
    let count = Kernels.selectUncertain(
      ceilings: ceiling, points: list.points, norms: norms, count: list.count, reach: certificate.reach,
      largestNorm: largestNorm, threshold: threshold, into: workspace.rows)
    for t in 0..<count { workspace.terms[t] = first &+ UInt32(list.points[Int(workspace.rows[t])]) }
    points.dots(weights.row(neuron), withPoints: workspace.terms, count: count, into: workspace.values)
    for t in 0..<count {
      let position = Int(workspace.rows[t])
      current[position] = workspace.values[t]
      ceiling[position] = workspace.values[t] - certificate.path * norms[Int(workspace.terms[t] &- first)]
    }
    return count
  }
}
