import CProcess
import FireTree

// The C streams are globals that Swift cannot prove safe; the command uses them from one thread.
@preconcurrency import Glibc

/// Exit codes, in the sense of sysexits.h where there is one.
enum ExitCodes {
  static let failure: Int32 = 1
  static let usage: Int32 = 64
  static let badData: Int32 = 65

  static func code(for kind: FireTreeError.Kind) -> Int32 {
    switch kind {
    case .usage: usage
    case .data: badData
    case .failure: failure
    }
  }
}

/// Ends the process; standard error is unbuffered.
func terminate(_ code: Int32) -> Never { exit(code) }

/// The three streams that every process expects to be open.
enum StandardStreams {
  /// Prepares for writes that fail, and takes the descriptors of streams that the caller has closed, so that no file
  /// that is opened later gets what is meant for a stream. Writing to them still fails.
  static func prepare() {
    // At a limit of the file size a write fails, like one to a full disk, instead of ending the process.
    signal(SIGXFSZ, SIG_IGN)
    // So does one to a pipe that nobody reads, except for results.
    signal(SIGPIPE, SIG_IGN)
    for descriptor in 0...2 where fcntl(Int32(descriptor), F_GETFD) < 0 { _ = open("/dev/null", O_RDONLY) }
  }
}

/// Results. A reader that goes away ends the program quietly, by the signal.
enum StandardOutput {
  static func write(_ text: String) throws(FireTreeError) {
    guard fputs(text, stdout) >= 0 else { throw failure() }
  }

  static func flush() throws(FireTreeError) {
    guard fflush(stdout) == 0 else { throw failure() }
  }

  private static func failure() -> FireTreeError {
    let number = errno
    if number == EPIPE {
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
    return .failure("standard output: cannot write: \(String(cString: strerror(number)))")
  }
}

/// Everything that is not a result: standard error, a line each, `firetree: ...`.
enum Message {
  static func error(_ text: String) { line(text) }
  static func note(_ text: String) { line(text) }

  /// A name that was typed may hold a line end; a message is one line whatever it holds.
  private static func line(_ text: String) {
    let scalars = text.unicodeScalars.map {
      $0.properties.generalCategory == .control ? "\u{FFFD}" : String($0)
    }
    write("firetree: \(scalars.joined())\n")
  }

  static func write(_ text: String) { fputs(text, stderr) }

  static var isTerminal: Bool { isatty(fileno(stderr)) == 1 }
}

/// Whether a signal (SIGINT, SIGTERM or SIGHUP) has asked to stop at the next step. The second signal ends the program.
enum Interrupt {
  static func catchOnce() { firetree_catch_signals() }

  /// The signal that came.
  static var signal: Int32? {
    let number = firetree_caught_signal()
    return number == 0 ? nil : number
  }

  static var isRequested: Bool { signal != nil }

  /// What shells make of a process that a signal ended.
  static var exitCode: Int32 { 128 + (signal ?? SIGINT) }

  /// What came, in words.
  static var name: String {
    switch signal {
    case SIGTERM: "termination"
    case SIGHUP: "hangup"
    default: "interrupt"
    }
  }
}
