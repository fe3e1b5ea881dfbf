import FireTreeCore

/// The outputs of a kernel ridge regression at other points.
public struct LimitPrediction: Sendable {
  private let points: DataPoints
  private let firing: JointFiring
  /// alpha, one output a row (C x n).
  private let coefficients: Matrix
  private let means: [Float]
  private let workers: Workers

  /// Shapes: `points` n x d, `coefficients` n x C, `means` C. Throws a usage error when there is no memory for it.
  public init(
    points: DataPoints, coefficients: Matrix, means: [Float], threshold: Float, workers: Workers
  ) throws(FireTreeError) {
    precondition(
      coefficients.rows == points.count && coefficients.columns == means.count, "shapes do not match")
    firing = try JointFiring(norms: points.norms(), threshold: threshold, workers: workers)
    var transposed = try Matrix(allocating: coefficients.columns, by: coefficients.rows)
    transposed.withMutableView { transposed in
      for i in 0..<coefficients.rows {
        for c in 0..<coefficients.columns { transposed[c, i] = coefficients[i, c] }
      }
    }
    (self.points, self.coefficients, self.means, self.workers) = (points, transposed, means, workers)
  }

  /// f at `fresh` (n' x C). A row has the same bits alone and among any others.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: 2 n' n (d + C) flops, and O(n' n); memory beyond the result
  /// is 4 n bytes a point of at most 4,096.
  public func outputs(for fresh: DataPoints) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: fresh.count, by: means.count)
    let blocks = Tiles(of: fresh.count, size: 4096)
    for block in 0..<blocks.count {
      let range = blocks[block]
      let kernel = try LimitKernel.cross(
        blocks.count == 1 ? fresh : fresh[range], points, firing, workers: workers)
      let tiles = Tiles(of: range.count, size: DataPoints.pointsPerTile)
      result.withMutableView { result in
        Matrix.withViews(kernel, coefficients) { kernel, coefficients in
          workers.forEachShard(of: tiles.count) { tile in
            let rows = result.rows(range).rows(tiles[tile])
            Kernels.correlate(kernel.rows(tiles[tile]), coefficients, into: rows)
            for i in 0..<rows.rows {
              for c in 0..<rows.columns { rows[i, c] += means[c] }
            }
          }
        }
      }
    }
    return result
  }
}
