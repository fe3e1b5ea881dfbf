/// How predictions compare with the truth.
public enum Evaluation: Sendable, Equatable {
  /// `confusion[truth][prediction]` counts points, by class in the order of `names`.
  case classification(names: [String], confusion: [[Int]])
  /// Coefficient of determination and root mean square error. R2 is 1 when all errors are 0, and 0 when the truth is
  /// constant and some error is not.
  case regression(r2: Double, rmse: Double)

  /// Precondition: both of one task, with the same number of points and the same class names.
  public init(predictions: Target, truth: Target) {
    precondition(predictions.count == truth.count, "a prediction for every point")
    switch (predictions, truth) {
    case (.classes(let names, let found), .classes(let others, let expected)):
      precondition(names == others, "predictions and truth differ in classes")
      var confusion = [[Int]](repeating: .fixed(names.count, repeating: 0), count: names.count)
      for (found, expected) in zip(found, expected) { confusion[Int(expected)][Int(found)] += 1 }
      self = .classification(names: names, confusion: confusion)
    case (.values(let found), .values(let expected)):
      self = Self.regression(found, expected)
    default: preconditionFailure("predictions and truth belong to different tasks")
    }
  }

  private static func regression(_ found: [Double], _ expected: [Double]) -> Evaluation {
    let count = Double(max(expected.count, 1))
    let mean = expected.reduce(0, +) / count
    let residual = zip(found, expected).reduce(0) { $0 + square($1.0 - $1.1) }
    let total = expected.reduce(0) { $0 + square($1 - mean) }
    return .regression(
      r2: residual == 0 ? 1 : total == 0 ? 0 : 1 - residual / total, rmse: (residual / count).squareRoot())
  }

  private static func square(_ x: Double) -> Double { x * x }

  /// Share of points whose class was predicted; nil for a regression.
  public var accuracy: Double? {
    guard case .classification(_, let confusion) = self else { return nil }
    let total = confusion.joined().reduce(0, +)
    return Double(confusion.indices.reduce(0) { $0 + confusion[$1][$1] }) / Double(max(total, 1))
  }
}
