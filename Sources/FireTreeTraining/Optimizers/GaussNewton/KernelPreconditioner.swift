import FireTreeCore

/// A rough (S K S + q I)^-1 for the tangent kernel K of a network: the limit kernel takes its place, one and the same for every
/// output. S are the square roots of the points' weights.
///
/// Up to `wholePoints` points by the Cholesky factor of the limit kernel, with more by Nystrom's approximation from some of them
/// (`NystromKernel`), so that nothing of size n x n is held. A factor serves every q that its own is within a factor of eight of:
/// that changes no eigenvalue of the product by more.
package struct KernelPreconditioner: Sendable {
  /// The most points of which the whole kernel is held.
  package static let wholePoints = 16_384
  /// Points that stand for all where there are more.
  package static let landmarks = 2_000
  private static let reach = 8.0

  private enum Kernel: Sendable {
    /// S K S (n x n).
    case whole(Matrix)
    case reduced(NystromKernel)
  }

  private enum Inverse: Sendable {
    case whole(CholeskyFactor)
    case reduced(NystromInverse)
    /// Nothing is known but q.
    case none
  }

  private let kernel: Kernel
  private let workers: Workers
  private var inverse = Inverse.none
  private var q = 0.0

  /// Bytes held at most.
  static func requiredMemory(points: Int) -> ByteCount {
    points <= wholePoints
      ? .matrix(rows: points, columns: points) + ByteCount(8) * points * points
      : .matrix(rows: points, columns: landmarks) + ByteCount(16) * landmarks * landmarks
  }

  /// `roots` are the square roots of the points' weights; all are 1 when it is nil. Of more than `wholePoints` points `landmarks`
  /// stand for all. Throws a usage error when there is no memory for it. Complexity: O(n^2) and n nnz, or n landmarks in place of
  /// n^2.
  package init(
    points: DataPoints, threshold: Float, roots: [Float]?, workers: Workers, wholePoints: Int,
    landmarks: Int
  ) throws(FireTreeError) {
    self.workers = workers
    if points.count > wholePoints {
      kernel = .reduced(
        try NystromKernel(
          points: points, threshold: threshold, roots: roots, landmarks: landmarks, workers: workers))
      return
    }
    var matrix = try LimitKernel(points: points, threshold: threshold, workers: workers).matrix
    if let roots {
      matrix.withMutableView { matrix in
        for i in 0..<matrix.rows { for j in 0..<matrix.columns { matrix[i, j] *= roots[i] * roots[j] } }
      }
    }
    kernel = .whole(matrix)
  }

  /// Makes ready for `q`. Where the kernel is not positive definite within rounding, larger numbers are taken.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: n^3 / 3 flops, or n L^2 for L landmarks; nothing where the
  /// last factor serves.
  package mutating func prepare(for q: Double) throws(FireTreeError) {
    if case .none = inverse {} else if q <= self.q * Self.reach && q >= self.q / Self.reach { return }
    inverse = .none
    var tried = q
    for _ in 0..<8 {
      switch kernel {
      case .whole(let matrix):
        if let factor = try CholeskyFactor(matrix, addingToDiagonal: tried, workers: workers) {
          inverse = .whole(factor)
        }
      case .reduced(let kernel):
        if let found = try NystromInverse(of: kernel, q: tried, workers: workers) {
          inverse = .reduced(found)
        }
      }
      if case .none = inverse { tried *= 10 } else { break }
    }
    self.q = q
  }

  /// What takes the place of (S K S + q I)^-1 v, for v of n x `columns`.
  package func apply(to vector: [Double], columns: Int) throws(FireTreeError) -> [Double] {
    switch inverse {
    case .whole(let factor): try factor.solve(vector, columns: columns)
    case .reduced(let inverse): try inverse.apply(to: vector, columns: columns)
    case .none: vector
    }
  }
}
