import CorrelationTrees
import FireTreeCore

// Products with the tangent kernel in Gram space.

extension TangentKernel {
  /// The part of H v that one shard of neurons contributes, before division by sqrt(m): with c_i = <a_r, v_i> / sqrt(m),
  /// sum_i c_i G_ij a_r for the points j on which neuron r fires, i among them.
  func add(
    _ gradient: PairGradient, _ shard: FiringSet.Shard, gram: Matrix, to sums: UnsafeMutablePointer<Double>
  ) {
    let longest = zip(shard.offsets, shard.offsets.dropFirst()).lazy.map { $1 - $0 }.max() ?? 0
    let outputs = outputWeights.columns
    gram.withView { gram in
      Scratch.withMatrix(rows: 2, columns: longest) { scratch in
        let (coefficients, products) = (scratch.row(0), scratch.row(1))
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: max(longest, 1)) { indices in
          guard let points = indices.baseAddress else { return }
          for (k, neuron) in shard.neurons.enumerated() {
            let row = shard.offsets[k]..<shard.offsets[k + 1]
            for (slot, position) in row.enumerated() {
              let point = Int(shard.points[position])
              points[slot] = UInt16(point)
              coefficients[slot] = gradient.coefficient(neuron: Int(neuron), point: point)
            }
            Kernels.combineSymmetric(
              of: gram, points, coefficients: coefficients, count: row.count, into: products)
            let weights = gradient.outputWeights.row(Int(neuron))
            for slot in 0..<row.count {
              OutputSums.add(
                products[slot], times: weights, to: sums, point: Int(points[slot]), outputs: outputs)
            }
          }
        }
      }
    }
  }
}
