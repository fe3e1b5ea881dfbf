import COpenBLAS

/// The Cholesky factor of a symmetric, positive definite matrix in double precision: A = L L^T, L lower triangular.
///
/// By tiles of 256 rows (Golub, Van Loan: Matrix Computations, section 4.2.7): a tile on the diagonal by LAPACK's `dpotrf`, the
/// tiles below it by triangular solution, then what they take from all later tiles by products. Tiles depend on the order alone and
/// each is computed by one thread, so the bits are the same on any number of threads.
///
/// Memory: 8 N^2 bytes. Backward error: about N 2^-53 of the largest element of A (Higham 2002, theorem 10.3).
public struct CholeskyFactor: Sendable, Equatable {
  /// N.
  public let order: Int
  /// Row by row: L on and below the diagonal, A above it.
  private var elements: [Double]
  /// That of A, whose place L has.
  private let diagonal: [Double]
  private let workers: Workers

  private static let tile = 256
  private var tiles: Tiles { Tiles(of: order, size: Self.tile) }

  /// Factors `matrix` + `shift` I. Nil when that is not positive definite, so far as rounding shows.
  ///
  /// Throws a usage error when there is no memory for it. Precondition: the matrix is square and symmetric.
  /// Complexity: N^3 / 3 flops.
  public init?(_ matrix: Matrix, addingToDiagonal shift: Double, workers: Workers) throws(FireTreeError) {
    precondition(matrix.rows == matrix.columns, "a factor of a matrix that is not square")
    try self.init(order: matrix.rows, workers: workers) { i, result in
      matrix.withView { matrix in
        for j in 0..<matrix.columns { result[j] = Double(matrix[i, j]) }
        result[i] += shift
      }
    }
  }

