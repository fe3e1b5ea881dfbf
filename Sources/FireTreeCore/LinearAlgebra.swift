import COpenBLAS

/// Matrix products and vector kernels by OpenBLAS.
///
/// OpenBLAS is told once to use one thread: its own threading changes the bits of a product with the number of
/// threads. FireTree cuts products into fixed tiles and runs the tiles in parallel instead (`Workers`).
public enum LinearAlgebra {
  /// The operand of a product that is transposed.
  public enum Transposition: Sendable {
    case none
    case left
    case right
  }

  static let singleThreaded: Void = openblas_set_num_threads(1)

  /// `result = scale * op(left) * op(right) + keeping * result`, where op transposes the operand that is named.
  ///
  /// Shapes: op(left) is M x K, op(right) is K x N, `result` is M x N. With `keeping` 0 the old content of
  /// `result` is not read.
  ///
  /// Complexity: 2 M N K flops.
  public static func multiply(
    _ left: MatrixView, _ right: MatrixView, transposing: Transposition = .none,
    into result: MutableMatrixView, scale: Float = 1, keeping: Float = 0
  ) {
    let (m, k) = transposing == .left ? (left.columns, left.rows) : (left.rows, left.columns)
    let (k2, n) = transposing == .right ? (right.columns, right.rows) : (right.rows, right.columns)
    precondition(k == k2 && result.rows == m && result.columns == n, "shapes of a product do not match")
    guard m > 0, n > 0 else { return }
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transposing == .left ? CblasTrans : CblasNoTrans,
      transposing == .right ? CblasTrans : CblasNoTrans, blasint(m), blasint(n), blasint(k), scale,
      left.base, blasint(max(left.stride, 1)), right.base, blasint(max(right.stride, 1)), keeping,
      result.base, blasint(max(result.stride, 1)))
  }

  /// `result += op(left) right` in double precision, all row by row; op transposes `left` when it is wanted.
  ///
  /// Shapes: op(left) is `rows` x `inner`, `right` `inner` x `columns`, `result` `rows` x `columns`; the strides are the distances of
  /// their rows. Complexity: 2 `rows` `columns` `inner` flops.
  public static func addProduct(
    _ left: UnsafePointer<Double>, stride leftStride: Int, transposed: Bool = false,
    _ right: UnsafePointer<Double>, stride rightStride: Int, rows: Int, columns: Int, inner: Int,
    to result: UnsafeMutablePointer<Double>, stride: Int
  ) {
    guard rows > 0, columns > 0, inner > 0 else { return }
    _ = singleThreaded
    cblas_dgemm(
      CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, blasint(rows), blasint(columns),
      blasint(inner), 1, left, blasint(leftStride), right, blasint(rightStride), 1, result, blasint(stride))
  }

  /// The most multiply-adds of a product for which OpenBLAS may take a kernel for small ones.
  static let smallProduct = 1_000_000

  /// Calls `body` with `left`, padded below by zero rows where needed, so that a product with `columns` columns is
  /// computed by the general kernel.
  ///
  /// For products of at most 10^6 multiply-adds OpenBLAS takes kernels that sum in another order. Padding past that
  /// makes the bits of an inner product independent of how many others it is computed with, on processors
  /// (AVX-512) whose general kernel treats all elements alike. Padding by more than a tile of 256 rows is not worth
  /// that: then `left` is handed out as it is.
  static func withGeneralShape(
    _ left: MatrixView, columns: Int, _ body: (MatrixView, _ isPadded: Bool) -> Void
  ) {
    let perRow = columns * left.columns
    let needed = perRow > 0 ? smallProduct / perRow + 1 : 0
    guard left.rows < needed, needed <= 256 else { return body(left, false) }
    Scratch.withMatrix(rows: needed, columns: left.columns) { padded in
      padded.rows(0..<left.rows).copy(left)
      padded.rows(left.rows..<needed).fill(0)
      body(padded.view, true)
    }
  }

  /// `y += scale * x`, `count` elements.
  @inline(__always)
  public static func add(
    _ scale: Float, times x: UnsafePointer<Float>, to y: UnsafeMutablePointer<Float>, count: Int
  ) {
    cblas_saxpy(blasint(count), scale, x, 1, y, 1)
  }

  /// `<x, y>`, `count` elements, summed in an order of OpenBLAS's choice.
  @inline(__always)
  public static func dot(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Float {
    cblas_sdot(blasint(count), x, 1, y, 1)
  }

  /// The library and processor kernel in use, for reports: `OpenBLAS 0.3.21 (Cooperlake)`.
  public static var description: String {
    let configuration = String(cString: openblas_get_config())
    let version = configuration.split(separator: " ").dropFirst().first.map(String.init) ?? "?"
    return "OpenBLAS \(version) (\(String(cString: openblas_get_corename())))"
  }
}
