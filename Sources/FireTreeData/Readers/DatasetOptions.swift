import FireTreeCore

/// Which column of a table is the target.
public enum TargetColumn: Sendable, Equatable {
  /// The column of that name in the header. A name that no column has and that is a whole number is an index.
  case name(String)
  /// A position counted from 0, or backwards from the end (-1 is the last column).
  case index(Int)
}

/// How to read a data set. Everything left nil is found out from the file, and noted in `Dataset.notes`.
public struct DatasetOptions: Sendable {
  public var format: DatasetFormat?
  /// A file of its own that holds the labels: a 1-D IDX or NPY array, or a CSV file of one column.
  public var labels: String?
  public var target: TargetColumn?
  public var task: LearningTask?
  /// Whether the first row of a CSV file names the columns.
  public var header: Bool?
  /// What separates the fields of a CSV file: one ASCII character.
  public var delimiter: Character?
  /// What stands before the decimals of a number in a CSV file: a point, or a comma.
  public var decimal: Character
  /// Whether the columns of a LIBSVM file count from 0.
  public var zeroBased: Bool
  /// Read only so many points, after those skipped; reading stops there.
  public var points: Int?
  /// Leave out so many points at the start; only that their rows are as long as the others is looked at.
  public var skip: Int
  /// The memory that the data may take while they are read; by default what the machine has available.
  public var memory: ByteCount?

  public init(
    format: DatasetFormat? = nil, labels: String? = nil, target: TargetColumn? = nil,
    task: LearningTask? = nil,
    header: Bool? = nil, delimiter: Character? = nil, points: Int? = nil,
    skip: Int = 0, decimal: Character = ".", zeroBased: Bool = false, memory: ByteCount? = nil
  ) {
    self.format = format
    self.labels = labels
    self.target = target
    self.task = task
    self.header = header
    self.delimiter = delimiter
    self.points = points
    self.skip = skip
    self.decimal = decimal
    self.zeroBased = zeroBased
    self.memory = memory
  }

  /// Throws a usage error when the options contradict each other or do not fit the format.
  func check(for format: DatasetFormat) throws(FireTreeError) {
    if let points, points < 1 { throw .usage("the number of points must be at least 1, not \(points)") }
    if skip < 0 { throw .usage("the rows to skip must be at least 0, not \(skip)") }
    if labels != nil && target != nil { throw .usage("give a labels file or a target column, not both") }
    if format != .csv {
      if header != nil { throw .usage("the header option is for csv files, not for \(format.rawValue)") }
      if decimal != "." { throw .usage("the decimal option is for csv files, not for \(format.rawValue)") }
      if delimiter != nil {
        throw .usage("the delimiter option is for csv files, not for \(format.rawValue)")
      }
    }
    if zeroBased && format != .libsvm {
      throw .usage("the zero-based option is for libsvm files, not for \(format.rawValue)")
    }
    switch format {
    case .csv:
      guard decimal == "." || decimal == "," else {
        throw .usage("the decimal sign must be a point or a comma, not \(quoted(String(decimal)))")
      }
      if decimal == delimiter { throw .usage("the decimal sign and the delimiter must differ") }
      if let delimiter, delimiter.asciiValue == nil || "\"\r\n".contains(delimiter) {
        throw .usage("the delimiter must be one ASCII character, not a quote or a line end")
      }
    case .libsvm:
      if labels != nil { throw .usage("libsvm files hold their labels: the labels option does not apply") }
      if target != nil { throw .usage("libsvm files hold their labels: the target option does not apply") }
    case .idx:
      if target != nil { throw .usage("idx files have no target column; give a labels file") }
    case .npy:
      if case .name(let name) = target, Int(name) == nil {
        throw .usage("npy arrays have no column names; give the target as an index, not \(quoted(name))")
      }
    }
  }
}
