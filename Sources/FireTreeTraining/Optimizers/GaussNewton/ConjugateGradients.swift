import FireTreeCore

/// The method of conjugate gradients for A x = b, A symmetric and positive definite, of which only products are known, with a
/// preconditioner: a rough A^-1 (Golub, Van Loan: Matrix Computations, section 11.5).
enum ConjugateGradients {
  struct Solution {
    var x: [Double]
    /// Products with A.
    var products = 0
    /// |b - A x| / |b|, as the recurrence has it.
    var residual = 0.0
  }

  /// From x = 0 until the residual is at most `tolerance` of b, for at most `maximumProducts`; sooner where rounding leaves no
  /// direction that A makes longer.
  ///
  /// All sums run in order, so the bits depend on A's products and the preconditioner alone. Throws a usage error when there is no
  /// memory for four vectors, and what `times` and `precondition` throw.
  static func solve(
    _ right: [Double], tolerance: Double, maximumProducts: Int,
    times: ([Double]) throws(FireTreeError) -> [Double],
    precondition: ([Double]) throws(FireTreeError) -> [Double]
  ) throws(FireTreeError) -> Solution {
    var solution = Solution(x: try [Double](allocating: right.count, repeating: 0))
    let size = dot(right, right).squareRoot()
    guard size > 0 else { return solution }
    solution.residual = 1
    var residual = right
    var image = try precondition(residual)
    var direction = image
    var product = dot(residual, image)
    while solution.products < maximumProducts, product > 0 {
      let along = try times(direction)
      solution.products += 1
      let curvature = dot(direction, along)
      guard curvature > 0 else { break }
      let step = product / curvature
      add(step, times: direction, to: &solution.x)
      add(-step, times: along, to: &residual)
      solution.residual = dot(residual, residual).squareRoot() / size
      guard solution.residual > tolerance else { break }
      image = try precondition(residual)
      let next = dot(residual, image)
      let ratio = next / product
      product = next
      for i in direction.indices { direction[i] = image[i] + ratio * direction[i] }
    }
    return solution
  }

  static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += a[i] * b[i] }
    return sum
  }

  static func add(_ factor: Double, times a: [Double], to b: inout [Double]) {
    for i in a.indices { b[i] += factor * a[i] }
  }
}
