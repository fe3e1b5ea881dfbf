import FireTreeCore

/// Ridge regression on the limit kernel: the network of infinite width, trained to the end with a penalty on how far its weights
/// move.
///
///     f(x) = mean + sum_i alpha_i K(x_i, x),    alpha = (K + rho I)^-1 (Y - mean)
///
/// with rho in units of the mean diagonal of K. It minimises 1/2 sum_i |f_i - y_i|^2 + rho/2 |V|^2, V the movement of the weights
/// (Jacot, Gabriel, Hongler 2018, arXiv 1806.07572, for the limit).
public struct KernelRidge: Sendable {
  /// alpha_i, one point a row (n x C).
  public let coefficients: Matrix
  /// The mean target of each output (C).
  public let means: [Float]
  /// rho, in units of the mean diagonal.
  public let ridge: Double
  /// 1/2 sum_i |f_i - y_i|^2.
  public let loss: Double
  /// What the regression on all other points gives at each point (n x C).
  public let leftOut: Matrix
  /// The mean square of y_i less what is left out, over points and outputs.
  public let leaveOneOut: ErrorEstimate

  /// Bytes that a regression takes at most: the kernel and its factor, tables of the kernel (1 KB a point), working memory of the
  /// threads, and what belongs to points and outputs.
  public static func requiredMemory(points: Int, outputs: Int, workers: Workers) -> ByteCount {
    let size = MemoryLayout<Double>.stride
    return .matrix(rows: points, columns: points) + ByteCount(size) * points * points
      + (ByteCount(4 * size) * outputs + ByteCount(2048) * (workers.threads + 1)) * points
  }

  /// The regression of `targets` (n x C) with penalty `ridge`; nil where the kernel is not positive definite within rounding, as
  /// with a tiny ridge.
  ///
  /// In double precision, by Cholesky. Left out is y_i - alpha_i / (K + rho I)^-1_ii (Golub, Heath, Wahba 1979), the means kept.
  /// Throws a usage error when there is no memory for it. Precondition: a target for every point, at least one, and `ridge` above
  /// 0. Complexity: 2/3 n^3 + 2 n^2 C flops.
  public init?(kernel: LimitKernel, targets: Matrix, ridge: Double) throws(FireTreeError) {
    precondition(targets.rows == kernel.count && targets.rows > 0, "a target for every point")
    precondition(ridge > 0, "a ridge of \(ridge)")
    let (n, outputs) = (targets.rows, targets.columns)
    // Points without a kernel, all of them 0, have the means alone.
    let unit = kernel.meanDiagonal > 0 ? kernel.meanDiagonal : 1
    let means = Self.means(of: targets)
    guard
      let factor = try CholeskyFactor(
        kernel.matrix, addingToDiagonal: ridge * unit, workers: kernel.workers)
    else { return nil }
    var right = try [Double](allocating: n * outputs, repeating: 0)
    for i in 0..<n {
      for c in 0..<outputs { right[i * outputs + c] = Double(targets[i, c]) - Double(means[c]) }
    }
    let alpha = try factor.solve(right, columns: outputs)
    let inverse = factor.inverseDiagonal()
    var coefficients = try Matrix(allocating: n, by: outputs)
    var leftOut = coefficients
    var errors = try [Double](allocating: n, repeating: 0)
    coefficients.withMutableView { coefficients in
      leftOut.withMutableView { leftOut in
        for i in 0..<n {
          for c in 0..<outputs {
            let residual = alpha[i * outputs + c] / inverse[i]
            coefficients[i, c] = Float(alpha[i * outputs + c])
            leftOut[i, c] = Float(Double(targets[i, c]) - residual)
            errors[i] += residual * residual / Double(outputs)
          }
        }
      }
    }
    (self.coefficients, self.means, self.ridge, self.leftOut) = (coefficients, means, ridge, leftOut)
    leaveOneOut = ErrorEstimate(of: errors)
    // y - f = rho alpha.
    loss = ridge * unit * ridge * unit * alpha.reduce(0) { $0 + $1 * $1 } / 2
  }

  private static func means(of targets: Matrix) -> [Float] {
    (0..<targets.columns).map { c in
      Float((0..<targets.rows).reduce(0.0) { $0 + Double(targets[$1, c]) } / Double(targets.rows))
    }
  }

  /// The regression with this ridge, or, when it may be raised, with the first of ten, a hundred, ... times it that is large
  /// enough for the rounding of K.
  ///
  /// Throws a usage error when there is no memory for it, and for a ridge that is too small. Complexity: that of the kernel and of the
  /// regressions on it.
  public init(
    points: DataPoints, targets: Matrix, threshold: Float, ridge: Double, mayRaise: Bool = false,
    workers: Workers
  ) throws(FireTreeError) {
    let kernel = try LimitKernel(points: points, threshold: threshold, workers: workers)
    var raised = ridge
    while raised <= max(ridge, 1) {
      if let found = try KernelRidge(kernel: kernel, targets: targets, ridge: raised) {
        self = found
        return
      }
      guard mayRaise else { break }
      raised *= 10
    }
    throw Self.refusal(of: ridge)
  }

  package static func refusal(of ridge: Double) -> FireTreeError {
    .usage("the ridge \(ridge) is too small: with it the kernel is not positive definite within rounding")
  }
}
