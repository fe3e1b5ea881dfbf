import FireTreeCore

/// What is done to the columns of the data before training.
public enum ColumnScaling: String, CaseIterable, Sendable {
  /// Mean 0 and standard deviation 1.
  case standardize
  /// Mean 0.
  case center
  case none
}

/// Choices of preprocessing; what is left nil follows from the kind of data. See `PreprocessingFit`.
public struct PreprocessingOptions: Sendable, Equatable {
  public var columns: ColumnScaling?
  /// The coordinate that is appended to every point, in units of the root mean square norm of the points once their columns are
  /// scaled; 0 for none.
  public var constant: Float?
  /// Whether every point is scaled to norm 1.
  public var unitNorm: Bool?

  public init(columns: ColumnScaling? = nil, constant: Float? = nil, unitNorm: Bool? = nil) {
    self.columns = columns
    self.constant = constant
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

  /// The preprocessing of a training set, and one line that says what it does: that of `PreprocessingFit`, with the constant of
  /// `options` or the usual one.
  public static func fit(
    to dataset: Dataset, options: PreprocessingOptions = .init()
  ) throws(FireTreeError) -> (Preprocessing, note: String) {
    let fit = try PreprocessingFit(to: dataset, options: options)
    let preprocessing = try fit.preprocessing(constant: options.constant ?? fit.usualConstant)
    return (preprocessing, fit.note(of: preprocessing))
  }
}
