import Foundation
import Testing

/// Work that was well posed and did not succeed: one line, exit code 1, nothing half-written.
@Suite struct FailureTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
    try folder.makeFolder("folder")
  }

  private func trainModel() throws {
    try Command.succeed(
      ["train", "diabetes.csv", "--neurons", "10", "--iterations", "2", "--out", "m.safetensors"], in: folder)
  }

  @Test func outputsThatCannotBeWritten() throws {
    try trainModel()
    let long = String(repeating: "n", count: 300)
    let paths = ["missing/out", "diabetes.csv/out", "folder", "", long, "/dev/full", "/proc/no/out"]
    var commands = paths.map { ["train", "diabetes.csv", "--neurons", "10", "--out", $0] }
    commands += paths.filter { $0 != "/dev/full" }.map {
      ["train", "diabetes.csv", "--neurons", "10", "--out", "new", "--log", $0]
    }
    commands += paths.map { ["predict", "m.safetensors", "diabetes.csv", "--out", $0] }
    let transcript = try Snapshot.transcript(of: commands, code: 1, in: folder)
    try Snapshot.expect(transcript.replacing(long, with: "(300 letters)"), equals: "failure-outputs")
  }

  /// Refused before the training, not after it.
  @Test(arguments: ["", "folder", "missing/out", String(repeating: "n", count: 300)])
  func anOutputIsTriedFirst(path: String) throws {
    for option in ["--out", "--log"] {
      let result = try Command.run(["train", "diabetes.csv", option, path], in: folder)
      #expect(result.code == 1 && result.errorLines.count == 1)
    }
  }

  @Test(.enabled(if: Devices.hasFull, "needs /dev/full"))
  func standardOutputOnAFullDisk() throws {
    try trainModel()
    let small = ["diabetes.csv", "--neurons", "10"]
    for arguments in [
      ["predict", "m.safetensors", "diabetes.csv"],
      ["evaluate", "m.safetensors", "diabetes.csv"], ["evaluate", "m.safetensors", "diabetes.csv", "--json"],
      ["inspect", "m.safetensors"], ["inspect", "diabetes.csv"], ["train"] + small + ["--iterations", "1"],
      ["verify"] + small + ["--iterations", "1"], ["benchmark"] + small + ["--steps", "1"],
      ["benchmark"] + small + ["--steps", "1", "--json"],
    ] {
      let result = try Command.run(arguments, in: folder, stdout: "/dev/full")
      #expect(result.code == 1, "\(arguments)")
      #expect(result.message == "standard output: cannot write: No space left on device", "\(arguments)")
    }
  }

  /// A reader that goes away ends the program quietly, as `head` expects.
  @Test func aClosedPipe() throws {
    try trainModel()
    let executable = try Command.executable().path
    let shell = try RunningCommand(
      URL(fileURLWithPath: "/bin/sh"),
      ["-c", "'\(executable)' predict m.safetensors diabetes.csv | head -n 2"], in: folder)
    let result = try shell.finish()
    #expect(result.code == 0 && result.outputLines.count == 2 && !result.error.contains("cannot write"))
  }

  /// A disk that fills up while the model is written.
  @Test func aLimitOfTheFileSize() throws {
    let executable = try Command.executable().path
    let shell = try RunningCommand(
      URL(fileURLWithPath: "/bin/sh"),
      ["-c", "ulimit -f 40; exec '\(executable)' train diabetes.csv --iterations 1 --neurons 20000"],
      in: folder)
    let result = try shell.finish()
    #expect(result.code == 1 && result.message == "model.safetensors: cannot write: File too large")
    #expect(try folder.names == ["diabetes.csv", "folder"])
  }

  /// A log on a full disk, or one that nobody reads, is said once and costs no model.
  @Test(arguments: [
    ("--log /dev/full", "/dev/full: cannot write: No space left on device"),
    ("--log /dev/fd/3 3>&1 >&2 | :", "/dev/fd/3: cannot write: Broken pipe"),
  ]) func aLogThatCannotBeWritten(redirection: String, reason: String) throws {
    let train = "'\(try Command.executable().path)' train diabetes.csv --neurons 10 --iterations 300 --out m"
    let shell = try RunningCommand(
      URL(fileURLWithPath: "/bin/bash"), ["-c", "set -o pipefail; \(train) \(redirection)"], in: folder)
    let result = try shell.finish()
    #expect(result.code == 1)
    let said = result.errorLines.filter { $0.contains("cannot write") }
    #expect(said == ["firetree: \(reason); training goes on without the log"], "\(result.error)")
    #expect(result.errorLines.contains("firetree: stopped by iterations; wrote m"))
    try Command.succeed(["evaluate", "m", "diabetes.csv"], in: folder)
  }

  /// A run that fails before its first step leaves the log of another.
  @Test func anOldLogStays() throws {
    try folder.write("log", "old\n")
    let result = try Command.run(["train", "missing.csv", "--log", "log"], in: folder)
    #expect(try result.code == 65 && folder.text("log") == "old\n")
  }

  /// Nothing that is meant for a closed stream lands in a file.
  @Test func closedStreams() throws {
    let executable = try Command.executable().path
    func run(_ redirections: String) throws -> Command.Result {
      try RunningCommand(
        URL(fileURLWithPath: "/bin/sh"),
        [
          "-c",
          "exec '\(executable)' train diabetes.csv --neurons 10 --iterations 2 --out m --log log \(redirections)",
        ], in: folder
      ).finish()
    }
    #expect(try run("2>&-").code == 0)
    let log = try folder.text("log")
    #expect(log.split(separator: "\n").count == 4 && !log.contains("firetree"))
    let result = try run("<&- >&-")
    #expect(result.code == 1 && result.message == "standard output: cannot write: Bad file descriptor")
    try Command.succeed(["evaluate", "m", "diabetes.csv"], in: folder)
  }

  @Test(arguments: EngineTests.engines) func divergenceNamesTheLearningRate(engine: String) throws {
    // The second rate takes the weights beyond the largest float in a step.
    for (rate, name) in [("1e5", "100000.0"), ("1e38", "1e+38")] {
      let result = try Command.run(
        ["train", "diabetes.csv", "--learning-rate", rate, "--neurons", "30", "--engine", engine]
          + ["--log", "log"], in: folder)
      #expect(result.code == 1 && result.output.isEmpty)
      #expect(result.message.hasPrefix("training diverged at iteration "))
      #expect(result.message.hasSuffix("the learning rate \(name) is too large"))
      // The log keeps the steps that led there; there is no model.
      #expect(try folder.names == ["diabetes.csv", "folder", "log"])
      #expect(try folder.text("log").hasPrefix(#"{"firing_pairs":"#))
    }
  }

  @Test func divergenceOfComparisons() throws {
    for command in ["verify", "benchmark"] {
      let result = try Command.run(
        [command, "diabetes.csv", "--learning-rate", "1e30", "--neurons", "100"], in: folder)
      #expect(
        result.code == 1 && result.message.hasSuffix("the learning rate 1e+30 is too large"), "\(command)")
    }
  }

  /// What a failed run was to replace stays.
  @Test func anOldModelStays() throws {
    try trainModel()
    let old = try folder.bytes("m.safetensors")
    let result = try Command.run(
      ["train", "diabetes.csv", "--learning-rate", "1e9", "--out", "m.safetensors"], in: folder)
    #expect(try result.code == 1 && folder.bytes("m.safetensors") == old)
  }
}
