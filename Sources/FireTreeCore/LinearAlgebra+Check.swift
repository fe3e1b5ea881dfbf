extension LinearAlgebra {
  /// What `check` tries; a test puts a wrong routine in its place.
  package struct Routines {
    /// `result = op(left) op(right) + keeping result`.
    package var multiply:
      (_ left: MatrixView, _ right: MatrixView, Transposition, _ result: MutableMatrixView, _ keeping: Float)
        -> Void = { LinearAlgebra.multiply($0, $1, transposing: $2, into: $3, keeping: $4) }
    package var add: (Float, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void = {
      LinearAlgebra.add($0, times: $1, to: $2, count: $3)
    }
    package var dot: (UnsafePointer<Float>, UnsafePointer<Float>, Int) -> Float = {
      LinearAlgebra.dot($0, $1, count: $2)
    }
    /// What a Cholesky factor is for: the diagonal of A^-1, and A^-1 b; nil when it takes A for not positive definite.
    package var invert: (_ matrix: Matrix, _ right: [Double]) -> (diagonal: [Double], solution: [Double])? = {
      guard let factor = try? CholeskyFactor($0, addingToDiagonal: 0, workers: Workers(threads: 1)),
        let solution = try? factor.solve($1, columns: 1)
      else { return nil }
      return (factor.inverseDiagonal(), solution)
    }

    package init() {}
  }

  /// Throws a failure when OpenBLAS computes wrong products on this processor, as versions do that take it for another.
  ///
  /// To be called before anything is computed. The first call compares products of the sizes in use with plain loops,
  /// which takes less than a millisecond; later calls answer what that one found.
  public static func check() throws(FireTreeError) {
    try reserve(for: Workers(threads: 1))
    if let verdict { throw verdict }
  }

  /// The same, and for Cholesky factors, which are in double precision (`CholeskyFactor`): some milliseconds the first time.
  public static func checkFactors() throws(FireTreeError) {
    try check()
    if let verdictOnFactors { throw verdictOnFactors }
  }

  private static let verdict = refusal(of: Routines())
  private static let verdictOnFactors = refusalOfFactors(by: Routines())

  package static func refusal(of routines: Routines) -> FireTreeError? {
    routines.firstMistake().map(refusal(for:))
  }

  package static func refusalOfFactors(by routines: Routines) -> FireTreeError? {
    routines.firstMistakeOfFactors().map(refusal(for:))
  }

  private static func refusal(for mistake: String) -> FireTreeError {
    .failure(
      "\(description) computes \(mistake) wrongly on this processor: set OPENBLAS_CORETYPE=Haswell, or install "
        + "another version")
  }
}

extension LinearAlgebra.Routines {
  /// What is computed wrongly, or nil. All elements are small whole numbers, so that every order of summation gives the
  /// same bits.
  fileprivate func firstMistake() -> String? {
    // Whole tiles and odd ones, kernels for small products, and shapes that newer versions hand on to matrix-vector
    // products.
    let shapes = [
      (256, 256, 33), (61, 67, 256), (131, 35, 45), (13, 7, 19), (3, 5, 1), (1, 256, 40), (256, 1, 40),
    ]
    for (m, n, k) in shapes {
      for transposing in [LinearAlgebra.Transposition.none, .left, .right]
      where (m * n < 256 * 256 || transposing == .right) && !isRight(m, n, k, transposing) {
        return "the product of \(m) x \(k) and \(k) x \(n) elements"
      }
    }
    for count in [0, 1, 3, 8, 17, 31, 64, 100, 257, 784, 1025] {
      let (x, y) = (Self.matrix(1, count + 1), Self.matrix(1, count))
      // From the second element, which is not aligned.
      let expected = (0..<count).reduce(Float(0)) { $0 + x[0, $1 + 1] * y[0, $1] }
      if Matrix.withViews(x, y, { dot($0.row(0) + 1, $1.row(0), count) }) != expected {
        return "inner products of \(count) elements"
      }
      var sum = y
      x.withView { x in sum.withMutableView { add(-2, x.row(0) + 1, $0.row(0), count) } }
      if (0..<count).contains(where: { sum[0, $0] != y[0, $0] - 2 * x[0, $0 + 1] }) {
        return "sums of \(count) elements"
      }
    }
    return nil
  }

  /// What is computed wrongly of L L^T, where L is a triangle of three blocks a side, ones on the diagonal: its inverse has whole
  /// numbers, too, so that every step of the factor and of what is solved with it is exact in any order.
  ///
  ///         I                                I
  ///     L = B1  I              L^-1 =      -B1   I
  ///         B2  B3  I                 B3 B1-B2  -B3  I
  fileprivate func firstMistakeOfFactors() -> String? {
    // The factor's tiles have 256 rows: two whole ones and a part, and blocks whose borders are not theirs.
    let size = 181, order = 3 * size
    let (b1, b2, b3) = (Self.matrix(size, size), Self.matrix(size, size + 1), Self.matrix(size + 1, size))
    var (triangle, inverse) = (Matrix(rows: order, columns: order), Matrix(rows: size, columns: size))
    Matrix.withViews(b3, b1) { b3, b1 in
      inverse.withMutableView { LinearAlgebra.multiply(b3.rows(0..<size), b1, into: $0) }
    }
    for i in 0..<size {
      for j in 0..<size {
        triangle[size + i, j] = b1[i, j]
        triangle[2 * size + i, j] = b2[i, j]
        triangle[2 * size + i, size + j] = b3[i, j]
      }
    }
    for i in 0..<order { triangle[i, i] = 1 }
    var product = Matrix(rows: order, columns: order)
    triangle.withView { l in
      product.withMutableView { LinearAlgebra.multiply(l, l, transposing: .right, into: $0) }
    }
    // Columns of L^-1, squared; and A x for an x that is known.
    var diagonal = [Double](repeating: 1, count: order)
    for i in 0..<size {
      for j in 0..<size {
        let last = Double(inverse[i, j] - b2[i, j])
        diagonal[j] += Double(b1[i, j]) * Double(b1[i, j]) + last * last
        diagonal[size + j] += Double(b3[i, j]) * Double(b3[i, j])
      }
    }
    let solution = (0..<order).map { Double($0 % 13 - 6) }
    let right = (0..<order).map { row in
      (0..<order).reduce(0.0) { $0 + Double(product[row, $1]) * solution[$1] }
    }
    guard let found = invert(product, right), found.solution == solution else {
      return "the solution of \(order) linear equations"
    }
    return found.diagonal == diagonal ? nil : "the inverse of \(order) x \(order) elements"
  }

  /// Whether `multiply` is right: C v = A (B v) in every row, for a vector v without zeros (Freivalds: "Probabilistic
  /// machines can use less running time", 1977). Any single wrong element is seen.
  private func isRight(_ m: Int, _ n: Int, _ k: Int, _ transposing: LinearAlgebra.Transposition) -> Bool {
    let left = transposing == .left ? Self.matrix(k, m) : Self.matrix(m, k)
    let right = transposing == .right ? Self.matrix(n, k) : Self.matrix(k, n)
    // The product by which points are correlated replaces what was there, which may be anything.
    let keeping: Float = transposing == .right ? 0 : 1
    var result = Self.matrix(m, n)
    if keeping == 0 { result.withMutableView { $0.fill(.nan) } }
    let vector = (0..<n).map { Float($0 % 13 + 1) }
    return Matrix.withViews(left, right) { left, right in
      result.withMutableView { result in
        var expected = keeping == 0 ? [Float](repeating: 0, count: m) : Self.times(result.view, vector)
        let product = Self.times(right, vector, transposing: transposing == .right)
        for (r, sum) in Self.times(left, product, transposing: transposing == .left).enumerated() {
          expected[r] += sum
        }
        multiply(left, right, transposing, result, keeping)
        return Self.times(result.view, vector) == expected
      }
    }
  }

  /// The matrix, or its transpose, times a vector.
  private static func times(_ matrix: MatrixView, _ vector: [Float], transposing: Bool = false) -> [Float] {
    var result = [Float](repeating: 0, count: transposing ? matrix.columns : matrix.rows)
    for r in 0..<matrix.rows {
      let row = matrix.row(r)
      if transposing {
        for c in 0..<matrix.columns { result[c] += row[c] * vector[r] }
      } else {
        result[r] = (0..<matrix.columns).reduce(Float(0)) { $0 + row[$1] * vector[$1] }
      }
    }
    return result
  }

  /// Whole numbers from -4 to 4 without a pattern.
  private static func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    var (result, state) = (Matrix(rows: rows, columns: columns), UInt32(rows * 31 + columns))
    result.withMutableView { result in
      for r in 0..<rows {
        let row = result.row(r)
        for c in 0..<columns {
          state = state &* 1_664_525 &+ 1_013_904_223
          row[c] = Float((state >> 16) % 9) - 4
        }
      }
    }
    return result
  }
}
