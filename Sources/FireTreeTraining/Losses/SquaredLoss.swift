import FireTreeCore

/// L = 1/2 sum_i omega_i |f_i - y_i|^2. Summed over all points, not averaged, as in arXiv 2211.14227.
public struct SquaredLoss: Loss {
  public static let name = "squared"

  public init() {}

  public var link: OutputLink { .identity }

  public func value(outputs: Matrix, truth: Supervision) -> Double {
    precondition(
      outputs.rows == truth.targets.rows && outputs.columns == truth.targets.columns,
      "outputs and targets differ in shape")
    return Matrix.withViews(outputs, truth.targets) { outputs, targets in
      (0..<outputs.rows).reduce(0.0) { sum, i in
        var square = 0.0
        for c in 0..<outputs.columns {
          let difference = Double(outputs[i, c]) - Double(targets[i, c])
          square += difference * difference
        }
        return sum + Double(truth.weight(i)) * square
      } / 2
    }
  }

  public func gradient(outputs: Matrix, truth: Supervision) -> Matrix {
    var gradient = outputs
    gradient.withMutableView { gradient in
      truth.targets.withView { targets in
        for i in 0..<gradient.rows {
          let weight = truth.weight(i)
          for c in 0..<gradient.columns { gradient[i, c] = weight * (gradient[i, c] - targets[i, c]) }
        }
      }
    }
    return gradient
  }

  public func curvature(truth: Supervision) -> Double { Double(truth.weights?.max() ?? 1) }
}
