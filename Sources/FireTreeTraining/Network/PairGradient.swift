import CorrelationTrees
import FireTreeCore

/// The gradient of the loss in the hidden weights, from firing pairs:
///
///     dL/dw_r = 1 / sqrt(m) * sum_{i in F(r)} <a_r, g_i> x_i
struct PairGradient {
  /// a_r (m x C) and g_i (n x C).
  let outputWeights: MatrixView
  let outputGradient: MatrixView
  let outputScale: Float

  /// The factor of x_i in the gradient of neuron r: <a_r, g_i> / sqrt(m).
  @inline(__always)
  func coefficient(neuron: Int, point: Int) -> Float {
    let a = outputWeights.row(neuron), g = outputGradient.row(point)
    var sum: Float = 0
    for c in 0..<outputWeights.columns { sum += a[c] * g[c] }
    return sum * outputScale
  }

  /// `row += scale * dL/dw_r` for neuron `shard.neurons[k]`; `scratch` has d elements, as `row` does.
  ///
  /// Complexity: O(k_r (d + C)) for k_r firing points.
  @inline(__always)
  func add(
    _ scale: Float, timesGradientOf k: Int, in shard: FiringSet.Shard, points: DataPointsView,
    to row: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let neuron = Int(shard.neurons[k])
    shard.points.withUnsafeBufferPointer { firing in
      let firing = UnsafeBufferPointer(rebasing: firing[shard.offsets[k]..<shard.offsets[k + 1]])
      points.accumulate(
        firing, scale: { scale * coefficient(neuron: neuron, point: Int(firing[$0])) }, to: row,
        scratch: scratch)
    }
  }
}
