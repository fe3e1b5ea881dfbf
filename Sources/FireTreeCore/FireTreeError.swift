/// Everything that FireTree refuses or that goes wrong while it runs: one line that names the file, the row and
/// the reason, and a kind from which a program derives its exit code.
///
/// Misuse of the Swift API (a row out of range, shapes that do not match) is a precondition instead.
public struct FireTreeError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Who has to act.
  public enum Kind: Equatable, Sendable {
    /// What was asked for makes no sense, or does not fit this machine: change the request.
    case usage
    /// A file does not hold what it should: change the file.
    case data
    /// The work was well posed and did not succeed: a diverged loss, a mismatch, a disk that is full.
    case failure
  }

  public let kind: Kind
  /// The file's name as the caller gave it, or nil where no file is concerned.
  public let file: String?
  /// The row of the file, counted from 1, or nil.
  public let row: Int?
  /// What is wrong, in one line, without a final full stop.
  public let reason: String

  public init(_ kind: Kind, file: String? = nil, row: Int? = nil, _ reason: String) {
    self.kind = kind
    self.file = file
    self.row = row
    self.reason = reason
  }

  public static func usage(_ reason: String) -> FireTreeError { FireTreeError(.usage, reason) }
  public static func failure(_ reason: String) -> FireTreeError { FireTreeError(.failure, reason) }
  public static func data(file: String, row: Int? = nil, _ reason: String) -> FireTreeError {
    FireTreeError(.data, file: file, row: row, reason)
  }
  public static func data(
    file: String, row: Int? = nil, expected: some CustomStringConvertible, found: some CustomStringConvertible
  ) -> FireTreeError {
    FireTreeError(.data, file: file, row: row, "expected \(expected), found \(found)")
  }

  /// `file: row 12: reason`, the parts that are known.
  public var description: String {
    var parts: [String] = []
    if let file { parts.append(file) }
    if let row { parts.append("row \(row)") }
    parts.append(reason)
    // What is quoted from a file may hold control characters; the message stays one line whatever it holds.
    let line = parts.joined(separator: ": ").unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : String(scalar)
    }
    return line.joined()
  }
}
