import CKernels

/// Inner loops of kinetic training; see `CKernels.h`.
extension Kernels {
  /// Asks for the cache lines of `count` elements that are about to be read.
  @inline(__always)
  public static func prefetch<Element>(_ start: UnsafePointer<Element>, count: Int) {
    firetree_prefetch(start, count * MemoryLayout<Element>.stride)
  }

  /// `result[q] = sum_t quads[t] matrix[rows[t], columns[q]]` for `terms` rows and `count` columns.
  ///
  /// Complexity: 8 `terms` `count` flops, each element read once.
  @inline(__always)
  public static func combineQuads(
    of matrix: MatrixView, _ rows: UnsafePointer<UInt16>, _ quads: UnsafePointer<SIMD4<Float>>, terms: Int,
    columns: UnsafePointer<UInt16>, count: Int, into result: UnsafeMutablePointer<SIMD4<Float>>
  ) {
    firetree_combine_quads(
      matrix.base, matrix.stride, rows, floats(quads), terms, columns, count, floats(result))
  }

  /// The same for a symmetric matrix and the same rows and columns.
  ///
  /// Complexity: 8 `count`^2 flops, `count`^2 / 2 elements of the matrix.
  @inline(__always)
  public static func combineQuadsSymmetric(
    of matrix: MatrixView, _ indices: UnsafePointer<UInt16>, _ quads: UnsafePointer<SIMD4<Float>>,
    count: Int, into result: UnsafeMutablePointer<SIMD4<Float>>
  ) {
    firetree_combine_quads_symmetric(
      matrix.base, matrix.stride, indices, floats(quads), count, floats(result))
  }

  /// `result[t][lane] = scale <vector, now[points[t]] - then[points[t]]>`, over rows of `stride` floats: 1 or a multiple
  /// of 16 padded with zeros. Without `then`, of `now` alone.
  @inline(__always)
  public static func historyProducts(
    _ vector: UnsafePointer<Float>, now: UnsafePointer<Float>, then: UnsafePointer<Float>?, stride: Int,
    points: UnsafePointer<UInt16>, count: Int, scale: Float,
    into result: UnsafeMutablePointer<SIMD4<Float>>, lane: Int
  ) {
    firetree_history_products(vector, now, then, stride, points, count, scale, floats(result) + lane)
  }

  /// The sum of |<vector, matrix[points[t]]>| over rows of `stride` floats as above.
  @inline(__always)
  public static func magnitudeProducts(
    _ vector: UnsafePointer<Float>, _ matrix: UnsafePointer<Float>, stride: Int,
    points: UnsafePointer<UInt16>, count: Int
  ) -> Float {
    firetree_magnitude_products(vector, matrix, stride, points, count)
  }

  /// `residuals = scale norms (now - then - p direction - q change)` for rows of `stride` floats, and the sizes of the
  /// rows: sums of magnitudes, or the largest of them.
  public static func residuals(
    _ now: UnsafePointer<Float>, minus then: UnsafePointer<Float>, direction: UnsafePointer<Float>,
    change: UnsafePointer<Float>, times: (Float, Float), scale: Float, norms: UnsafePointer<Float>,
    count: Int, stride: Int, largest: Bool, into residuals: UnsafeMutablePointer<Float>,
    sizes: UnsafeMutablePointer<Float>
  ) {
    firetree_residuals(
      now, then, direction, change, times.0, times.1, scale, norms, count, stride, largest ? 1 : 0, residuals,
      sizes)
  }

  /// `sums[k] = sum_i max(values[i] - cuts[k], 0)`.
  public static func excessSums(
    of values: UnsafePointer<Float>, count: Int, cuts: UnsafePointer<Float>, cutCount: Int,
    into sums: UnsafeMutablePointer<Float>
  ) {
    firetree_excess_sums(values, count, cuts, cutCount, sums)
  }

  /// Stores, ascending, the positions q with `ages[bins[q] / 16] > deadlines[q]` or `errors[bins[q]] > reserves[q]`, or
  /// whose bin has its highest bit set, which is no part of it otherwise; returns how many. Complexity: O(count).
  public static func selectExpired(
    bins: UnsafePointer<UInt16>, deadlines: UnsafePointer<UInt8>, reserves: UnsafePointer<Float>,
    count: Int, ages: UnsafePointer<UInt8>, errors: UnsafePointer<Float>,
    into positions: UnsafeMutablePointer<UInt32>
  ) -> Int {
    firetree_select_expired(bins, deadlines, reserves, count, ages, errors, positions)
  }

  /// Lowers `margins` (16, at future times) to the distances from the threshold that candidates keep: see `CKernels.h`.
  @inline(__always)
  public static func futureMargins(
    of quads: UnsafePointer<SIMD4<Float>>, points: UnsafePointer<UInt16>,
    inverseNorms: UnsafePointer<Float>, count: Int, threshold: Float, times: UnsafePointer<Float>,
    into margins: UnsafeMutablePointer<Float>
  ) {
    firetree_future_margins(floats(quads), points, inverseNorms, count, threshold, times, margins)
  }

  /// Of each candidate how many of the times it keeps more distance than `floors` (16) ask for, without a gap from the
  /// first.
  @inline(__always)
  public static func futureLives(
    of quads: UnsafePointer<SIMD4<Float>>, points: UnsafePointer<UInt16>,
    inverseNorms: UnsafePointer<Float>, count: Int, threshold: Float, times: UnsafePointer<Float>,
    floors: UnsafePointer<Float>, into lives: UnsafeMutablePointer<UInt8>
  ) {
    firetree_future_lives(floats(quads), points, inverseNorms, count, threshold, times, floors, lives)
  }

  @inline(__always)
  private static func floats(_ quads: UnsafePointer<SIMD4<Float>>) -> UnsafePointer<Float> {
    UnsafeRawPointer(quads).assumingMemoryBound(to: Float.self)
  }

  @inline(__always)
  private static func floats(_ quads: UnsafeMutablePointer<SIMD4<Float>>) -> UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(quads).assumingMemoryBound(to: Float.self)
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
