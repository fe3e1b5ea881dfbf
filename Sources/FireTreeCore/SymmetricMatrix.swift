import COpenBLAS

/// A symmetric matrix in double precision, for the small matrices of an analysis: every element is kept.
public struct SymmetricMatrix: Sendable, Equatable {
  /// N.
  public let order: Int
  /// All N x N elements, row by row.
  private var elements: [Double]

  /// A matrix of zeros. Precondition: an order of at least 0.
  public init(order: Int) {
    precondition(order >= 0, "a matrix of order \(order)")
    self.order = order
    elements = [Double].fixed(order * order, repeating: 0)
  }

  /// Setting an element sets its mirror image too.
  public subscript(row: Int, column: Int) -> Double {
    get {
      precondition(row >= 0 && row < order && column >= 0 && column < order, "index out of range")
      return elements[row * order + column]
    }
    set {
      precondition(row >= 0 && row < order && column >= 0 && column < order, "index out of range")
      elements[row * order + column] = newValue
      elements[column * order + row] = newValue
    }
  }

  /// All eigenvalues, ascending; each within a small multiple of N 2^-53 |lambda|_max of an exact one.
  ///
  /// LAPACK's `dsyev`: reduction to tridiagonal form, then QR (Golub, Van Loan: Matrix Computations, section 8.3).
  /// Throws a failure when the iteration does not converge, as with elements that are not finite.
  /// Complexity: 4/3 N^3 flops, N^2 doubles of working memory.
  public func eigenvalues() throws(FireTreeError) -> [Double] {
    guard order > 0 else { return [] }
    guard elements.allSatisfy(\.isFinite) else {
      throw .failure("the eigenvalues of a matrix with elements that are not finite")
    }
    _ = LinearAlgebra.singleThreaded
    var matrix = elements
    var values = [Double].fixed(order, repeating: 0)
    var (n, size, status) = (Int32(order), Int32(-1), Int32(0))
    var best = 0.0
    // The first call asks for the size of the workspace.
    dsyev_("N", "U", &n, &matrix, &n, &values, &best, &size, &status)
    size = max(Int32(best), 3 * n)
    var work = [Double].fixed(Int(size), repeating: 0)
    dsyev_("N", "U", &n, &matrix, &n, &values, &work, &size, &status)
    guard status == 0 else { throw .failure("the eigenvalues of a matrix of order \(order) do not converge") }
    return values
  }
}
