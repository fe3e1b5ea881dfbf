import Foundation
import Testing

/// Texts of the command that are kept in `Snapshots/`. After a change that is meant:
///
///     FIRETREE_RENEW_SNAPSHOTS=1 swift test --filter FireTreeCLITests
///
/// writes them anew; the difference belongs into the same commit.
enum Snapshot {
  static func expect(
    _ text: String, equals name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
      path: "Snapshots/\(name).txt")
    if ProcessInfo.processInfo.environment["FIRETREE_RENEW_SNAPSHOTS"] == "1" {
      try Data(text.utf8).write(to: file)
      return
    }
    let kept = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    let difference = text.split(separator: "\n").difference(from: kept.split(separator: "\n"))
    let changes = difference.map { change in
      switch change {
      case .remove(_, let line, _): "- \(line)"
      case .insert(_, let line, _): "+ \(line)"
      }
    }
    #expect(
      text == kept, "\(name) differs:\n\(changes.joined(separator: "\n"))", sourceLocation: sourceLocation)
  }

  /// Runs commands that must fail, and writes down what each says, a line with its exit code a command.
  ///
  /// Each must end with `code`, print nothing on standard output, say why in the last line of standard error, and
  /// leave the folder as it is.
  static func transcript(
    of commands: [[String]], code: Int32, in folder: TemporaryFolder,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let names = try folder.names
    return try commands.map { arguments in
      let result = try Command.run(arguments, in: folder)
      let command: Comment = "firetree \(arguments.joined(separator: " "))\n\(result.error)"
      #expect(result.code == code, command, sourceLocation: sourceLocation)
      #expect(result.output.isEmpty, command, sourceLocation: sourceLocation)
      #expect(
        result.errorLines.allSatisfy { $0.hasPrefix("firetree: ") }, command, sourceLocation: sourceLocation)
      #expect(
        result.error.hasSuffix("\n") && !result.message.isEmpty, command, sourceLocation: sourceLocation)
      #expect(try folder.names == names, command, sourceLocation: sourceLocation)
      let words = arguments.map { $0.isEmpty || $0.contains(" ") ? "'\($0)'" : $0 }
      return "$ firetree \(words.joined(separator: " "))\n\(code) \(withoutSizes(result.message))\n"
    }.joined(separator: "\n")
  }

  /// How much memory there is depends on the machine, how much an engine needs on its tuning.
  private static func withoutSizes(_ message: String) -> String {
    message.replacing(/[0-9.]+ GB \([0-9]+ bytes\)/, with: "N GB (N bytes)")
  }
}
