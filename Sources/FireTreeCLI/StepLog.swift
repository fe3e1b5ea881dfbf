import FireTree
import Foundation

/// One JSON object a step, for machines: a line is in the file as soon as its step is done.
///
/// A log that cannot be written is said once, when it happens, and costs no model: training goes on without it.
final class StepLog: TrainingObserver {
  /// Every number is of the state after `iteration` steps, or says what the last of them did.
  private struct Line: Encodable {
    var iteration: Int
    var loss: Double
    var firing_share: Double
    var firing_pairs: Int
    // What the step did; at iteration 0 the phases of the set-up alone.
    var seconds: Double?
    var neurons_moved: Int?
    var phases: [String: Double]?
    var counters: [String: Int]?
  }

  /// What comes after the steps.
  private struct End: Encodable {
    var finish: [String: Double]
  }

  /// What came before the first step.
  var setUp: PhaseTimes?
  /// Whether lines are missing.
  private(set) var hasFailed = false
  private let path: String
  private var descriptor: Int32?
  private let encoder = JSONLines.encoder

  /// Throws a failure when the file cannot be written. What is there stays until the first line.
  init(path: String) throws {
    self.path = path
    var status = stat()
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFDIR {
      guard access(path, W_OK) == 0 else { throw failure }
    } else {
      try AtomicFile.requireWritable(path)
    }
  }

  deinit { if let descriptor { close(descriptor) } }

  func observe(_ record: TrainingRecord, session: TrainingSession) throws {
    guard !hasFailed else { return }
    let line = Line(
      iteration: record.iteration, loss: record.loss, firing_share: record.firingShare,
      firing_pairs: record.firingPairs, seconds: record.seconds, neurons_moved: record.step?.neuronsMoved,
      phases: (record.step?.phases ?? setUp).map(Self.byName), counters: record.step?.counts.byName)
    appendOrSay(line)
  }

  /// Writes the last line, with the seconds of what came after the steps.
  func finish(_ phases: PhaseTimes) { if !hasFailed { appendOrSay(End(finish: Self.byName(phases))) } }

  private static func byName(_ phases: PhaseTimes) -> [String: Double] {
    Dictionary(uniqueKeysWithValues: phases.seconds.map { ($0.phase, $0.seconds) })
  }

  private func appendOrSay(_ line: some Encodable) {
    do {
      try append(JSONLines.line(line))
    } catch {
      hasFailed = true
      Message.error("\(error); training goes on without the log")
    }
  }

  private func append(_ line: String) throws {
    let descriptor = descriptor ?? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure }
    self.descriptor = descriptor
    var rest = Array(line.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard written >= 0 || errno == EINTR else { throw failure }
      rest = rest.dropFirst(max(written, 0))
    }
  }

  private var failure: FireTreeError {
    FireTreeError(.failure, file: path, "cannot write: \(String(cString: strerror(errno)))")
  }
}
