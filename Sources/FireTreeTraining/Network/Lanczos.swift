import FireTreeCore

/// The largest eigenvalue of a symmetric matrix H without negative eigenvalues, of which only products are known.
///
/// The method of Lanczos: in the space of v, H v, H^2 v, ... the matrix is tridiagonal, and the largest eigenvalue there comes near
/// that of H within few products, close eigenvalues or not. (Golub, Van Loan: Matrix Computations, sections 10.1 and 10.3.)
enum Lanczos {
  /// lambda_max and, when `wantsVector`, a vector of norm 1 near its eigenvector (rows x columns). 0 for a matrix of zeros.
  ///
  /// From a fixed start vector of normals. Stops when a product changes the estimate by less than `tolerance`,
  /// relatively, and after `maximumProducts`. The estimate is a Rayleigh quotient, so above lambda_max by rounding at most.
  ///
  /// Throws a usage error when there is no memory for the vectors: three, and with `wantsVector` one a product.
  static func largest(
    rows: Int, columns: Int, tolerance: Double, maximumProducts: Int, wantsVector: Bool = false,
    times: (Matrix) throws(FireTreeError) -> Matrix
  ) throws(FireTreeError) -> (value: Double, vector: Matrix?) {
    var vector = try normals(rows: rows, columns: columns)
    var tridiagonal = Tridiagonal(), basis: [Matrix] = []
    var previous: Matrix?
    var estimate = 0.0
    vector.scale(by: 1 / vector.dot(vector).squareRoot())
    for _ in 0..<maximumProducts {
      var image = try times(vector)
      if wantsVector { basis.append(vector) }
      tridiagonal.diagonal.append(vector.dot(image))
      image.add(-(tridiagonal.diagonal.last ?? 0), times: vector)
      if let previous { image.add(-(tridiagonal.beside.last ?? 0), times: previous) }
      let length = image.dot(image).squareRoot()
      let value = tridiagonal.largestEigenvalue()
      let isSettled = abs(value - estimate) <= tolerance * value
      estimate = value
      // What rounding of floats leaves has no direction of its own.
      guard !isSettled, length > 1e-6 * value else { break }
      tridiagonal.beside.append(length)
      image.scale(by: 1 / length)
      (previous, vector) = (vector, image)
    }
    guard wantsVector, var result = basis.first else { return (estimate, nil) }
    let shares = tridiagonal.eigenvector(of: estimate)
    result.scale(by: shares[0])
    for (k, vector) in basis.enumerated().dropFirst() { result.add(shares[k], times: vector) }
    result.scale(by: 1 / max(result.dot(result).squareRoot(), .leastNormalMagnitude))
    return (estimate, result)
  }

  private static func normals(rows: Int, columns: Int) throws(FireTreeError) -> Matrix {
    var vector = try Matrix(allocating: rows, by: columns)
    let generator = CounterGenerator(seed: 0, stream: 2)
    vector.withMutableView { vector in
      for i in 0..<vector.rows { generator.normals(row: i, into: vector.row(i), count: vector.columns) }
    }
    return vector
  }
}

/// A symmetric tridiagonal matrix without negative eigenvalues.
private struct Tridiagonal {
  var diagonal: [Double] = []
  /// Element k is that of row k and column k + 1. There may be one more, which does not belong to it yet.
  var beside: [Double] = []

  /// By bisection: the matrix minus x has no negative pivot as long as no eigenvalue lies below x. Complexity: O(order).
  func largestEigenvalue() -> Double {
    var (low, high) = (diagonal.max() ?? 0, 0.0)
    for k in diagonal.indices {
      let left = k > 0 ? beside[k - 1] : 0, right = k < diagonal.count - 1 ? beside[k] : 0
      high = max(high, diagonal[k] + abs(left) + abs(right))
    }
    // Each halving is a bit of a double.
    for _ in 0..<60 where high > low {
      let middle = (low + high) / 2
      if isAbove(middle) { high = middle } else { low = middle }
    }
    return high
  }

  /// Whether all eigenvalues are below `x`: all pivots of the matrix minus `x` are negative.
  private func isAbove(_ x: Double) -> Bool {
    var pivot = 0.0
    for k in diagonal.indices {
      pivot = diagonal[k] - x - (k > 0 ? beside[k - 1] * beside[k - 1] / pivot : 0)
      if !(pivot < 0) { return false }
    }
    return true
  }

  /// The eigenvector of the largest eigenvalue, by inverse iteration from just above it, where elimination needs no pivoting.
  func eigenvector(of value: Double) -> [Double] {
    let shift = value * (1 + 1e-12) + .leastNormalMagnitude
    var x = [Double](repeating: 1, count: diagonal.count)
    for _ in 0..<3 {
      var pivots = diagonal.map { $0 - shift }
      for k in pivots.indices.dropFirst() {
        let factor = beside[k - 1] / pivots[k - 1]
        pivots[k] -= factor * beside[k - 1]
        x[k] -= factor * x[k - 1]
      }
      for k in pivots.indices.reversed() {
        x[k] = (x[k] - (k + 1 < x.count ? beside[k] * x[k + 1] : 0)) / pivots[k]
      }
      let norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
      x = x.map { $0 / norm }
    }
    return x
  }
}

extension Matrix {
  /// The sum of the products of all elements, in doubles.
  fileprivate func dot(_ other: Matrix) -> Double {
    Matrix.withViews(self, other) { a, b in
      var sum = 0.0
      for i in 0..<a.rows {
        for c in 0..<a.columns { sum += Double(a[i, c]) * Double(b[i, c]) }
      }
      return sum
    }
  }

  fileprivate mutating func scale(by factor: Double) {
    withMutableView { view in
      for i in 0..<view.rows {
        for c in 0..<view.columns { view[i, c] = Float(Double(view[i, c]) * factor) }
      }
    }
  }

  /// Adds `factor` times another matrix.
  fileprivate mutating func add(_ factor: Double, times other: Matrix) {
    other.withView { other in
      withMutableView { view in
        for i in 0..<view.rows {
          for c in 0..<view.columns { view[i, c] = Float(Double(view[i, c]) + factor * Double(other[i, c])) }
        }
      }
    }
  }
}
