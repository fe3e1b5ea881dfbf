import CKernels

/// Inner loops of kinetic training; see `CKernels.h`.
extension Kernels {
  /// `first[q] = sum_t a[t] matrix[rows[t], columns[q]]` and `second[q]` the same with `b`.
  ///
  /// Complexity: 4 `terms` `count` flops, each element read once.
  @inline(__always)
  public static func combineTwo(
    of matrix: MatrixView, _ rows: UnsafePointer<UInt16>, _ a: UnsafePointer<Float>,
    _ b: UnsafePointer<Float>, terms: Int, columns: UnsafePointer<UInt16>, count: Int,
    into first: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>
  ) {
    firetree_combine_two(matrix.base, matrix.stride, rows, a, b, terms, columns, count, first, second)
  }

  /// `result[t] = scale <vector, now[points[t]] - then[points[t]]>`, over rows of `stride` floats: 1 or a multiple of
  /// 16 padded with zeros. Without `then`, of `now` alone.
  @inline(__always)
  public static func historyProducts(
    _ vector: UnsafePointer<Float>, now: UnsafePointer<Float>, then: UnsafePointer<Float>?, stride: Int,
    points: UnsafePointer<UInt16>, count: Int, scale: Float, into result: UnsafeMutablePointer<Float>
  ) {
    firetree_history_products(vector, now, then, stride, points, count, scale, result)
  }

  /// <now - then, direction> and <direction, direction> over `count` floats.
  public static func project(
    _ now: UnsafePointer<Float>, minus then: UnsafePointer<Float>, on direction: UnsafePointer<Float>,
    count: Int
  ) -> (along: Double, square: Double) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2) { products in
      firetree_project(now, then, direction, count, products.baseAddress)
      return (products[0], products[1])
    }
  }

  /// `result[i] = norms[i] |now_i - then_i - progress direction_i|` for rows of `stride` floats: the sum of magnitudes or
  /// the largest.
  public static func residuals(
    _ now: UnsafePointer<Float>, minus then: UnsafePointer<Float>, along direction: UnsafePointer<Float>,
    progress: Float, norms: UnsafePointer<Float>, count: Int, stride: Int, largest: Bool,
    into result: UnsafeMutablePointer<Float>
  ) {
    firetree_residuals(now, then, direction, progress, norms, count, stride, largest ? 1 : 0, result)
  }

  /// `sums[k] = sum_i max(values[i] - cuts[k], 0)`.
  public static func excessSums(
    of values: UnsafePointer<Float>, count: Int, cuts: UnsafePointer<Float>, cutCount: Int,
    into sums: UnsafeMutablePointer<Float>
  ) {
    firetree_excess_sums(values, count, cuts, cutCount, sums)
  }

  /// Stores, ascending, the positions whose clock has run out (see `KineticClock`); returns how many.
  ///
  /// A position q has run out when `progress[bins[q] / 16]` exceeds `deadlines[q]`, or `errors[bins[q]]` with
  /// `extra[bins[q] / 16] residues[q]` exceeds `reserves[q]`. Complexity: O(count).
  public static func selectExpired(
    bins: UnsafePointer<UInt16>, deadlines: UnsafePointer<Float>, reserves: UnsafePointer<Float>,
    residues: UnsafePointer<Float>?, count: Int, progress: UnsafePointer<Float>,
    errors: UnsafePointer<Float>, extra: UnsafePointer<Float>, into positions: UnsafeMutablePointer<UInt32>
  ) -> Int {
    firetree_select_expired(
      bins, deadlines, reserves, residues, count, progress, errors, extra, positions)
  }

  /// The least P over `count` points with margin - P speed = curvature norm P^2; see `KineticClock`.
  @inline(__always)
  public static func shortestLife(
    values: UnsafePointer<Float>, speeds: UnsafePointer<Float>, points: UnsafePointer<UInt16>,
    norms: UnsafePointer<Float>, count: Int, threshold: Float, error: Float, speedError: Float,
    curvature: Float
  ) -> Float {
    firetree_shortest_life(values, speeds, points, norms, count, threshold, error, speedError, curvature)
  }

  /// For i < count, with t = gram[i] weights[i]: `result[i] += t x`; returns the sum of t values[i].
  @inline(__always)
  public static func tensorRow(
    gram: UnsafePointer<Float>, weights: UnsafePointer<Float>, values: UnsafePointer<Double>, count: Int,
    x: Double, into result: UnsafeMutablePointer<Double>
  ) -> Double {
    firetree_tensor_row(gram, weights, values, count, x, result)
  }

  /// The same with blocks of `width` elements; see `CKernels.h`.
  @inline(__always)
  public static func tensorBlocks(
    gram: UnsafePointer<Float>, blocks: UnsafePointer<Float>, values: UnsafePointer<Double>, count: Int,
    width: Int, x: UnsafePointer<Double>, own: UnsafeMutablePointer<Double>,
    others: UnsafeMutablePointer<Double>
  ) {
    firetree_tensor_blocks(gram, blocks, values, count, width, x, own, others)
  }
}
