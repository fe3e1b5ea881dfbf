import FireTreeCore

/// The map between targets and the outputs of a network.
public enum TargetEncoding: Sendable, Equatable {
  /// One output a class: 1 for the class of the point, 0 for the others.
  case classification(names: [String])
  /// One output: (value - mean) * scale. The mean is one of 32 bits where that is near enough (`ColumnMoments.origin`).
  case regression(mean: Double, scale: Float)

  /// The encoding of a training target.
  ///
  /// Numbers get mean 0 and standard deviation 1; where all are equal the scale is 1.
  ///
  /// Throws a data error with the number of a point whose target is not finite, or when the standard deviation cannot be scaled to 1 in 32 bits.
  public static func fit(to target: Target) throws(FireTreeError) -> TargetEncoding {
    switch target {
    case .classes(let names, _): return .classification(names: names)
    case .values(let values):
      if let point = values.firstIndex(where: { !$0.isFinite }) {
        throw FireTreeError(
          .data, "data point \(point + 1): the target is \(values[point]), not a finite number")
      }
      let column = ColumnMoments(of: values)
      let deviation = column.variance(0).squareRoot()
      let scale = deviation > 0 ? Float(1 / deviation) : 1
      guard scale.isFinite, scale > 0 else {
        throw FireTreeError(.data, "the target's standard deviation \(deviation) cannot be scaled to 1")
      }
      return .regression(
        mean: column.origin(0) ?? (deviation > 0 ? Double(Float(column.mean(0))) : column.mean(0)),
        scale: scale)
    }
  }

  /// Number of outputs, C.
  public var outputs: Int {
    switch self {
    case .classification(let names): names.count
    case .regression: 1
    }
  }

  /// The task whose targets this encodes.
  public var task: LearningTask {
    switch self {
    case .classification: .classification
    case .regression: .regression
    }
  }

  /// The outputs that a network should give (n x C).
  ///
  /// Throws a usage error when the target belongs to the other task, has a class that the encoding does not
  /// know, or overflows.
  public func encode(_ target: Target) throws(FireTreeError) -> Matrix {
    try ByteCount.matrix(rows: target.count, columns: outputs).requireAvailable(
      for: "a target of \(counted(target.count, "point")) and \(counted(outputs, "output"))")
    var result = try Matrix(allocating: target.count, by: outputs)
    switch (self, target) {
    case (.classification(let names), .classes(_, let indices)):
      for (row, index) in indices.enumerated() {
        guard index >= 0 && Int(index) < names.count else {
          throw .usage(
            "class \(index) of point \(row + 1) is none of the \(counted(names.count, "class", "classes"))")
        }
        result[row, Int(index)] = 1
      }
    case (.regression(let mean, let scale), .values(let values)):
      for (row, value) in values.enumerated() {
        let output = Float((value - mean) * Double(scale))
        guard output.isFinite else {
          throw .usage("the target \(value) of point \(row + 1) is too far from the mean")
        }
        result[row, 0] = output
      }
    default: throw .usage("a \(target.task.rawValue) target cannot be used for \(task.rawValue)")
    }
    return result
  }

  /// What outputs (n x C) mean: the class of the largest output, the first one on a tie, or a number.
  ///
  /// Throws a usage error when there is no memory for it. Precondition: `outputs` has C columns.
  public func decode(_ outputs: Matrix) throws(FireTreeError) -> Target {
    precondition(outputs.columns == self.outputs, "\(outputs.columns) outputs, not \(self.outputs)")
    switch self {
    case .classification(let names):
      var indices = try [Int32](allocating: outputs.rows, repeating: 0)
      outputs.withView { view in for row in indices.indices { indices[row] = Self.largest(view, row) } }
      return .classes(names: names, indices: indices)
    case .regression(let mean, let scale):
      var values = try [Double](allocating: outputs.rows, repeating: 0)
      for row in values.indices {
        let value = Double(outputs[row, 0]) / Double(scale) + mean
        // Digits beyond those of the outputs are none.
        values[row] = Double(Float(mean)) == mean ? Double(Float(value)) : value
      }
      return .values(values)
    }
  }

  private static func largest(_ outputs: MatrixView, _ row: Int) -> Int32 {
    var best = 0
    for column in 0..<outputs.columns where outputs[row, column] > outputs[row, best] { best = column }
    return Int32(best)
  }
}
