import FireTreeCore

/// What is done to the columns of the data before training.
public enum ColumnScaling: String, CaseIterable, Sendable {
  /// Mean 0 and standard deviation 1.
  case standardize
  /// Mean 0.
  case center
  case none
}

/// Choices of preprocessing; what is left nil follows from the kind of data. See `Preprocessing.fit`.
public struct PreprocessingOptions: Sendable, Equatable {
  public var columns: ColumnScaling?
  /// Whether a constant coordinate is appended to every point.
  public var appendsConstant: Bool?
  /// Whether every point is scaled to norm 1.
  public var unitNorm: Bool?

  public init(columns: ColumnScaling? = nil, appendsConstant: Bool? = nil, unitNorm: Bool? = nil) {
    self.columns = columns
    self.appendsConstant = appendsConstant
    self.unitNorm = unitNorm
  }
}

/// The map from raw points to the points that a network sees, learned from the training data.
///
/// In this order: x'_j = (x_j - offset_j) scale_j; the constant coordinate is appended; the point is divided
/// by its norm. With a constant near the usual norm of a point, a point's direction keeps what its magnitude
/// said. Arithmetic is in Double; each result is rounded once.
public struct Preprocessing: Sendable, Equatable {
  /// One a column (d).
  public var offsets: [Float]
  /// One a column (d).
  public var scales: [Float]
  /// The appended coordinate.
  public var constant: Float?
  public var unitNorm: Bool

  /// Precondition: as many scales as offsets.
  public init(offsets: [Float], scales: [Float], constant: Float? = nil, unitNorm: Bool) {
    precondition(offsets.count == scales.count, "\(offsets.count) offsets, \(scales.count) scales")
    self.offsets = offsets
    self.scales = scales
    self.constant = constant
    self.unitNorm = unitNorm
  }

  /// Dimension of raw points, d.
  public var inputDimension: Int { offsets.count }
  /// Dimension of preprocessed points, d or d + 1.
  public var outputDimension: Int { offsets.count + (constant == nil ? 0 : 1) }
  /// Whether zeros stay zeros, so that sparse points stay sparse.
  public var keepsZeros: Bool { offsets.allSatisfy { $0 == 0 } }

  /// The preprocessing of a training set, and one line that says what it does.
  ///
  /// Defaults: tables are standardised, a constant equal to the root mean square norm of the standardised
  /// points is appended, and points get unit norm. Images are centred and get unit norm. Sparse columns are
  /// left as they are, as anything else would fill them; the constant and the unit norm are as for tables. A
  /// constant column is only centred (scale 1). If all points are zero the constant is 1.
  ///
  /// Throws a usage error for centring sparse data, a data error that names the point for one that is not finite, and
  /// the column when a statistic is not finite in 32 bits. Complexity: one pass over the data, O(d) memory.
  public static func fit(
    to dataset: Dataset, options: PreprocessingOptions = .init()
  ) throws(FireTreeError) -> (Preprocessing, note: String) {
    let isSparse = dataset.kind == .sparse
    let scaling = options.columns ?? (isSparse ? .none : dataset.kind == .images ? .center : .standardize)
    if case .sparse = dataset.features.storage, scaling != .none {
      throw .usage("sparse columns cannot be centred or standardised, as that would fill them; use none")
    }
    try (ByteCount(ColumnMoments.bytesPerColumn) * dataset.features.dimension).requireAvailable(
      for: "preprocessing \(dataset.features.dimension) columns")
    let moments = ColumnMoments(of: dataset.features)
    var result = Preprocessing(
      offsets: try Array(allocating: dataset.features.dimension, repeating: 0),
      scales: try Array(allocating: dataset.features.dimension, repeating: 1),
      unitNorm: options.unitNorm ?? true)
    try result.scaleColumns(scaling, moments, dataset)
    if options.appendsConstant ?? (dataset.kind != .images) {
      result.constant = try result.meanNorm(moments, dataset)
    }
    return (result, result.note(scaling, dataset.kind))
  }

  private mutating func scaleColumns(
    _ scaling: ColumnScaling, _ moments: ColumnMoments, _ dataset: Dataset
  ) throws(FireTreeError) {
    guard scaling != .none else { return }
    for column in offsets.indices {
      offsets[column] = Float(moments.mean(column))
      let deviation = moments.variance(column).squareRoot()
      if scaling == .standardize && deviation > 0 { scales[column] = Float(1 / deviation) }
      guard offsets[column].isFinite, scales[column].isFinite, scales[column] > 0 else {
        if let error = Self.notFinite(in: dataset.features) { throw error }
        let name = dataset.schema.names.map { " (\(quoted($0[column])))" } ?? ""
        throw .data(
          file: dataset.source,
          "column \(column + 1)\(name): a standard deviation of \(deviation) cannot be scaled to 1")
      }
    }
  }

  /// The root mean square norm of the points once their columns are scaled, or 1 where it is 0.
  private func meanNorm(_ moments: ColumnMoments, _ dataset: Dataset) throws(FireTreeError) -> Float {
    var sum = 0.0
    for column in offsets.indices {
      let shift = moments.mean(column) - Double(offsets[column])
      let scale = Double(scales[column])
      sum += (moments.variance(column) + shift * shift) * scale * scale
    }
    let norm = Float(sum.squareRoot())
    guard norm.isFinite else {
      if let error = Self.notFinite(in: dataset.features) { throw error }
      throw .data(
        file: dataset.source, "the norm of the points is not a finite 32-bit number; standardise the columns")
    }
    return norm > 0 ? norm : 1
  }

  private func note(_ scaling: ColumnScaling, _ kind: Dataset.Kind) -> String {
    var parts: [String] = []
    switch scaling {
    case .standardize: parts.append("standardised columns")
    case .center: parts.append("centred columns")
    case .none: parts.append("columns as they are")
    }
    if let constant { parts.append("constant coordinate \(constant)") }
    if unitNorm { parts.append("unit norm") }
    return "preprocessing: \(parts.joined(separator: ", ")) (\(kind.rawValue))"
  }
}