  /// Factors the symmetric matrix of `order` rows that `row(i, elements)` writes, from many threads. Nil and errors as above.
  public init?(
    order: Int, workers: Workers, row: @Sendable (Int, UnsafeMutablePointer<Double>) -> Void
  ) throws(FireTreeError) {
    (self.order, self.workers) = (order, workers)
    let size = ByteCount(MemoryLayout<Double>.stride) * order * order
    guard size < ByteCount(.max) else { throw Memory.refusal(of: size) }
    elements = try Array(allocating: order * order, repeating: 0)
    var diagonal = try [Double](allocating: order, repeating: 0)
    let tiles = Tiles(of: order, size: Self.tile)
    let isDefinite = elements.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return true }
      // Each shard writes to tiles of its own.
      nonisolated(unsafe) let a = base
      workers.forEachShard(of: tiles.count) { shard in
        for i in tiles[shard] { row(i, a + i * order) }
      }
      for i in 0..<order { diagonal[i] = a[i * order + i] }
      return Self.factor(a, order: order, tiles, workers)
    }
    self.diagonal = diagonal
    guard isDefinite else { return nil }
  }

  /// False when a pivot is not positive.
  private static func factor(
    _ base: UnsafeMutablePointer<Double>, order n: Int, _ tiles: Tiles, _ workers: Workers
  ) -> Bool {
    _ = LinearAlgebra.singleThreaded
    // Each shard writes to tiles of its own.
    nonisolated(unsafe) let a = base
    let stride = blasint(n)
    for k in 0..<tiles.count {
      let (first, width) = (tiles[k].lowerBound, blasint(tiles[k].count))
      let pivot = a + first * n + first
      // What is below the diagonal by rows is above it by columns, as LAPACK reads it.
      var (size, lead, status) = (Int32(width), Int32(n), Int32(0))
      dpotrf_("U", &size, pivot, &lead, &status)
      // OpenBLAS goes on with what is no number.
      guard status == 0, (0..<tiles[k].count).allSatisfy({ pivot[$0 * (n + 1)].isFinite }) else {
        return false
      }
      let later = tiles.count - k - 1
      workers.forEachShard(of: later) { shard in
        let rows = tiles[k + 1 + shard]
        cblas_dtrsm(
          CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, blasint(rows.count), width, 1,
          pivot,
          stride, a + rows.lowerBound * n + first, stride)
      }
      workers.forEachShard(of: later) { shard in
        // The longest rows of tiles first.
        let i = tiles.count - 1 - shard
        let panel = a + tiles[i].lowerBound * n + first, height = blasint(tiles[i].count)
        for j in k + 1..<i {
          cblas_dgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, height, blasint(tiles[j].count), width, -1, panel,
            stride,
            a + tiles[j].lowerBound * n + first, stride, 1,
            a + tiles[i].lowerBound * n + tiles[j].lowerBound, stride)
        }
        // The part above the diagonal is left as it is.
        cblas_dsyrk(
          CblasRowMajor, CblasLower, CblasNoTrans, height, width, -1, panel, stride, 1,
          a + tiles[i].lowerBound * (n + 1), stride)
      }
    }
    return true
  }

  /// A^-1 b for every column of `right`, row by row (N x `columns`).
  ///
  /// Throws a usage error when there is no memory for it, a failure when OpenBLAS has not solved it: the solution is put to the
  /// test. Complexity: 2 N^2 flops a column, and 2 N^2 more.
  public func solve(_ right: [Double], columns: Int) throws(FireTreeError) -> [Double] {
    precondition(right.count == order * columns, "\(right.count) numbers, not \(order) x \(columns)")
    guard !right.isEmpty else { return [] }
    try Memory.ask(for: right.count, of: Double.self)
    var solution = right
    let (n, groups) = (order, Tiles(of: columns, size: 32))
    elements.withUnsafeBufferPointer { elements in
      solution.withUnsafeMutableBufferPointer { solution in
        guard let l = elements.baseAddress, let base = solution.baseAddress else { return }
        // Each shard writes to columns of its own.
        nonisolated(unsafe) let x = base
        nonisolated(unsafe) let factor = l
        workers.forEachShard(of: groups.count) { group in
          for transposition in [CblasNoTrans, CblasTrans] {
            cblas_dtrsm(
              CblasRowMajor, CblasLeft, CblasLower, transposition, CblasNonUnit, blasint(n),
              blasint(groups[group].count), 1, factor, blasint(n), x + groups[group].lowerBound,
              blasint(columns))
          }
        }
      }
    }
    try check(solution, right, columns: columns)
    return solution
  }

  /// The diagonal of A^-1 (N): the squared lengths of the columns of L^-1.
  ///
  /// Complexity: N^3 / 3 flops, and 256 N doubles of working memory a thread. Without memory for it the process ends
  /// (`Memory.end`).
  public func inverseDiagonal() -> [Double] {
    let n = order
    return elements.withUnsafeBufferPointer { elements in
      // Only read.
      nonisolated(unsafe) let l = elements
      return workers.array(over: tiles) { columns, result in
        guard let factor = l.baseAddress else { return }
        let (first, width) = (columns.lowerBound, columns.count)
        var unit = [Double].fixed((n - first) * width, repeating: 0)
        for k in 0..<width { unit[k * width + k] = 1 }
        cblas_dtrsm(
          CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, blasint(n - first),
          blasint(width), 1,
          factor + first * (n + 1), blasint(n), &unit, blasint(width))
        for row in 0..<n - first {
          for k in 0..<width { result[k] += unit[row * width + k] * unit[row * width + k] }
        }
      }
    }
  }

  /// Throws a failure unless A x = b holds for a sum of the columns with weights of no pattern (Freivalds 1977), within what
  /// rounding explains a thousand times over.
  package func check(_ solution: [Double], _ right: [Double], columns: Int) throws(FireTreeError) {
    let n = order
    var x = try [Double](allocating: n, repeating: 0), b = x
    for i in 0..<n {
      for c in 0..<columns {
        let weight = 1 + Double(c * 7 % 13) / 13
        x[i] += weight * solution[i * columns + c]
        b[i] += weight * right[i * columns + c]
      }
    }
    var product = b
    // Upper triangle and diagonal; the diagonal in its place is that of L.
    elements.withUnsafeBufferPointer {
      cblas_dsymv(CblasRowMajor, CblasUpper, blasint(n), 1, $0.baseAddress, blasint(n), x, 1, 0, &product, 1)
    }
    for i in 0..<n { product[i] += (diagonal[i] - elements[i * n + i]) * x[i] }
    let (length, largest) = (x.reduce(0) { $0 + abs($1) }, b.reduce(0) { Swift.max($0, abs($1)) })
    // Elements of a positive definite matrix are at most those of its diagonal.
    let bound = 1e3 * Double(n) * 0x1p-53 * ((diagonal.max() ?? 0) * length + largest)
    // False of what is no number, too.
    guard (0..<n).allSatisfy({ abs(product[$0] - b[$0]) <= bound }) else {
      throw .failure(
        "\(LinearAlgebra.description) solves linear equations wrongly on this processor: set "
          + "OPENBLAS_CORETYPE=Haswell, or install another version")
    }
  }
}
