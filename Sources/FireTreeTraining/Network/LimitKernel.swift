import FireTreeCore

/// The limit kernel of data points: the tangent kernel of an infinitely wide network at its start, of one output,
///
///     K_ij = <x_i, x_j> P[<w, x_i> > b and <w, x_j> > b],    w ~ N(0, I_d)        (n x n)
///
/// (H^infinity of arXiv 2211.14227; Du, Zhai, Poczos, Singh: "Gradient descent provably optimizes over-parameterized neural
/// networks", 2019.) A network of random signs as output weights has C independent copies of it for C outputs. It costs n^2,
/// whatever the width. How P is computed, and how exactly: `JointFiring`.
public struct LimitKernel: Sendable {
  /// K (n x n), symmetric bit by bit.
  public let matrix: Matrix
  public let workers: Workers

  /// b is `threshold`. Throws a usage error when there is no memory for n^2 floats.
  ///
  /// Precondition: the threshold is finite. Complexity: n nnz flops for the inner products, and O(n^2).
  public init(points: DataPoints, threshold: Float, workers: Workers) throws(FireTreeError) {
    self.workers = workers
    let norms = points.norms()
    let firing = try JointFiring(norms: norms, threshold: threshold, workers: workers)
    var matrix = try Matrix(allocating: points.count, by: points.count)
    let tiles = points.limitTiles
    matrix.withMutableView { matrix in
      workers.forEachShard(of: tiles.count) { shard in
        let rows = tiles[shard]
        points.withRows(rows) { weights in
          for tile in shard..<tiles.count {
            let block = matrix.rows(rows).columns(tiles[tile])
            points.fillLimitBlock(block, rows: rows, weights, columns: tiles[tile], firing)
            matrix.mirror(rows: rows, columns: tiles[tile])
          }
        }
        for i in rows { matrix[i, i] = norms[i] * norms[i] * firing.share(ofPoint: i) }
      }
    }
    self.matrix = matrix
  }

  /// A kernel that is part of another one. Precondition: `matrix` is square and symmetric.
  init(matrix: Matrix, workers: Workers) {
    precondition(matrix.rows == matrix.columns, "a kernel that is not square")
    (self.matrix, self.workers) = (matrix, workers)
  }

  /// n.
  public var count: Int { matrix.rows }

  /// K_ii = |x_i|^2 P[N(0, 1) > b / |x_i|] for every point (n).
  public var diagonal: [Float] { (0..<count).map { matrix[$0, $0] } }

  /// The mean of the diagonal, in which a ridge is measured; 0 without points.
  public var meanDiagonal: Double { diagonal.reduce(0.0) { $0 + Double($1) } / Double(max(count, 1)) }

  /// K v (n x C). Throws a usage error when there is no memory for it. Complexity: 2 n^2 C flops.
  public func times(_ vector: Matrix) throws(FireTreeError) -> Matrix {
    precondition(vector.rows == count, "a vector of \(vector.rows) rows, a kernel of \(count)")
    var result = try Matrix(allocating: count, by: vector.columns)
    let tiles = Tiles(of: count, size: DataPoints.pointsPerTile)
    Matrix.withViews(matrix, vector) { matrix, vector in
      result.withMutableView { result in
        workers.forEachShard(of: tiles.count) {
          LinearAlgebra.multiply(matrix.rows(tiles[$0]), vector, into: result.rows(tiles[$0]))
        }
      }
    }
    return result
  }

  /// lambda_max(K), as in `TangentKernel.largestEigenvalue`; 0 for a kernel of zeros.
  ///
  /// Throws a usage error when there is no memory for the vectors.
  public func largestEigenvalue(
    tolerance: Double = 1e-3, maximumIterations: Int = 100
  ) throws(FireTreeError) -> Double {
    try Lanczos.largest(
      rows: count, columns: 1, tolerance: tolerance, maximumProducts: maximumIterations
    ) { (vector) throws(FireTreeError) in try times(vector) }.value
  }

