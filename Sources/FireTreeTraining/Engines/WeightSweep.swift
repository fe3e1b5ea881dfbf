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
  let optimizer: GradientDescent
  let threshold: Float
  /// |x_i| (n), and the largest of them.
  let norms: UnsafePointer<Float>
  let largestNorm: Float
  let rounding: Float
  let skins: SkinModel

  /// Working memory of one shard: for n points, and two rows of d.
  private struct Workspace {
    let rows: UnsafeMutablePointer<UInt16>
    let terms: UnsafeMutablePointer<UInt32>
    let values: UnsafeMutablePointer<Float>
    let gradient: UnsafeMutablePointer<Float>
    let step: UnsafeMutablePointer<Float>
  }

  func run(
    _ shard: inout CandidateLists.Shard, _ certificates: UnsafeMutablePointer<Certificate>
  ) -> SweepPart {
    var part = SweepPart(points: outputGradient.rows, outputs: outputWeights.columns)
    let neurons = shard.neurons
    let room = outputGradient.rows + 16
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
                advance(lists[local], neuron: neuron, &certificates[neuron], workspace, &part)
              }
            }
          }
        }
      }
    }
    return part
  }

  private func advance(
    _ list: CandidateLists.List, neuron: Int, _ certificate: inout Certificate, _ workspace: Workspace,
    _ part: inout SweepPart
  ) {
    let firing = computeGradient(of: neuron, list, workspace)
    if let length = move(neuron, isFiring: firing > 0, workspace) {
      part.moved += 1
      // Storing the weight rounds it by half a unit of each coordinate.
      certificate.step(
        by: length * (1 + rounding) + 0x1p-23 * (certificate.weightNorm + certificate.skin + length))
      certificate.drift = certificate.path
      guard certificate.holds else {
        certificate.skin = skins.skin(firing: firing, stepLength: certificate.stepLength)
        return part.expired.append(Int32(neuron))
      }
      part.candidates += lookAtUncertain(list, neuron: neuron, certificate, workspace)
    }
    part.addOutputs(
      of: list, first: list.count, outputWeights: outputWeights.row(neuron), outputs: outputWeights.columns,
      threshold: threshold)
  }

  /// dL/dw_r into `workspace.gradient`; returns the number of points that fire.
  private func computeGradient(
    of neuron: Int, _ list: CandidateLists.List, _ workspace: Workspace
  ) -> Int {
    let current = list.plane(CandidatePlane.current)
    var firing = 0
    // Without a branch: whether a candidate fires is hard to predict.
    for q in 0..<list.count {
      workspace.rows[firing] = list.points[q]
      workspace.terms[firing] = UInt32(list.points[q])
      firing &+= current[q] > threshold ? 1 : 0
    }
    guard firing > 0 else { return 0 }
    Kernels.shortProducts(
      outputWeights.row(neuron), with: outputGradient, rows: workspace.rows, count: firing,
      scale: outputScale, into: workspace.values)
    workspace.gradient.update(repeating: 0, count: weights.columns)
    points.add(workspace.values, timesPoints: workspace.terms, count: firing, to: workspace.gradient)
    return firing
  }

  /// Moves the weight, and the velocity; returns the length of the step, nil when the neuron is at rest.
  private func move(_ neuron: Int, isFiring: Bool, _ workspace: Workspace) -> Float? {
    let (count, rate, row) = (weights.columns, optimizer.learningRate, weights.row(neuron))
    guard let velocities else {
      guard isFiring else { return nil }
      LinearAlgebra.add(-rate, times: workspace.gradient, to: row, count: count)
      return rate * norm(workspace.gradient)
    }
    guard isFiring || velocities.isMoving[neuron] else { return nil }
    workspace.step.update(from: row, count: count)
    velocities.isMoving[neuron] = optimizer.move(
      row, velocity: velocities.rows.row(neuron),
      gradient: isFiring ? UnsafePointer(workspace.gradient) : nil,
      count: count)
    for j in 0..<count { workspace.step[j] -= row[j] }
    return norm(workspace.step)
  }

  private func norm(_ vector: UnsafePointer<Float>) -> Float {
    LinearAlgebra.dot(vector, vector, count: weights.columns).squareRoot()
  }

  /// Computes the correlations of the candidates whose ceilings do not exclude them; returns how many.
  private func lookAtUncertain(
    _ list: CandidateLists.List, neuron: Int, _ certificate: Certificate, _ workspace: Workspace
  ) -> Int {
    let (current, ceiling) = (list.plane(CandidatePlane.current), list.plane(CandidatePlane.ceiling))
    let count = Kernels.selectUncertain(
      ceilings: ceiling, points: list.points, norms: norms, count: list.count, reach: certificate.reach,
      largestNorm: largestNorm, threshold: threshold, into: workspace.rows)
    for t in 0..<count { workspace.terms[t] = UInt32(list.points[Int(workspace.rows[t])]) }
    points.dots(weights.row(neuron), withPoints: workspace.terms, count: count, into: workspace.values)
    for t in 0..<count {
      let position = Int(workspace.rows[t])
      current[position] = workspace.values[t]
      ceiling[position] = workspace.values[t] - certificate.path * norms[Int(workspace.terms[t])]
    }
    return count
  }
}
