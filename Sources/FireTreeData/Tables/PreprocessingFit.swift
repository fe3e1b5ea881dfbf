import FireTreeCore

/// What preprocessing learns from a training set, before the size of the constant coordinate is chosen.
///
/// Defaults: tables are standardised, a constant equal to the root mean square norm of the standardised points is appended, and
/// points get unit norm. Images are centred and get unit norm. Sparse columns are left as they are, as anything else would fill
/// them; the constant and the unit norm are as for tables. A constant column is only centred (scale 1).
public struct PreprocessingFit: Sendable {
  /// The preprocessing without a constant coordinate.
  private var columns: Preprocessing
  /// The root mean square norm of the points once their columns are scaled, not finite where it overflows; 1 if all are zero.
  private var norm: Float
  private let scaling: ColumnScaling
  private let dataset: Dataset

  /// Throws a usage error for centring sparse data, a data error that names the point for one that is not finite, and
  /// the column when a statistic is not finite in 32 bits. Complexity: one pass over the data, O(d) memory.
  public init(to dataset: Dataset, options: PreprocessingOptions = .init()) throws(FireTreeError) {
    let isSparse = dataset.kind == .sparse
    scaling = options.columns ?? (isSparse ? .none : dataset.kind == .images ? .center : .standardize)
    if case .sparse = dataset.features.storage, scaling != .none {
      throw .usage("sparse columns cannot be centred or standardised, as that would fill them; use none")
    }
    try (ByteCount(ColumnMoments.bytesPerColumn) * dataset.features.dimension).requireAvailable(
      for: "preprocessing \(dataset.features.dimension) columns")
    let moments = ColumnMoments(of: dataset.features)
    self.dataset = dataset
    columns = Preprocessing(
      offsets: try Array(allocating: dataset.features.dimension, repeating: 0),
      scales: try Array(allocating: dataset.features.dimension, repeating: 1),
      unitNorm: options.unitNorm ?? true)
    norm = 1
    try scaleColumns(moments)
    norm = meanNorm(moments)
  }

  private mutating func scaleColumns(_ moments: ColumnMoments) throws(FireTreeError) {
    guard scaling != .none else { return }
    for column in columns.offsets.indices {
      columns.offsets[column] = Float(moments.mean(column))
      let deviation = moments.variance(column).squareRoot()
      if scaling == .standardize && deviation > 0 { columns.scales[column] = Float(1 / deviation) }
      guard columns.offsets[column].isFinite, columns.scales[column].isFinite, columns.scales[column] > 0
      else {
        if let error = Preprocessing.notFinite(in: dataset.features) { throw error }
        let name = dataset.schema.names.map { " (\(quoted($0[column])))" } ?? ""
        throw .data(
          file: dataset.source,
          "column \(column + 1)\(name): a standard deviation of \(deviation) cannot be scaled to 1")
      }
    }
  }

  private func meanNorm(_ moments: ColumnMoments) -> Float {
    var sum = 0.0
    for column in columns.offsets.indices {
      let shift = moments.mean(column) - Double(columns.offsets[column])
      let scale = Double(columns.scales[column])
      sum += (moments.variance(column) + shift * shift) * scale * scale
    }
    let norm = Float(sum.squareRoot())
    return norm == 0 ? 1 : norm
  }

  /// The size of the constant coordinate where none is chosen, in units of the root mean square norm; 0 for images.
  public var usualConstant: Float { dataset.kind == .images ? 0 : 1 }

  /// The preprocessing whose constant coordinate is `constant` times the root mean square norm of the points (1 if all are zero);
  /// without one for 0.
  ///
  /// Throws a usage error for a constant that is negative or not finite in 32 bits, a data error when the norm is not. Complexity:
  /// O(d).
  public func preprocessing(constant: Float) throws(FireTreeError) -> Preprocessing {
    guard constant >= 0 && constant.isFinite else {
      throw .usage("the constant must be a finite number of at least 0, not \(constant)")
    }
    guard constant > 0 else { return columns }
    guard norm.isFinite else {
      if let error = Preprocessing.notFinite(in: dataset.features) { throw error }
      throw .data(
        file: dataset.source, "the norm of the points is not a finite 32-bit number; standardise the columns")
    }
    var result = columns
    let coordinate = Float(Double(constant) * Double(norm))
    guard coordinate.isFinite else {
      throw .usage("the constant \(constant) times the norm of the points, \(norm), is beyond 32-bit numbers")
    }
    result.constant = coordinate
    return result
  }

  /// The root mean square norm of points after `preprocessing`, a result of this fit: 1 with the unit norm.
  public func rootMeanSquareNorm(after preprocessing: Preprocessing) -> Double {
    guard !preprocessing.unitNorm else { return 1 }
    let (norm, constant) = (Double(norm), Double(preprocessing.constant ?? 0))
    return (norm * norm + constant * constant).squareRoot()
  }

  /// One line that says what `preprocessing`, a result of this fit, does.
  public func note(of preprocessing: Preprocessing) -> String {
    var parts: [String] = []
    switch scaling {
    case .standardize: parts.append("standardised columns")
    case .center: parts.append("centred columns")
    case .none: parts.append("columns as they are")
    }
    if let constant = preprocessing.constant { parts.append("constant coordinate \(constant)") }
    if preprocessing.unitNorm { parts.append("unit norm") }
    return "preprocessing: \(parts.joined(separator: ", ")) (\(dataset.kind.rawValue))"
  }
}
