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
