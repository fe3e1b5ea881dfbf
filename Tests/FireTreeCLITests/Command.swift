import Foundation
import Testing

/// The built `firetree`, run as a user runs it.
enum Command {
  struct Result {
    var output: String
    var error: String
    /// The exit code, or 128 and the number of the signal that ended the process, as shells count.
    var code: Int32

    var errorLines: [Substring] { error.split(separator: "\n") }
    var outputLines: [Substring] { output.split(separator: "\n") }
    /// What is said last on standard error, without the program's name.
    var message: String { String((errorLines.last ?? "").trimmingPrefix("firetree: ")) }
  }

  /// Runs the command in `folder` and waits for its end.
  ///
  /// - Parameter stdout: A path that standard output is sent to, such as `/dev/full`; else it is in the result.
  static func run(
    _ arguments: [String], in folder: TemporaryFolder, stdin: String? = nil, stdout: String? = nil
  ) throws -> Result {
    try RunningCommand(executable(), arguments, in: folder, stdin: stdin, stdout: stdout).finish()
  }

  /// `run`, and a failed expectation unless the command succeeds.
  @discardableResult
  static func succeed(
    _ arguments: [String], in folder: TemporaryFolder, stdin: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Result {
    let result = try run(arguments, in: folder, stdin: stdin)
    try #require(
      result.code == 0, "firetree \(arguments.joined(separator: " ")): \(result.error)",
      sourceLocation: sourceLocation)
    return result
  }

  /// `firetree` in the folder that the tests were built in.
  static func executable() throws -> URL {
    let root = URL(fileURLWithPath: #filePath).appending(path: "../../..").standardized
    var folders = [
      Bundle.main.bundleURL, URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent(),
    ]
    folders += ["release", "debug"].map { root.appending(path: ".build/\($0)") }
    let candidates = folders.map { $0.appending(path: "firetree") }
    return try #require(
      candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) },
      "the tests' folder has no firetree")
  }
}

/// A process that was started and is not yet waited for.
final class RunningCommand {
  let process = Process()
  private let ended = DispatchSemaphore(value: 0)
  /// Streams go to files, so that no pipe can fill.
  private let streams: TemporaryFolder
  private let timeout: DispatchTime

  init(
    _ executable: URL, _ arguments: [String], in folder: TemporaryFolder, stdin: String? = nil,
    stdout: String? = nil, seconds: Double = 600
  ) throws {
    streams = try TemporaryFolder()
    try streams.write("stdin", stdin ?? "")
    try streams.write("stdout", "")
    try streams.write("stderr", "")
    process.executableURL = executable
    process.arguments = arguments
    process.currentDirectoryURL = folder.url
    var environment = ProcessInfo.processInfo.environment
    // Help is wrapped at this width; numbers are written with a point in every locale, which is part of the test.
    environment["COLUMNS"] = "100"
    process.environment = environment
    let outputURL = stdout.map { URL(fileURLWithPath: $0) } ?? streams["stdout"]
    let handles = try [
      FileHandle(forReadingFrom: streams["stdin"]), FileHandle(forWritingTo: outputURL),
      FileHandle(forWritingTo: streams["stderr"]),
    ]
    // A process keeps its handles open as long as it is kept itself, which is until the tests end.
    defer { for handle in handles { try? handle.close() } }
    (process.standardInput, process.standardOutput) = (handles[0], handles[1])
    process.standardError = handles[2]
    process.terminationHandler = { [ended] _ in ended.signal() }
    timeout = .now() + seconds
    // A child starts with the signal mask of the thread that starts it, and the test runner's threads block most.
    var (none, mask) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &mask)
    defer { pthread_sigmask(SIG_SETMASK, &mask, nil) }
    try process.run()
  }

  /// What has been written to standard error so far.
  var error: String { get throws { try streams.text("stderr") } }

  /// Waits until standard error holds `text`.
  func wait(forError text: String) throws {
    var found = try error
    while !found.contains(text) {
      try #require(process.isRunning && DispatchTime.now() < timeout, "no '\(text)' in: \(found)")
      usleep(5000)
      found = try error
    }
  }

  /// Waits for the end; a process that does not end is killed, and the test fails.
  func finish() throws -> Command.Result {
    if ended.wait(timeout: timeout) == .timedOut {
      kill(process.processIdentifier, SIGKILL)
      ended.wait()
      Issue.record("firetree \(process.arguments?.joined(separator: " ") ?? "") does not end")
    }
    let status = process.terminationStatus
    return Command.Result(
      output: try streams.text("stdout"), error: try error,
      code: process.terminationReason == .uncaughtSignal ? 128 + status : status)
  }
}
