extension TrainingProblem {
  /// The form in which `kind` holds the hidden weights, and one line that says so when it is not the usual one.
  ///
  /// A form that the configuration names is taken. `automatic` is decided here alone: weights are seeded where the engine is as
  /// fast without storing them and a model file of a seed, with what training is expected to add and the points, is smaller
  /// (`ProblemShape.weightsFileSize`);
  /// else stored, unless the engine does not fit the memory that the machine has available with stored weights, or
  /// these (with their velocity) are more than half of that memory. The two forms agree
  /// within rounding, not in every bit.
  ///
  /// Throws a usage error for seeded weights with an engine that does not support them or with too many points.
  /// Complexity: O(1).
  public func weights(
    for kind: EngineKind
  ) throws(FireTreeError) -> (form: HiddenWeights.Form, note: String?) {
    switch configuration.weights {
    case .value(.stored): return (.stored, nil)
    case .value(.seeded):
      if let problem = Self.seededProblem(of: kind, points: points.count) { throw .usage(problem) }
      return (.seeded, "weights: seeded")
    case .automatic: return automaticWeights(for: kind, available: availableMemory)
    }
  }

  /// The sizes that `kind` plans with. Throws as `weights(for:)` does.
  public func shape(for kind: EngineKind) throws(FireTreeError) -> ProblemShape {
    var shape = shape
    shape.isSeeded = try weights(for: kind).form == .seeded
    return shape
  }

  /// The automatic choice on a machine with `available` memory.
  package func automaticWeights(
    for kind: EngineKind, available: ByteCount
  ) -> (form: HiddenWeights.Form, note: String?) {
    guard Self.seededProblem(of: kind, points: points.count) == nil else { return (.stored, nil) }
    let stored = shape.weightsMemory
    var seeded = shape
    seeded.isSeeded = true
    let (small, whole) = (seeded.weightsFileSize, shape.weightsFileSize)
    if small < whole, kind.type.prefersSeededWeights {
      return (.seeded, "weights: seeded (about \(small) with what training adds; stored ones take \(whole))")
    }
    guard stored * 2 > available || kind.type.memory(for: shape).most > available else {
      return (.stored, nil)
    }
    return (
      .seeded, "weights: seeded (stored ones would take \(stored), this machine has \(available) available)"
    )
  }

  private static func seededProblem(of kind: EngineKind, points: Int) -> String? {
    guard kind.type.supportsSeededWeights else {
      let others = EngineKind.allCases.filter { $0.type.supportsSeededWeights }.map(\.rawValue)
      return
        "the engine \(kind.rawValue) does not train seeded weights; use \(others.joined(separator: " or "))"
    }
    return points > PointCombinations.maximumPoints
      ? "seeded weights take at most \(PointCombinations.maximumPoints) points, not \(points)" : nil
  }
}
