import CKernels

/// Inner loops for which C is at least 1.3 times faster than Swift. Their contracts are here, and not in `CKernels.h`.
///
/// These are the only places of relaxed arithmetic beside OpenBLAS: sums are reassociated and multiplications fused
/// with additions. Rows come from `Matrix`: aligned to 64 bytes and padded with zeros.
public enum Kernels {
  /// `result[q] = sum_t coefficients[t] matrix[rows[q], columns[t]]` for `count` rows and `terms` columns: rows of a matrix
  /// times a sparse vector.
  ///
  /// Complexity: 2 `terms` `count` flops.
  @inline(__always)
  public static func multiplyRows(
    of matrix: MatrixView, _ rows: UnsafePointer<UInt16>, count: Int, columns: UnsafePointer<UInt16>,
    coefficients: UnsafePointer<Float>, terms: Int, into result: UnsafeMutablePointer<Float>
  ) {
    firetree_multiply_rows(
      matrix.base, matrix.stride, rows, count, columns, coefficients, terms, result)
  }

  /// `result[q] = sum_t coefficients[t] matrix[indices[t], indices[q]]` for a symmetric matrix and `count` indices, each
  /// element of which is read once for its two places.
  ///
  /// Complexity: 2 `count`^2 flops, `count`^2 / 2 elements of the matrix.
  @inline(__always)
  public static func combineSymmetric(
    of matrix: MatrixView, _ indices: UnsafePointer<UInt16>, coefficients: UnsafePointer<Float>, count: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    firetree_combine_symmetric(matrix.base, matrix.stride, indices, coefficients, count, result)
  }

  /// `steps[k] = -rate gradients[k]` where `current[k]` exceeds the threshold, 0 elsewhere, and `alpha[k] += steps[k]`;
  /// returns the sum of their magnitudes.
  @inline(__always)
  public static func stepCoefficients(
    where current: UnsafePointer<Float>, above threshold: Float, gradients: UnsafePointer<Float>, count: Int,
    rate: Float, steps: UnsafeMutablePointer<Float>, alpha: UnsafeMutablePointer<Float>
  ) -> Float {
    firetree_step_coefficients(current, gradients, count, threshold, rate, steps, alpha)
  }

  /// `current[k] = anchored[k] + changes[k]`; adds to `squares` the sums of `steps[k]` times what that changed and of
  /// `alpha[k] changes[k]`.
  @inline(__always)
  public static func advanceCurrent(
    _ current: UnsafeMutablePointer<Float>, anchored: UnsafePointer<Float>, changes: UnsafePointer<Float>,
    steps: UnsafePointer<Float>, alpha: UnsafePointer<Float>, count: Int,
    squares: inout (step: Float, drift: Float)
  ) {
    withUnsafeMutableBytes(of: &squares) {
      firetree_advance_current(
        current, anchored, changes, steps, alpha, count, $0.baseAddress?.assumingMemoryBound(to: Float.self))
    }
  }

  /// `result[t] = scale <vector, matrix[rows[t]]>` for short rows such as those of outputs.
  ///
  /// `vector` is a row of a `Matrix` too; a matrix of one column may also be kept without padding (stride 1), `vector` then a
  /// number.
  /// Complexity: 2 `count` columns flops.
  @inline(__always)
  public static func shortProducts(
    _ vector: UnsafePointer<Float>, with matrix: MatrixView, rows: UnsafePointer<UInt16>, count: Int,
    scale: Float, into result: UnsafeMutablePointer<Float>
  ) {
    firetree_short_products(
      vector, matrix.base, matrix.stride, matrix.columns, rows, count, scale, result)
  }

  /// `sums[points[q]] += weights (values[q] - threshold)`, rounded to `Float`, wherever a value exceeds the threshold;
  /// returns how many do.
  ///
  /// Rows of `sums` have `stride` elements, of which the first `columns` are added to when `stride` is no multiple of 8, and
  /// all otherwise; `weights` (`columns`) is a row of a `Matrix`.
  @inline(__always)
  public static func addExcess(
    to sums: UnsafeMutablePointer<Double>, stride: Int, weights: UnsafePointer<Float>, columns: Int,
    points: UnsafePointer<UInt16>, values: UnsafePointer<Float>, count: Int, threshold: Float
  ) -> Int {
    firetree_add_excess(sums, stride, columns, weights, points, values, count, threshold)
  }

