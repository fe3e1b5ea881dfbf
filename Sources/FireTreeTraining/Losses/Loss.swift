import FireTreeCore

/// A loss on the outputs of all data points. Engines see only its gradient.
public protocol Loss: Sendable {
  /// L. Shapes: both n x C.
  func value(outputs: Matrix, targets: Matrix) -> Double

  /// g_i, the gradient of L in f_i (n x C).
  func gradient(outputs: Matrix, targets: Matrix) -> Matrix

  /// An upper bound of the largest eigenvalue of the Hessian of L in all outputs. The automatic learning rate
  /// divides by it.
  var curvature: Double { get }
}

/// L = 1/2 sum_i |f_i - y_i|^2. Summed over all points, not averaged, as in arXiv 2211.14227.
public struct SquaredLoss: Loss {
  public init() {}

  public func value(outputs: Matrix, targets: Matrix) -> Double {
    var sum = 0.0
    forEachRow(outputs, targets) { output, target, columns in
      for c in 0..<columns {
        let difference = Double(output[c]) - Double(target[c])
        sum += difference * difference
      }
    }
    return sum / 2
  }

  public func gradient(outputs: Matrix, targets: Matrix) -> Matrix {
    var gradient = outputs
    gradient.withMutableView { gradient in
      targets.withView { targets in
        for i in 0..<gradient.rows {
          for c in 0..<gradient.columns { gradient[i, c] -= targets[i, c] }
        }
      }
    }
    return gradient
  }

  public var curvature: Double { 1 }

  private func forEachRow(
    _ a: Matrix, _ b: Matrix, _ body: (UnsafePointer<Float>, UnsafePointer<Float>, Int) -> Void
  ) {
    precondition(a.rows == b.rows && a.columns == b.columns, "outputs and targets differ in shape")
    a.withView { a in
      b.withView { b in
        for i in 0..<a.rows { body(a.row(i), b.row(i), a.columns) }
      }
    }
  }
}
