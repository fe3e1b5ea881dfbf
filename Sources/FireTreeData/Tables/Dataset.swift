import FireTreeCore

/// Data points with their labels, as read from files: raw, before any preprocessing.
///
///     let digits = try Dataset(contentsOf: "digits.csv", options: DatasetOptions(points: 1000))
///     let (training, heldOut) = try digits.split(at: 800)
///
/// Rows in messages are rows of the file, counted from 1, a header included; columns too count from 1. What a
/// default decided is in `notes`.
public struct Dataset: Sendable {
  /// What the points are, from which preprocessing takes its defaults.
  public enum Kind: String, Sendable {
    case table, images, sparse
  }

  /// Where the data came from: the path that was read.
  public var source: String
  public var kind: Kind
  /// The points as the file has them (n x d), less the origins of the schema.
  public var features: DataPoints
  /// One label a point (n), if there are labels.
  public var target: Target?
  public var schema: FeatureSchema
  /// One line for each choice that a default made, such as `task: classification (10 classes)`.
  public var notes: [String]
  /// One line when something in the file was left out that a model does not know.
  public private(set) var omission: String?

  /// Precondition: `target`, if given, has a label for every point, and `schema` counts the features.
  public init(
    source: String, kind: Kind, features: DataPoints, target: Target?, schema: FeatureSchema? = nil,
    notes: [String] = []
  ) {
    precondition(target.map { $0.count == features.count } ?? true, "a label for every point")
    precondition(schema.map { $0.count == features.dimension } ?? true, "a schema of other features")
    self.source = source
    self.kind = kind
    self.features = features
    self.target = target
    self.schema = schema ?? FeatureSchema(count: features.dimension)
    self.notes = notes
  }

  /// Reads training data, which must have a target.
  ///
  /// Throws a data error that names file, row and reason, or a usage error for options that do not fit.
  /// Complexity: one pass over the file.
  public init(contentsOf path: String, options: DatasetOptions = .init()) throws(FireTreeError) {
    self = try Self.read(ReadRequest(path: path, options: options, purpose: .training))
  }

  /// Reads data for a trained model.
  ///
  /// Features are picked by name where both the file and the schema have names (in any order, further columns
  /// ignored), else by count: d columns are the features, d + 1 the features with the target at its old
  /// position.
  /// - Parameter classes: The classes of the model, to which label indices then refer; nil for a regression.
  /// - Parameter requiresTarget: Whether missing, unknown or malformed labels are errors. Otherwise the
  /// target is
  ///   then left out, with a note.
  ///
  /// Throws as the reader of training data does. Complexity: one pass over the file.
  public init(
    contentsOf path: String, for schema: FeatureSchema, classes: [String]?, options: DatasetOptions = .init(),
    requiresTarget: Bool = false
  ) throws(FireTreeError) {
    self = try Self.read(
      ReadRequest(
        path: path, options: options,
        purpose: .model(schema, classes: classes, requiresTarget: requiresTarget)))
  }

  /// Number of points, n.
  public var count: Int { features.count }

  /// The first `n` points, and the rest.
  ///
  /// Throws a usage error when a copy does not fit the memory. Precondition: `n` is from 0 to the number of points.
  /// Complexity: O(n d).
  public func split(at n: Int) throws(FireTreeError) -> (Dataset, Dataset) {
    precondition(n >= 0 && n <= count, "splitting \(count) points at \(n)")
    try ByteCount(features.memoryBytes + 8 * count).requireAvailable(for: "a copy of '\(source)'")
    return (try part(0..<n), try part(n..<count))
  }

  private func part(_ range: Range<Int>) throws(FireTreeError) -> Dataset {
    Dataset(
      source: source, kind: kind, features: try features[range], target: try target?[range], schema: schema,
      notes: notes)
  }
}

extension Dataset {
  private static func read(_ request: ReadRequest) throws(FireTreeError) -> Dataset {
    try NumberText.withPlainLocale { () throws(FireTreeError) in try readFiles(request) }
  }

  private static func readFiles(_ request: ReadRequest) throws(FireTreeError) -> Dataset {
    let stream = try ByteStream(path: request.path)
    var reading: Reading
    switch request.format {
    case .csv: reading = try CSVReader(request: request, stream: stream).read()
    case .libsvm: reading = try LibSVMReader(request: request, stream: stream).read()
    case .idx: reading = try ArrayReader.read(request, stream, layout: IDXHeader.read(stream))
    case .npy: reading = try ArrayReader.read(request, stream, layout: NPYHeader.read(stream))
    }
    guard reading.features.dimension > 0 else {
      throw .data(file: request.path, "there are no feature columns")
    }
    guard reading.features.count > 0 else { throw .data(file: request.path, "there are no data points") }
    if let labels = request.options.labels {
      reading.target = try LabelsReader.read(labels, for: request, points: reading.features.count)
    }
    return try finish(reading, for: request)
  }

  private static func finish(_ reading: Reading, for request: ReadRequest) throws(FireTreeError) -> Dataset {
    var notes = reading.notes
    var target: Target?
    if let builder = reading.target {
      let (found, note) = try builder.finish()
      target = found
      if let note { notes.append(note) }
    }
    if target == nil && request.requiresTarget { throw request.missingTarget }
    var dataset = Dataset(
      source: request.path, kind: reading.kind, features: reading.features, target: target,
      schema: request.schema ?? reading.schema, notes: notes)
    dataset.omission = reading.omission
    return dataset
  }
}
