import FireTreeCore

/// The file formats of data sets. Each may come compressed by gzip.
public enum DatasetFormat: String, CaseIterable, Sendable {
  /// Numbers in rows and columns, separated by one character, with or without a header.
  case csv
  /// `label index:value ...` a row, sparse (LIBSVM, SVMlight).
  case libsvm
  /// The format of MNIST: a big-endian array of any rank.
  case idx
  /// A NumPy array.
  case npy

  /// The format that a file's name tells.
  ///
  /// Throws a usage error that lists the formats when the name tells none.
  public init(path: String) throws(FireTreeError) {
    let name = Self.plainName(path)
    if let dot = name.lastIndex(of: "."),
      let format = Self.extensions[String(name[name.index(after: dot)...])]
    {
      self = format
    } else if name.contains("idx") || name.hasSuffix("-ubyte") || name.hasSuffix(".ubyte") {
      self = .idx
    } else {
      let formats = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw FireTreeError(
        .usage, file: path, "the name does not tell the format; give the format option one of: \(formats)")
    }
  }

  private static let extensions: [String: DatasetFormat] = [
    "csv": .csv, "tsv": .csv, "txt": .csv, "svm": .libsvm, "libsvm": .libsvm, "svmlight": .libsvm,
    "npy": .npy,
  ]

  /// The last component of a path, in lower case, without `.gz`.
  static func plainName(_ path: String) -> String {
    let name = path.split(separator: "/").last.map { $0.lowercased() } ?? ""
    return name.hasSuffix(".gz") ? String(name.dropLast(3)) : name
  }
}

/// Which column of a table is the target.
public enum TargetColumn: Sendable, Equatable {
  /// The column of that name in the header. A name that no column has and that is a whole number is an index.
  case name(String)
  /// A position counted from 0, or backwards from the end (-1 is the last column).
  case index(Int)
}

/// What is learned: one of several classes, or a number.
public enum LearningTask: String, CaseIterable, Sendable {
  case classification, regression
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
  /// Read only so many points, from the first; reading stops there.
  public var points: Int?

  public init(
    format: DatasetFormat? = nil, labels: String? = nil, target: TargetColumn? = nil,
    task: LearningTask? = nil,
    header: Bool? = nil, delimiter: Character? = nil, points: Int? = nil
  ) {
    self.format = format
    self.labels = labels
    self.target = target
    self.task = task
    self.header = header
    self.delimiter = delimiter
    self.points = points
  }

  /// Throws a usage error when the options contradict each other or do not fit the format.
  func check(for format: DatasetFormat) throws(FireTreeError) {
    if let points, points < 1 { throw .usage("the number of points must be at least 1, not \(points)") }
    if labels != nil && target != nil { throw .usage("give a labels file or a target column, not both") }
    if format != .csv {
      if header != nil { throw .usage("the header option is for csv files, not for \(format.rawValue)") }
      if delimiter != nil {
        throw .usage("the delimiter option is for csv files, not for \(format.rawValue)")
      }
    }
    switch format {
    case .csv:
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
