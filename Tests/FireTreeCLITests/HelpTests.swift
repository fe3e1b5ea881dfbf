import Testing

@Suite struct HelpTests {
  static let commands = ["train", "predict", "evaluate", "verify", "inspect", "benchmark", "plan", "study"]

  @Test(arguments: commands) func helpOfACommand(name: String) throws {
    let folder = try TemporaryFolder()
    let help = try Command.succeed(["help", name], in: folder)
    #expect(help.error.isEmpty)
    try Snapshot.expect(help.output, equals: "help-\(name)")
    for flag in ["--help", "-h"] {
      #expect(try Command.succeed([name, flag], in: folder).output == help.output)
    }
  }

  @Test func helpAndVersion() throws {
    let folder = try TemporaryFolder()
    let help = try Command.succeed([], in: folder)
    #expect(help.error.isEmpty)
    try Snapshot.expect(help.output, equals: "help")
    for arguments in [["help"], ["--help"], ["-h"]] {
      #expect(try Command.succeed(arguments, in: folder).output == help.output)
    }
    for name in Self.commands { #expect(help.output.contains("\n  \(name) ")) }
    let version = try Command.succeed(["--version"], in: folder).output
    #expect(
      version.wholeMatch(of: /0\.1\.0 \(commit (unknown|[0-9a-f]+(-modified)?)\)\n/) != nil, "\(version)")
  }

  /// Help that was asked for and cannot be printed is a failure like any other.
  @Test(.enabled(if: Devices.hasFull, "needs /dev/full"), arguments: [["--help"], ["--version"], []])
  func helpToAFullDisk(arguments: [String]) throws {
    let result = try Command.run(arguments, in: TemporaryFolder(), stdout: "/dev/full")
    #expect(result.code == 1)
    #expect(result.error == "firetree: standard output: cannot write: No space left on device\n")
  }
}
