import FireTreeCore

/// What the points of a data set are labelled with.
public enum Target: Sendable, Equatable {
  /// Class `names[indices[i]]` for point i.
  case classes(names: [String], indices: [Int32])
  /// A number for each point.
  case values([Double])

  /// Number of points.
  public var count: Int {
    switch self {
    case .classes(_, let indices): indices.count
    case .values(let values): values.count
    }
  }

  /// The targets of the points in `range`; the class names stay whole.
  ///
  /// Throws a usage error when there is no memory for them.
  public subscript(range: Range<Int>) -> Target {
    get throws(FireTreeError) {
      switch self {
      case .classes(let names, let indices):
        .classes(names: names, indices: try Array(copying: indices[range]))
      case .values(let values): .values(try Array(copying: values[range]))
      }
    }
  }

  /// The targets of the points of these numbers, in this order; the class names stay whole.
  ///
  /// Throws a usage error when there is no memory for them. Complexity: O(`points.count`).
  public func chosen(_ points: [Int]) throws(FireTreeError) -> Target {
    switch self {
    case .classes(let names, let indices):
      try Memory.ask(for: points.count, of: Int32.self)
      return .classes(names: names, indices: points.map { indices[$0] })
    case .values(let values):
      try Memory.ask(for: points.count, of: Double.self)
      return .values(points.map { values[$0] })
    }
  }

  /// The task that such a target belongs to.
  public var task: LearningTask {
    switch self {
    case .classes: .classification
    case .values: .regression
    }
  }
}

/// What is learned: one of several classes, or a number.
public enum LearningTask: String, CaseIterable, Sendable {
  case classification, regression
}
