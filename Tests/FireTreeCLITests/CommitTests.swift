import Foundation
import Testing

/// What `make` builds into the command about its sources.
@Suite struct CommitTests {
  private static let program = "/usr/bin/git"
  private static let hasGit: Bool = FileManager.default.isExecutableFile(atPath: program)
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func git(_ arguments: String...) throws -> String {
    let identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    let program = URL(fileURLWithPath: Self.program)
    let result = try RunningCommand(program, identity + arguments, in: folder).finish()
    try #require(result.code == 0, "git \(arguments): \(result.error)")
    return result.output
  }

  private func commit() throws -> String {
    let script = URL(fileURLWithPath: #filePath).appending(path: "../../../Scripts/commit.sh").standardized
    return try RunningCommand(script, [folder.url.path], in: folder).finish().output
  }

  @Test(.enabled(if: hasGit, "needs git")) func theCommitOfTheSources() throws {
    // An archive of sources lies in no work tree.
    #expect(try commit() == "unknown\n")
    _ = try git("init", "--quiet")
    #expect(try commit() == "unknown\n")
    try folder.makeFolder("Sources")
    try folder.write("Sources/a", "1")
    _ = try git("add", "--all")
    _ = try git("commit", "--quiet", "--message", "first")
    let first = try git("rev-parse", "--short", "HEAD")
    #expect(try commit() == first)
    // Only what is built counts.
    try folder.write("notes", "")
    #expect(try commit() == first)
    try folder.write("Sources/a", "2")
    #expect(try commit() == first.dropLast() + "-modified\n")
    _ = try git("commit", "--quiet", "--all", "--message", "second")
    #expect(try commit() == git("rev-parse", "--short", "HEAD") && commit() != first)
  }
}
