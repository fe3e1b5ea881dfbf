import FireTree

/// The smallest and the largest eigenvalue of a kernel.
public struct Spectrum: Sendable, Equatable {
  public var smallest: Double
  public var largest: Double

  public init(smallest: Double, largest: Double) {
    self.smallest = smallest
    self.largest = largest
  }

  /// Those of `matrix`; zeros when it has no rows. Throws as `SymmetricMatrix.eigenvalues` does.
  public init(of matrix: SymmetricMatrix) throws(FireTreeError) {
    let values = try matrix.eigenvalues()
    self.init(smallest: values.first ?? 0, largest: values.last ?? 0)
  }
}

extension TangentKernel {
  /// H itself, rows and columns in the order of points, then outputs (nC x nC).
  ///
  /// Sums are in double precision; the inner products of points come from `DataPoints.gramMatrix`.
  /// Complexity: O(sum_r k_r^2 C^2 + n nnz) and 8 n^2 C^2 bytes.
  public func matrix() -> SymmetricMatrix {
    let outputs = outputWeights.columns
    var kernel = SymmetricMatrix(order: points.count * outputs)
    let gram = Memory.demand(try points.gramMatrix(workers: workers))
    let scale = 1 / Double(outputWeights.rows)
    for shard in firing.shards {
      for (k, neuron) in shard.neurons.enumerated() {
        let a = outputWeights.row(Int(neuron)).map(Double.init)
        let firing = shard.points[shard.offsets[k]..<shard.offsets[k + 1]].map(Int.init)
        for (position, i) in firing.enumerated() {
          for j in firing[...position] {
            let product = scale * Double(gram[i, j])
            for c in 0..<outputs {
              // The block of a point with itself is symmetric: its lower half is enough.
              for e in 0..<(i == j ? c + 1 : outputs) {
                kernel[i * outputs + c, j * outputs + e] += product * a[c] * a[e]
              }
            }
          }
        }
      }
    }
    return kernel
  }

  /// The kernel of an infinitely wide network at the start, w ~ N(0, I_d) and a_rc of -1 or +1 (n x n):
  ///
  ///     H_ij = <x_i, x_j> P[<w, x_i> > b and <w, x_j> > b]
  ///
  /// the shifted kernel of arXiv 2110.04622, to which H of m neurons tends as m grows. With several outputs the outputs
  /// do not meet in it, so that it is one such block for each.
  ///
  /// Complexity: O(n nnz) and n^2 / 2 evaluations of `NormalDistribution.jointTail`.
  public static func expected(points: DataPoints, threshold: Float, workers: Workers) -> SymmetricMatrix {
    let gram = Memory.demand(try points.gramMatrix(workers: workers))
    let norms = (0..<points.count).map { Double(gram[$0, $0]).squareRoot() }
    let b = Double(threshold)
    let rows = workers.map(shards: points.count) { i in
      (0...i).map { j -> Double in
        let scale = norms[i] * norms[j]
        // A zero point has nothing to learn from, whether it fires or not.
        guard scale > 0 else { return 0 }
        let correlation = i == j ? 1 : Double(gram[i, j]) / scale
        return Double(gram[i, j])
          * NormalDistribution.jointTail(b / norms[i], b / norms[j], correlation: correlation)
      }
    }
    var kernel = SymmetricMatrix(order: points.count)
    for (i, row) in rows.enumerated() {
      for (j, value) in row.enumerated() { kernel[i, j] = value }
    }
    return kernel
  }
}
