import FireTreeCore

/// A mean of squared errors over points, and how far chance takes it.
public struct ErrorEstimate: Sendable, Equatable {
  public var mean: Double
  /// The standard deviation of a point's error over the root of their number; 0 for fewer than two points.
  public var standardError: Double

  public init(mean: Double, standardError: Double) {
    (self.mean, self.standardError) = (mean, standardError)
  }

  /// Of one error a point; 0 without points. Complexity: O(n).
  public init(of errors: [Double]) {
    let n = Double(errors.count)
    let mean = errors.reduce(0, +) / max(n, 1)
    let squares = errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(mean: mean, standardError: n > 1 ? (squares / (n - 1) / n).squareRoot() : 0)
  }
}

/// How regressions are judged: at points that they have not seen.
public enum Validation: Sendable, Equatable {
  /// Each point by the regression on all others, in closed form (`KernelRidge.leftOut`).
  case leaveOneOut
  /// Some points by the regression on others, both as rows of the kernel.
  case holdOut(training: [Int], heldOut: [Int])
}

/// The errors of ridge regressions on one limit kernel along a grid of penalties: its regularisation path.
///
/// A penalty costs a Cholesky factor and the diagonal of the inverse, in double precision. An eigendecomposition serves all penalties,
/// and costs as much as eight: for 2,000 points 0.66 s by LAPACK's `dsyevd` against 0.08 s on one core of Zen 4 (1.1 s against
/// 0.11 s with kernels for AVX2), for twice the memory.
public struct RidgePath: Sendable, Equatable {
  public struct Element: Sendable, Equatable {
    /// rho, in units of the mean diagonal.
    public var ridge: Double
    public var error: ErrorEstimate

    public init(ridge: Double, error: ErrorEstimate) { (self.ridge, self.error) = (ridge, error) }
  }

  /// Ascending. Penalties with which the kernel is not positive definite within rounding are not among them.
  public private(set) var elements: [Element] = []

  /// All penalties that there are. Below is the rounding of the kernel (`JointFiring`), above nothing is learned from some
  /// thousands of points.
  public static let decades: [Double] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1e3, 1e4]
  /// Those that are always tried, 1e-4 to 10.
  static let first = 2..<8
  /// What a decade beyond has to gain, in standard errors. Where a regression interpolates, errors hardly fall for ever.
  static let leastGain = 0.01

  /// The path of regressions of `targets` (n x C): over 1e-4 to 10 by decades, and on while the last one is the best and the next
  /// one gains something, to the end of `decades`; or, when `ridge` is given, over that one alone.
  ///
  /// Throws a usage error when there is no memory for it. Precondition: a target for every point, at least one.
  /// Complexity: that of `KernelRidge` for each element.
  public init(
    of kernel: LimitKernel, targets: Matrix, validation: Validation = .leaveOneOut, ridge: Double? = nil
  ) throws(FireTreeError) {
    let judge = try Judge(kernel, targets, validation)
    if let ridge {
      if let error = try judge.error(ridge: ridge) { elements = [Element(ridge: ridge, error: error)] }
      return
    }
    for index in Self.first {
      let ridge = Self.decades[index]
      if let error = try judge.error(ridge: ridge) { elements.append(Element(ridge: ridge, error: error)) }
    }
    for index in (0..<Self.first.lowerBound).reversed() {
      guard try extend(to: index, from: index + 1, judge) else { break }
    }
    for index in Self.first.upperBound..<Self.decades.count {
      guard try extend(to: index, from: index - 1, judge) else { break }
    }
  }

  /// Adds a decade next to the last one when that is the best and what it gains counts; false otherwise.
  private mutating func extend(to index: Int, from last: Int, _ judge: Judge) throws(FireTreeError) -> Bool {
    guard let best, best.ridge == Self.decades[last],
      let error = try judge.error(ridge: Self.decades[index]),
      best.error.mean - error.mean > Self.leastGain * best.error.standardError
    else { return false }
    elements.insert(
      Element(ridge: Self.decades[index], error: error), at: index < last ? 0 : elements.count)
    return true
  }

  /// That of the smallest error, the largest ridge among equals.
  public var best: Element? { elements.reversed().min { $0.error.mean < $1.error.mean } }

  /// Bytes that a path takes at most beyond its kernel: a regression, and the parts of the kernel that hold-out needs.
  public static func requiredMemory(points: Int, outputs: Int, workers: Workers) -> ByteCount {
    KernelRidge.requiredMemory(points: points, outputs: outputs, workers: workers)
      + .matrix(rows: points, columns: points)
  }
}

/// What judges one regression after the other.
private struct Judge {
  /// That of the points of a regression, and their targets.
  let kernel: LimitKernel
  let targets: Matrix
  /// K between points held out and those, and the targets of the points held out; nil when each is left out in turn.
  let heldOut: (kernel: Matrix, targets: Matrix)?

  init(_ kernel: LimitKernel, _ targets: Matrix, _ validation: Validation) throws(FireTreeError) {
    switch validation {
    case .leaveOneOut: (self.kernel, self.targets, heldOut) = (kernel, targets, nil)
    case .holdOut(let training, let others):
      self.kernel = LimitKernel(
        matrix: try kernel.matrix.chosen(rows: training, columns: training), workers: kernel.workers)
      self.targets = try targets.chosen(training)
      heldOut = (try kernel.matrix.chosen(rows: others, columns: training), try targets.chosen(others))
    }
  }

  /// Nil where the kernel is not positive definite within rounding.
  func error(ridge: Double) throws(FireTreeError) -> ErrorEstimate? {
    guard let regression = try KernelRidge(kernel: kernel, targets: targets, ridge: ridge) else { return nil }
    guard let heldOut else { return regression.leaveOneOut }
    var outputs = try Matrix(allocating: heldOut.targets.rows, by: targets.columns)
    Matrix.withViews(heldOut.kernel, regression.coefficients) { kernel, coefficients in
      outputs.withMutableView { LinearAlgebra.multiply(kernel, coefficients, into: $0) }
    }
    var errors = try [Double](allocating: outputs.rows, repeating: 0)
    for i in errors.indices {
      for c in 0..<outputs.columns {
        let residual = Double(heldOut.targets[i, c]) - Double(outputs[i, c]) - Double(regression.means[c])
        errors[i] += residual * residual / Double(outputs.columns)
      }
    }
    return ErrorEstimate(of: errors)
  }
}

extension Matrix {
  /// The elements in these rows and columns, in this order. Throws a usage error when there is no memory for them.
  fileprivate func chosen(rows: [Int], columns: [Int]) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: rows.count, by: columns.count)
    withView { matrix in
      result.withMutableView { result in
        for (slot, row) in rows.enumerated() {
          let (source, target) = (matrix.row(row), result.row(slot))
          for (place, column) in columns.enumerated() { target[place] = source[column] }
        }
      }
    }
    return result
  }
}
