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
  /// Throws a usage error for centring sparse data, a data error that names the column when a statistic is
  /// not finite in 32 bits. Complexity: one pass over the data, O(d) memory.
  public static func fit(
    to dataset: Dataset, options: PreprocessingOptions = .init()
  ) throws(FireTreeError) -> (Preprocessing, note: String) {
    let isSparse = dataset.kind == .sparse
    let scaling = options.columns ?? (isSparse ? .none : dataset.kind == .images ? .center : .standardize)
    if case .sparse = dataset.features, scaling != .none {
      throw .usage("sparse columns cannot be centred or standardised, as that would fill them; use none")
    }
    try (ByteCount(ColumnMoments.bytesPerColumn) * dataset.features.dimension).requireAvailable(
      for: "preprocessing \(dataset.features.dimension) columns")
    let moments = ColumnMoments(of: dataset.features)
    var result = Preprocessing(
      offsets: Array(repeating: 0, count: dataset.features.dimension),
      scales: Array(repeating: 1, count: dataset.features.dimension), unitNorm: options.unitNorm ?? true)
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

/// Mean and variance of every column, in Double, from one pass over the rows.
///
/// Sums are of differences to the first row, so that a constant column has variance exactly 0 and a large
/// common offset does no harm.
struct ColumnMoments {
  /// Three sums here; an offset and a scale in what is made of them.
  static let bytesPerColumn = 3 * MemoryLayout<Double>.size + 2 * MemoryLayout<Float>.size

  private var count: Double
  private var origin: [Double]
  private var sums: [Double]
  private var squares: [Double]

  /// Complexity: O(stored elements).
  init(of points: DataPoints) {
    self.init(count: points.count, dimension: points.dimension)
    switch points {
    case .dense(let matrix): matrix.withView { add($0) }
    case .sparse(let rows):
      for position in rows.values.indices {
        let value = Double(rows.values[position])
        let column = Int(rows.columnIndices[position])
        sums[column] += value
        squares[column] += value * value
      }
    }
  }

  /// The moments of one column.
  init(of values: [Float]) {
    self.init(count: values.count, dimension: 1)
    values.withUnsafeBufferPointer { values in
      guard let base = values.baseAddress else { return }
      add(MatrixView(base: base, rows: values.count, columns: 1, stride: 1))
    }
  }

  private init(count: Int, dimension: Int) {
    self.count = Double(count)
    origin = Array(repeating: 0, count: dimension)
    sums = origin
    squares = origin
  }

  private mutating func add(_ view: MatrixView) {
    guard view.rows > 0 else { return }
    for column in 0..<view.columns { origin[column] = Double(view[0, column]) }
    for row in 0..<view.rows {
      let values = view.row(row)
      for column in 0..<view.columns {
        let difference = Double(values[column]) - origin[column]
        sums[column] += difference
        squares[column] += difference * difference
      }
    }
  }

  func mean(_ column: Int) -> Double { count == 0 ? 0 : origin[column] + sums[column] / count }

  /// The variance of the column as a population.
  func variance(_ column: Int) -> Double {
    if count == 0 { return 0 }
    let shift = sums[column] / count
    return max(0, squares[column] / count - shift * shift)
  }
}