  /// K between points x'_i and points x_j (n' x n), for prediction: a row has the same bits alone and among any others.
  ///
  /// Throws a usage error when there is no memory for n' n floats. Complexity: 2 n' nnz flops, and O(n' n).
  public static func cross(
    _ fresh: DataPoints, _ points: DataPoints, threshold: Float, workers: Workers
  ) throws(FireTreeError) -> Matrix {
    let firing = try JointFiring(norms: points.norms(), threshold: threshold, workers: workers)
    return try cross(fresh, points, firing, workers: workers)
  }

  /// The same, where `firing` is what belongs to `points`.
  static func cross(
    _ fresh: DataPoints, _ points: DataPoints, _ firing: JointFiring, workers: Workers
  ) throws(FireTreeError) -> Matrix {
    precondition(fresh.dimension == points.dimension, "points of different dimensions")
    let own = try JointFiring(
      norms: fresh.norms(), threshold: firing.threshold, sharesTable: false, workers: workers)
    var result = try Matrix(allocating: fresh.count, by: points.count)
    let (tiles, others) = (fresh.limitTiles, points.limitTiles)
    result.withMutableView { result in
      workers.forEachShard(of: tiles.count) { shard in
        fresh.withRows(tiles[shard]) { weights in
          for columns in (0..<others.count).lazy.map({ others[$0] }) {
            let block = result.rows(tiles[shard]).columns(columns)
            points.correlateAlike(weights, points: columns, into: block)
            own.replaceGram(block, rows: tiles[shard], columns: columns, of: firing)
          }
        }
      }
    }
    return result
  }
}

extension JointFiring {
  /// Turns inner products of the points `rows` with points `columns` of `others` into elements of the limit kernel.
  fileprivate func replaceGram(
    _ block: MutableMatrixView, rows: Range<Int>, columns: Range<Int>, of others: JointFiring
  ) {
    Scratch.withMatrix(rows: 1, columns: columns.count) { scratch in
      let gram = scratch.row(0)
      for (slot, point) in rows.enumerated() {
        gram.update(from: block.row(slot), count: columns.count)
        limitRow(ofPoint: point, with: others, columns: columns, gram: gram, into: block.row(slot))
      }
    }
  }
}

extension DataPoints {
  /// Tiles of points whose rows go into one product: fewer where they are expanded, at most 16 MB.
  fileprivate var limitTiles: Tiles {
    guard case .sparse = storage else { return tiles }
    return Tiles(of: count, size: max(16, min(Self.pointsPerTile, (4 << 20) / max(dimension, 1))))
  }

  /// Calls `body` with the points in `range` as rows (`range.count` x d), in place or expanded.
  fileprivate func withRows(_ range: Range<Int>, _ body: (MatrixView) -> Void) {
    switch storage {
    case .dense(let matrix): matrix.withView { body($0.rows(range)) }
    case .sparse(let rows):
      Scratch.withMatrix(rows: range.count, columns: dimension) { dense in
        rows.expand(range, into: dense)
        body(dense.view)
      }
    }
  }

  /// The block of K for points `rows`, whose coordinates are `weights`, and points `columns`.
  fileprivate func fillLimitBlock(
    _ block: MutableMatrixView, rows: Range<Int>, _ weights: MatrixView, columns: Range<Int>,
    _ firing: JointFiring
  ) {
    correlate(weights, points: columns, into: block)
    firing.replaceGram(block, rows: rows, columns: columns, of: firing)
  }
}

extension MutableMatrixView {
  /// Copies the part of a block above the diagonal to its mirror image.
  fileprivate func mirror(rows: Range<Int>, columns: Range<Int>) {
    for j in columns {
      let target = row(j)
      for i in rows.lowerBound..<min(j, rows.upperBound) { target[i] = self[i, j] }
    }
  }
}