  /// Stores, ascending, the positions q with `ceilings[q] + reach * norms[points[q]] > threshold`; returns how many.
  ///
  /// No norm exceeds `largestNorm`, and `reach` is at least 0. Complexity: `count` comparisons.
  @inline(__always)
  public static func selectUncertain(
    ceilings: UnsafePointer<Float>, points: UnsafePointer<UInt16>, norms: UnsafePointer<Float>, count: Int,
    reach: Float, largestNorm: Float, threshold: Float, into positions: UnsafeMutablePointer<UInt16>
  ) -> Int {
    firetree_select_uncertain(ceilings, points, norms, count, reach, largestNorm, threshold, positions)
  }

  /// `result[r, i] = <weights[r], points[i]>`, each product with the same bits whatever the others are, and how many.
  ///
  /// OpenBLAS gives that on some processors only: its kernels for AVX2 treat an element by its place. Shapes: `weights`
  /// R x d, `points` N x d, `result` R x N; rows start on 64-byte boundaries. Complexity: 2 R N d flops.
  public static func correlate(_ weights: MatrixView, _ points: MatrixView, into result: MutableMatrixView) {
    precondition(
      weights.columns == points.columns && result.rows == weights.rows && result.columns == points.rows,
      "shapes of a product do not match")
    firetree_correlate(
      result.base, result.stride, weights.base, weights.stride, weights.rows, points.base, points.stride,
      points.rows, points.columns)
  }

  /// `hit.value = <weights[hit.row], points[hit.point]>` for single pairs, with the bits of `correlate`.
  ///
  /// Complexity: 2 d flops a pair, at some half of its speed.
  public static func correlatePairs(
    _ hits: UnsafeMutableBufferPointer<Hit>, of weights: MatrixView, _ points: MatrixView
  ) {
    precondition(weights.columns == points.columns, "shapes of a product do not match")
    guard let first = hits.baseAddress else { return }
    firetree_correlate_pairs(
      first, hits.count, weights.base, weights.stride, points.base, points.stride, points.columns)
  }

  /// `totals[i, c] += sums[i, c] scales[i]`, rounded to the nearest integer; false when a value was not a number or not below
  /// `limit` in magnitude, at most 2^62: those are left out. Rows are contiguous, of `columns` numbers.
  public static func addRounded(
    _ sums: UnsafePointer<Double>, scales: UnsafePointer<Double>, rows: Int, columns: Int, limit: Double,
    to totals: UnsafeMutablePointer<Int64>
  ) -> Bool {
    firetree_add_rounded(totals, sums, scales, rows, columns, limit) != 0
  }

  /// `tile = H S source` for the Hadamard matrix H of entries +-1 and the diagonal S of signs, -1 where a bit of `signs` is
  /// set; without `signs` H alone.
  ///
  /// The same bits on every processor: the levels of the fast transform come in order, and all it does is to add and to
  /// subtract. Shapes: `tile` is `size` x 16 without padding, on a 64-byte boundary, `size` a power of two; `signs` has a
  /// bit for each row, 32 a word. `source` is the tile itself unless another is given. Complexity: 16 `size` log2(`size`) flops.
  public static func hadamard(
    _ tile: UnsafeMutablePointer<Float>, from source: UnsafePointer<Float>? = nil, size: Int,
    signs: UnsafePointer<UInt32>? = nil
  ) {
    precondition(size > 0 && size & (size - 1) == 0, "a Hadamard matrix of order \(size)")
    firetree_hadamard(tile, source ?? UnsafePointer(tile), size, signs)
  }

