import Foundation
import Testing

/// Terminals and signals.
@Suite struct TerminalTests {
  private static let script = "/usr/bin/script"
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
  }

  @Test func noProgressOffATerminal() throws {
    let result = try Command.succeed(["train", "diabetes.csv", "--neurons", "50"], in: folder)
    #expect(
      !result.error.contains("\r") && !result.error.contains("\u{1B}") && !result.error.contains("iteration ")
    )
    let verify = try Command.succeed(["verify", "diabetes.csv", "--neurons", "50"], in: folder)
    #expect(!verify.error.contains("\r") && !verify.error.contains("\u{1B}"))
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: script), "needs script(1) for a terminal"))
  func progressOnATerminal() throws {
    func run(_ arguments: String) throws -> Command.Result {
      let command = "'\(try Command.executable().path)' \(arguments)"
      return try RunningCommand(
        URL(fileURLWithPath: Self.script), ["-qec", command, "/dev/null"], in: folder
      ).finish()
    }
    let train = try run("train diabetes.csv --neurons 50 --iterations 7")
    #expect(train.code == 0)
    #expect(
      train.output.contains(/iteration 7\/7  loss [0-9.]+  firing [0-9.]+%  step [0-9]+ [mu]s  0 us left/))
    // Phases before and after the steps are shown while they last; the last state stays, on a line of its own.
    let shown = train.output.components(separatedBy: "\r\u{1B}[K")
    for phase in ["reading", "calibration", "rate", "first pass", "writing"] {
      #expect(shown.contains(phase))
    }
    let last = shown.last { $0.hasPrefix("iteration ") } ?? ""
    #expect(
      last.contains(/^iteration 7\/7  loss [0-9.]+  firing [0-9.]+%\R/),
      "\(train.output)")
    let verify = try run("verify diabetes.csv --neurons 50 --iterations 3 --engine data-tree")
    #expect(verify.code == 0 && verify.output.contains("data-tree  iteration 3/3"))
    #expect(
      verify.output.contains("\r\u{1B}[K            engine") && verify.output.contains(" data-tree  verified")
    )
  }

  /// Training that would take hours, as far as its first steps.
  private func startTraining(engine: String = "auto") throws -> RunningCommand {
    let command = try RunningCommand(
      Command.executable(),
      ["train", "diabetes.csv", "--neurons", "40", "--iterations", "100000000", "--engine", engine]
        + ["--no-keep-best"] + ["--out", "m.safetensors", "--log", "log"], in: folder)
    try command.wait(forError: "firetree: training ")
    usleep(100_000)
    return command
  }

  /// Every engine, and each signal in turn.
  @Test(
    arguments: EngineTests.engines,
    [(SIGINT, "interrupt"), (SIGTERM, "termination"), (SIGHUP, "hangup")])
  func aSignalWritesTheModel(engine: String, signal: (number: Int32, name: String)) throws {
    let command = try startTraining(engine: engine)
    kill(command.process.processIdentifier, signal.number)
    let result = try command.finish()
    #expect(
      result.code == 128 + signal.number && result.message == "stopped by \(signal.name); wrote m.safetensors"
    )
    #expect(result.output.hasPrefix("iterations ") && !result.output.hasPrefix("iterations 100000000"))
    #expect(try folder.names == ["diabetes.csv", "log", "m.safetensors"])
    try Command.succeed(["evaluate", "m.safetensors", "diabetes.csv"], in: folder)
    let log = try JSON.states(try folder.text("log"))
    #expect(result.output.hasPrefix("iterations \(log.count - 1) "))
  }

  /// What is ignored at the start, as by nohup, does not stop anything.
  @Test func anIgnoredHangupIsNoStop() throws {
    let shell = try RunningCommand(
      URL(fileURLWithPath: "/bin/sh"),
      [
        "-c",
        "trap '' HUP; exec '\(try Command.executable().path)' train diabetes.csv --iterations 100000000 "
          + "--out m.safetensors",
      ], in: folder)
    try shell.wait(forError: "firetree: training ")
    usleep(100_000)
    kill(shell.process.processIdentifier, SIGHUP)
    kill(shell.process.processIdentifier, SIGTERM)
    #expect(try shell.finish().code == 128 + SIGTERM)
  }

  /// The second signal ends the program, whichever it is: here while the model is written to a pipe that is full.
  @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func theSecondSignalEndsTheProgram(signal: Int32) throws {
    try #require(mkfifo(folder["pipe"].path, 0o600) == 0)
    let reader = open(folder["pipe"].path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    let command = try RunningCommand(
      Command.executable(),
      [
        "train", "diabetes.csv", "--neurons", "5000", "--iterations", "100000000", "--no-keep-best", "--out",
        "pipe",
      ],
      in: folder
    )
    try command.wait(forError: "firetree: training ")
    usleep(100_000)
    kill(command.process.processIdentifier, SIGINT)
    var events = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
    while events.revents & Int16(POLLIN) == 0 {
      try #require(command.process.isRunning)
      usleep(5000)
      poll(&events, 1, 0)
    }
    kill(command.process.processIdentifier, signal)
    let result = try command.finish()
    #expect(result.code == 128 + signal && !result.error.contains("wrote"))
  }

  /// Killed, it leaves the log so far, whole lines of it, and nothing else.
  @Test func aKilledProcessLeavesItsLog() throws {
    let command = try startTraining()
    kill(command.process.processIdentifier, SIGKILL)
    #expect(try command.finish().code == 128 + SIGKILL)
    #expect(try folder.names == ["diabetes.csv", "log"])
    let log = try folder.text("log")
    #expect(try log.hasSuffix("\n") && JSON.lines(log).count > 1)
  }

  /// Each line is there when its step is done.
  @Test func theLogGrows() throws {
    try folder.write("log", "of the run before\n")
    let command = try startTraining()
    var lines: [Int] = []
    while lines.count < 3 {
      let count = try folder.text("log").count { $0 == "\n" }
      if count > lines.last ?? 1 { lines.append(count) }
      try #require(command.process.isRunning)
      usleep(5000)
    }
    #expect(try folder.text("log").hasPrefix("{"))
    kill(command.process.processIdentifier, SIGTERM)
    #expect(try command.finish().code == 128 + SIGTERM)
  }
}
