import FireTreeCore

/// The limit kernel of many points seen from some of them, its landmarks: K is about C A^-1 C^T with C the columns of the landmarks
/// (n x L) and A their rows of C (Williams, Seeger: "Using the Nystrom method to speed up kernel machines", 2001).
struct NystromKernel: Sendable {
  /// S C (n x L).
  let columns: Matrix
  /// A without weights (L x L).
  let center: LimitKernel

  /// Landmarks are spread over all points. Throws a usage error when there is no memory for it. Complexity: n L d flops.
  init(
    points: DataPoints, threshold: Float, roots: [Float]?, landmarks: Int, workers: Workers
  ) throws(FireTreeError) {
    let sample = try PointSample(
      of: points.norms().map { $0 > 0 ? 1 : 0 }, atMost: min(landmarks, points.count))
    let chosen = try points.chosen(sample.points)
    center = try LimitKernel(points: chosen, threshold: threshold, workers: workers)
    var columns = try LimitKernel.cross(points, chosen, threshold: threshold, workers: workers)
    if let roots {
      columns.withMutableView { columns in
        for i in 0..<columns.rows { for j in 0..<columns.columns { columns[i, j] *= roots[i] } }
      }
    }
    self.columns = columns
  }
}

/// (C A^-1 C^T + q I)^-1 = (I - C (q A + C^T C)^-1 C^T) / q.
struct NystromInverse: Sendable {
  private let kernel: NystromKernel
  private let factor: CholeskyFactor
  private let q: Double
  private let workers: Workers

  /// Nil where rounding leaves q A + C^T C not positive definite. Throws a usage error when there is no memory for it.
  ///
  /// In double precision, for the difference above cancels. Complexity: n L^2 flops.
  init?(of kernel: NystromKernel, q: Double, workers: Workers) throws(FireTreeError) {
    (self.kernel, self.q, self.workers) = (kernel, q, workers)
    let squares = try Self.squares(of: kernel.columns, workers)
    let (order, center) = (kernel.center.count, kernel.center.matrix)
    guard
      let factor = try CholeskyFactor(
        order: order, workers: workers,
        row: { i, result in
          center.withView { center in
            for j in 0..<order {
              result[j] = squares[max(i, j) * order + min(i, j)] + q * Double(center[i, j])
            }
          }
        })
    else { return nil }
    self.factor = factor
  }

  /// The lower triangle of C^T C, row by row (L x L).
  private static func squares(of columns: Matrix, _ workers: Workers) throws(FireTreeError) -> [Double] {
    let (order, tiles) = (columns.columns, Tiles(of: columns.columns, size: 128))
    var squares = try [Double](allocating: order * order, repeating: 0)
    columns.withView { columns in
      squares.withUnsafeMutableBufferPointer { squares in
        guard let base = squares.baseAddress else { return }
        // Each shard writes to rows of its own.
        nonisolated(unsafe) let result = base
        workers.forEachShard(of: tiles.count) { shard in
          // The longest rows first.
          let range = tiles[tiles.count - 1 - shard]
          columns.forEachDoubleTile(columns: 0..<range.upperBound) { _, tile, count in
            LinearAlgebra.addProduct(
              tile + range.lowerBound, stride: range.upperBound, transposed: true, tile,
              stride: range.upperBound, rows: range.count, columns: range.upperBound, inner: count,
              to: result + range.lowerBound * order, stride: order)
          }
        }
      }
    }
    return squares
  }

  /// The product with a vector of n x `width`. Throws a usage error when there is no memory for it. Complexity: 4 n L flops a column.
  func apply(to vector: [Double], columns width: Int) throws(FireTreeError) -> [Double] {
    let (order, count) = (kernel.center.count, kernel.columns.rows)
    var inner = try [Double](allocating: order * width, repeating: 0)
    var result = try [Double](allocating: count * width, repeating: 0)
    forEachShard(of: Tiles(of: order, size: 128), from: vector, into: &inner) { columns, range, right, sums in
      columns.forEachDoubleTile(columns: range) { first, tile, count in
        LinearAlgebra.addProduct(
          tile, stride: range.count, transposed: true, right + first * width, stride: width,
          rows: range.count, columns: width, inner: count, to: sums + range.lowerBound * width, stride: width)
      }
    }
    let solved = try factor.solve(inner, columns: width)
    forEachShard(of: Tiles(of: count, size: 256), from: solved, into: &result) {
      columns, range, inner, images in
      columns.rows(range).forEachDoubleTile(columns: 0..<order) { first, tile, count in
        LinearAlgebra.addProduct(
          tile, stride: order, inner, stride: width, rows: count, columns: width, inner: order,
          to: images + (range.lowerBound + first) * width, stride: width)
      }
    }
    for i in result.indices { result[i] = (vector[i] - result[i]) / q }
    return result
  }

  /// Calls `body(C, range, source, target)` for every tile; it writes to the elements of `target` that belong to the range.
  private func forEachShard(
    of tiles: Tiles, from source: [Double], into target: inout [Double],
    _ body: (MatrixView, Range<Int>, UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
  ) {
    kernel.columns.withView { columns in
      source.withUnsafeBufferPointer { source in
        target.withUnsafeMutableBufferPointer { target in
          guard let first = source.baseAddress, let place = target.baseAddress else { return }
          // Read by all; each shard writes to elements of its own.
          nonisolated(unsafe) let (from, into) = (first, place)
          workers.forEachShard(of: tiles.count) { body(columns, tiles[$0], from, into) }
        }
      }
    }
  }
}

extension MatrixView {
  /// Calls `body(first, elements, count)` for tiles of at most 256 rows with their elements of some columns as doubles, row by row.
  fileprivate func forEachDoubleTile(
    columns: Range<Int>, _ body: (Int, UnsafePointer<Double>, Int) -> Void
  ) {
    let tiles = Tiles(of: rows, size: 256)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: min(rows, 256) * columns.count) { scratch in
      guard let scratch = scratch.baseAddress else { return }
      for tile in 0..<tiles.count {
        for (slot, row) in tiles[tile].enumerated() {
          let source = self.row(row) + columns.lowerBound
          for j in 0..<columns.count { scratch[slot * columns.count + j] = Double(source[j]) }
        }
        body(tiles[tile].lowerBound, scratch, tiles[tile].count)
      }
    }
  }
}