  /// `vector = H S vector`, one vector (`size`) on a 64-byte boundary, with the bits of `hadamard`. Complexity: `size`
  /// log2(`size`) flops.
  public static func hadamard(
    vector: UnsafeMutablePointer<Float>, size: Int, signs: UnsafePointer<UInt32>
  ) {
    precondition(size > 0 && size & (size - 1) == 0, "a Hadamard matrix of order \(size)")
    firetree_hadamard_vector(vector, size, signs)
  }

  /// A pair that was selected: its correlation, the neuron's place in its block, the point's among those of a list.
  public typealias Hit = firetree_hit

  /// Stores, by rows, the pairs of a tile with `scale tile[r, lane] + reaches[r] norms[lane] > threshold`; returns how many.
  /// The point of lane 0 is `first`.
  ///
  /// Shapes: `tile` is `size` x 16 without padding, on a 64-byte boundary, `norms` 16; `hits` has room for all. Complexity:
  /// a comparison a pair, sixteen at a time, and a store for each that is selected.
  public static func selectLanes(
    _ tile: UnsafePointer<Float>, size: Int, scale: Float, reaches: UnsafePointer<Float>,
    norms: UnsafePointer<Float>, threshold: Float, first: UInt16, into hits: UnsafeMutablePointer<Hit>
  ) -> Int {
    firetree_select_lanes(tile, size, scale, reaches, norms, threshold, first, hits)
  }

  /// Stores the pairs that fire of a tile of base rows, each of which has `copies` neurons in succession, by neurons; the last
  /// row may have fewer:
  ///
  ///     scale tile[r, lane] + sum_t coefficients[t] products[points[t], lane] > threshold,    t the entries of the neuron,
  ///
  /// each product and each sum rounded, as far as `scale tile[r, lane] + reaches[neuron] norms[lane] > threshold`; with
  /// `slacks`, those that exceed the threshold by adding `slacks[neuron] norms[lane]`. Returns how many. A hit's row is the number of its neuron, its point that of its lane.
  ///
  /// Shapes: `tile` has a row of 16 for each base row and `products` is n x 16, both without padding and on 64-byte boundaries; `norms` 16,
  /// `reaches` and `slacks` `neurons`, `offsets` one more or nil without entries; `hits` has room for all. Complexity: a comparison a
  /// pair, and two flops an entry where a lane may fire, sixteen at a time.
  public static func fireLanes(
    _ tile: UnsafePointer<Float>, neurons: Int, copies: Int, scale: Float, reaches: UnsafePointer<Float>,
    slacks: UnsafePointer<Float>?, norms: UnsafePointer<Float>, threshold: Float,
    offsets: UnsafePointer<Int>?,
    points: UnsafePointer<UInt16>?,
    coefficients: UnsafePointer<Float>?, products: UnsafePointer<Float>, into hits: UnsafeMutablePointer<Hit>
  ) -> Int {
    // Both are 64 bits wide.
    let offsets = UnsafeRawPointer(offsets)?.assumingMemoryBound(to: Int64.self)
    return firetree_fire_lanes(
      tile, neurons, copies, scale, reaches, slacks, norms, threshold, offsets, points, coefficients,
      products, hits)
  }

  /// `vector += sum_t coefficients[t] matrix[rows[t]]`; `vector` is a row of a `Matrix` too.
  ///
  /// Complexity: 2 `terms` columns flops.
  @inline(__always)
  public static func addRows(
    of matrix: MatrixView, _ rows: UnsafePointer<UInt32>, coefficients: UnsafePointer<Float>, terms: Int,
    to vector: UnsafeMutablePointer<Float>
  ) {
    firetree_add_rows(vector, matrix.base, matrix.stride, matrix.columns, rows, coefficients, terms)
  }

  /// `result[t] = <vector, matrix[rows[t]]>`; `vector` is a row of a `Matrix` too.
  ///
  /// Complexity: 2 `count` columns flops.
  @inline(__always)
  public static func dotRows(
    of matrix: MatrixView, _ rows: UnsafePointer<UInt32>, count: Int, with vector: UnsafePointer<Float>,
    into result: UnsafeMutablePointer<Float>
  ) {
    firetree_dot_rows(vector, matrix.base, matrix.stride, matrix.columns, rows, count, result)
  }
}
