import FireTreeCore

/// Some of the data points of a training.
public enum PointSelection: Sendable, Equatable {
  case all
  /// These, ascending and distinct.
  case chosen([Int])

  /// How many there are among `points`.
  public func count(of points: Int) -> Int {
    switch self {
    case .all: points
    case .chosen(let chosen): chosen.count
    }
  }

  /// The rows of these points. Shapes: `matrix` n x C, the result as many rows as are selected.
  func rows(of matrix: Matrix) -> Matrix {
    guard case .chosen(let chosen) = self else { return matrix }
    var result = Matrix(rows: chosen.count, columns: matrix.columns)
    result.withMutableView { result in
      matrix.withView { matrix in
        for (slot, point) in chosen.enumerated() {
          result.row(slot).update(from: matrix.row(point), count: matrix.columns)
        }
      }
    }
    return result
  }
}

/// What an engine is given for a step.
public struct StepInput: Sendable {
  /// The gradient of the loss at the outputs of `points`, one row a selected point.
  public var gradient: Matrix
  /// The points that the gradient belongs to; that of the others is 0.
  public var points: PointSelection
  public var rule: UpdateRule

  public init(gradient: Matrix, points: PointSelection = .all, rule: UpdateRule) {
    self.gradient = gradient
    self.points = points
    self.rule = rule
  }

  /// The gradient at the outputs of all `count` points (n x C).
  ///
  /// Throws a usage error when there is no memory for them. Precondition: a row for every selected point; those ascend and lie below `count`.
  func gradient(ofPoints count: Int) throws(FireTreeError) -> Matrix {
    precondition(
      gradient.rows == points.count(of: count),
      "a gradient of \(gradient.rows) rows for \(points.count(of: count)) points")
    guard case .chosen(let chosen) = points else { return gradient }
    precondition(
      chosen.allSatisfy { $0 >= 0 && $0 < count } && zip(chosen, chosen.dropFirst()).allSatisfy(<),
      "selected points ascend and lie below \(count)")
    var result = try Matrix(allocating: count, by: gradient.columns)
    result.withMutableView { result in
      gradient.withView { gradient in
        for (slot, point) in chosen.enumerated() {
          result.row(point).update(from: gradient.row(slot), count: gradient.columns)
        }
      }
    }
    return result
  }
}
