import FireTreeCore

/// What a reader is asked for: a file, how to read it, and for what.
struct ReadRequest {
  enum Purpose {
    case training
    case model(FeatureSchema, classes: [String]?, requiresTarget: Bool)
  }

  var path: String
  var format: DatasetFormat
  var options: DatasetOptions
  var purpose: Purpose

  /// Throws a usage error when the format is not told or the options do not fit it.
  init(path: String, options: DatasetOptions, purpose: Purpose) throws(FireTreeError) {
    self.path = path
    if let given = options.format { format = given } else { format = try DatasetFormat(path: path) }
    try options.check(for: format)
    self.options = options
    self.purpose = purpose
  }

  /// The points to read at most.
  var limit: Int { options.points ?? Int.max }

  /// Throws a data error when no point is left of the `rows` of the file.
  func requirePoints(_ points: Int, ofRows rows: Int) throws(FireTreeError) {
    guard points == 0 else { return }
    let reason =
      rows == 0 ? "there are no rows" : "no rows are left: \(counted(rows, "row")), \(options.skip) skipped"
    throw .data(file: path, reason)
  }

  /// Whether the target is expected in the file itself.
  var hasLabelsFile: Bool { options.labels != nil }

  /// The model's features, or nil for training.
  var schema: FeatureSchema? {
    if case .model(let schema, _, _) = purpose { return schema }
    return nil
  }

  var requiresTarget: Bool {
    if case .model(_, _, let required) = purpose { return required }
    return true
  }

  /// The error of a file without labels where they are required.
  var missingTarget: FireTreeError {
    let way = format == .idx ? "give a labels file" : "give a labels file or a target column"
    return .data(file: path, "there is no target: \(way)")
  }

  func targetBuilder(path: String, place: String) -> TargetBuilder {
    let policy: TargetBuilder.Policy
    switch purpose {
    case .training: policy = .training(options.task)
    case .model(_, let classes?, let required): policy = .classes(classes, required: required)
    case .model(_, nil, let required): policy = .values(required: required)
    }
    return TargetBuilder(path: path, place: place, policy: policy)
  }
}

/// What a reader found in one file.
struct Reading {
  var kind: Dataset.Kind
  var features: DataPoints
  /// The labels that the file itself holds.
  var target: TargetBuilder?
  var schema: FeatureSchema
  var notes: [String] = []
  /// One line for what is in the file and was left out.
  var omission: String?
}
