import FireTreeCore

/// What computes the outputs of a model from preprocessed points.
public enum Predictor: Sendable, Equatable {
  /// Hidden weights, one neuron a row (m x d'), stored or seeded, and output weights of one neuron a row (m x C).
  case network(weights: HiddenWeights, outputWeights: Matrix)
  /// The network of infinite width.
  case limitKernel(LimitCoefficients)

  /// The kernel of infinite width by the points that it was fitted to:
  ///
  ///     f(x) = mean + sum_i alpha_i K(x_i, x)
  public struct LimitCoefficients: Sendable, Equatable {
    /// x_i, preprocessed (n x d').
    public var points: DataPoints
    /// alpha_i, one point a row (n x C).
    public var coefficients: Matrix
    /// One an output (C).
    public var means: [Float]

    public init(points: DataPoints, coefficients: Matrix, means: [Float]) {
      (self.points, self.coefficients, self.means) = (points, coefficients, means)
    }
  }
}

extension Model {
  /// Hidden weights, one neuron a row (m x d'), stored or seeded. Precondition: the model is a network.
  public var weights: HiddenWeights {
    get { network.0 }
    set { predictor = .network(weights: newValue, outputWeights: network.1) }
  }

  /// Output weights of one neuron a row (m x C). Precondition: the model is a network.
  public var outputWeights: Matrix {
    get { network.1 }
    set { predictor = .network(weights: network.0, outputWeights: newValue) }
  }

  private var network: (HiddenWeights, Matrix) {
    guard case .network(let weights, let outputWeights) = predictor else {
      preconditionFailure("a limit kernel has no neurons")
    }
    return (weights, outputWeights)
  }
}

// MARK: - What cannot be

extension Predictor {
  /// Which shape does not fit the others or the model, in one line, or nil.
  func shapeProblem(inputs d: Int, outputs: Int) -> String? {
    switch self {
    case .network(let weights, let outputWeights):
      let m = weights.rows
      if m < 1 { return "the model has no neurons" }
      if weights.columns != d {
        return weights.form == .seeded
          ? "the seeded weights' points have \(weights.columns) columns, not \(d)"
          : "tensor 'hidden.weight' has the shape \(m) x \(weights.columns), not \(m) x \(d)"
      }
      return Self.problem(of: outputWeights, named: "output.weight", rows: m, columns: outputs)
    case .limitKernel(let limit):
      let n = limit.points.count
      if n < 1 { return "the model has no points" }
      if limit.points.dimension != d {
        return "the model's points have \(limit.points.dimension) columns, not \(d)"
      }
      if limit.means.count != outputs {
        return "tensor 'limit.mean' has the shape \(limit.means.count), not \(outputs)"
      }
      return Self.problem(of: limit.coefficients, named: "limit.coefficient", rows: n, columns: outputs)
    }
  }

  private static func problem(of matrix: Matrix, named name: String, rows: Int, columns: Int) -> String? {
    guard matrix.rows != rows || matrix.columns != columns else { return nil }
    return "tensor '\(name)' has the shape \(matrix.rows) x \(matrix.columns), not \(rows) x \(columns)"
  }

  /// What is not a finite number, in one line, or nil.
  var finiteProblem: String? {
    switch self {
    case .network(let weights, let outputWeights):
      switch weights {
      case .stored(let matrix):
        if !Self.isFinite(matrix) { return "tensor 'hidden.weight' has elements that are not finite" }
      case .seeded(let weights):
        if !weights.isFinite { return "the seeded weights have elements that are not finite" }
      }
      return Self.isFinite(outputWeights) ? nil : "tensor 'output.weight' has elements that are not finite"
    case .limitKernel(let limit):
      if !Self.isFinite(limit.points) { return "tensor 'points.values' has elements that are not finite" }
      if !limit.points.norms().allSatisfy({ ($0 * $0).isFinite }) {
        return "tensor 'points.values' has elements whose squares are not finite"
      }
      if !Self.isFinite(limit.coefficients) {
        return "tensor 'limit.coefficient' has elements that are not finite"
      }
      return limit.means.allSatisfy(\.isFinite) ? nil : "tensor 'limit.mean' has elements that are not finite"
    }
  }

  private static func isFinite(_ points: DataPoints) -> Bool {
    switch points.storage {
    case .dense(let matrix): isFinite(matrix)
    case .sparse(let rows): rows.values.allSatisfy(\.isFinite)
    }
  }

  private static func isFinite(_ matrix: Matrix) -> Bool {
    matrix.withView { view in
      (0..<view.rows).allSatisfy { row in
        // Infinities and NaNs are the largest bit patterns; an integer maximum vectorises, a test would not.
        let values = view.row(row)
        var largest: UInt32 = 0
        for column in 0..<view.columns { largest = max(largest, values[column].bitPattern & 0x7FFF_FFFF) }
        return largest < 0x7F80_0000
      }
    }
  }
}
