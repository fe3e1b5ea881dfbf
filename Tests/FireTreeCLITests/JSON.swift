import Foundation
import Testing

/// JSON outputs of the command, read by another program.
enum JSON {
  static func object(_ text: some StringProtocol) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  static func lines(_ text: String) throws -> [[String: Any]] {
    try text.split(separator: "\n").map { try object($0) }
  }

  /// The states of a log, without its last line, which says what came after them.
  static func states(_ text: String) throws -> [[String: Any]] {
    let lines = try lines(text)
    #expect(lines.last?["finish"] is [String: Any])
    return Array(lines.dropLast())
  }

  static func number(_ value: Any?) throws -> Double { try #require(value as? NSNumber).doubleValue }
}
