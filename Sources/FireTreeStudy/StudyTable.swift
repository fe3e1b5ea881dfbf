import FireTree

/// What a study has measured: named columns and rows of text, as CSV (RFC 4180) keeps them.
public struct StudyTable: Sendable, Equatable {
  public let columns: [String]
  public private(set) var rows: [[String]]

  /// Precondition: every row has a field for every column.
  public init(columns: [String], rows: [[String]] = []) {
    precondition(rows.allSatisfy { $0.count == columns.count }, "a field for every column")
    self.columns = columns
    self.rows = rows
  }

  public mutating func append(_ row: [String]) {
    precondition(row.count == columns.count, "a row of \(row.count) fields, not \(columns.count)")
    rows.append(row)
  }

  /// The records of the table, to be read by column.
  public var records: [Record] { rows.map { Record(columns: columns, fields: $0) } }

  /// One row, read by the name of a column.
  public struct Record: Sendable {
    fileprivate let columns: [String]
    fileprivate let fields: [String]

    /// Precondition: there is such a column.
    public subscript(column: String) -> String {
      guard let index = columns.firstIndex(of: column) else { preconditionFailure("no column \(column)") }
      return fields[index]
    }

    /// The number in a field; not a number when it holds none.
    public func number(_ column: String) -> Double { Double(self[column]) ?? .nan }
    public func whole(_ column: String) -> Int { Int(self[column]) ?? 0 }
  }
}

extension StudyTable {
  /// The text of the CSV file: a header, then the rows, each ended by a line feed.
  public var csv: String {
    ([columns] + rows).map { $0.map(CSVField.quoted).joined(separator: ",") + "\n" }.joined()
  }

  /// Reads what `csv` wrote. `file` is for messages.
  ///
  /// Throws a data error with the row when the header is another or a row has not as many fields. Complexity: one pass.
  public init(parsing text: String, columns: [String], file: String) throws(FireTreeError) {
    let found = Self.fields(of: text)
    guard found.first == columns else {
      throw .data(file: file, row: 1, "the columns are not those of this study: written by another version?")
    }
    for (index, row) in found.enumerated() where row.count != columns.count {
      throw .data(file: file, row: index + 1, expected: "\(columns.count) fields", found: "\(row.count)")
    }
    self.init(columns: columns, rows: Array(found.dropFirst()))
  }

  /// The fields of every line.
  private static func fields(of text: String) -> [[String]] {
    var lines: [[String]] = []
    var (line, field) = ([String](), String.UnicodeScalarView())
    var (isQuoted, hadQuote) = (false, false)
    for scalar in text.unicodeScalars {
      if scalar == "\"" {
        // Two quotes inside quotes are one of the text.
        if !isQuoted && hadQuote { field.append(scalar) }
        isQuoted.toggle()
        hadQuote = !isQuoted
        continue
      }
      hadQuote = false
      if isQuoted || scalar != "," && scalar != "\n" {
        field.append(scalar)
        continue
      }
      line.append(String(field))
      field = String.UnicodeScalarView()
      if scalar == "\n" {
        lines.append(line)
        line = []
      }
    }
    // What follows the last line end was cut off: it is a line too, and too short for one.
    if !field.isEmpty || !line.isEmpty { lines.append(line + [String(field)]) }
    return lines
  }

  /// A Markdown table, the first `left` columns aligned to the left, the others to the right.
  public static func markdown(_ header: [String], _ rows: [[String]], left: Int = 1) -> String {
    let escaped = { (text: String) in
      text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
    let line = { (fields: [String]) in "| " + fields.map(escaped).joined(separator: " | ") + " |\n" }
    let rule = header.indices.map { $0 < left ? "---" : "---:" }
    return line(header) + "|" + rule.joined(separator: "|") + "|\n" + rows.map(line).joined()
  }
}
