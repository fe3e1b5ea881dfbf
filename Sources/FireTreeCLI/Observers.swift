import FireTree
import Foundation

/// One line on a terminal that is rewritten after every step; elsewhere a line a minute. Also ends training on a signal.
final class ProgressLine: TrainingObserver {
  private let iterations: Int
  private let isTerminal = Message.isTerminal
  private let clock = ContinuousClock()
  /// When steps began, after set-up or after training went back, and at which iteration.
  private var begun: (time: ContinuousClock.Instant, iteration: Int)?
  /// When the next line is due off a terminal.
  private var due: ContinuousClock.Instant
  private var last: TrainingRecord?

  init(iterations: Int) {
    self.iterations = iterations
    due = clock.now + .seconds(60)
  }

  /// Shows a phase on a terminal while `body` runs, whatever comes of it.
  func during<Result>(_ phase: String, _ body: () throws -> Result) rethrows -> Result {
    begin(phase)
    defer { clear() }
    return try body()
  }

  /// Shows a phase before or after the steps on a terminal.
  func begin(_ phase: String) { if isTerminal { Message.write("\r\u{1B}[K\(phase)") } }

  /// Takes a phase off the terminal.
  func clear() { if isTerminal { Message.write("\r\u{1B}[K") } }

  /// Leaves the last state on a terminal as a line of its own.
  func finish() {
    if isTerminal, let last { Message.write("\r\u{1B}[K\(state(last))\n") }
  }

  func observe(_ record: TrainingRecord, session: TrainingSession) {
    if begun == nil || record.iteration < last?.iteration ?? 0 { begun = (clock.now, record.iteration) }
    last = record
    guard isTerminal || clock.now >= due else { return }
    var line = state(record)
    if let seconds = record.seconds, let begun, record.iteration > 0 {
      let taken = max(record.iteration - begun.iteration, 1)
      let left = (clock.now - begun.time).seconds / Double(taken) * Double(iterations - record.iteration)
      line += "  step \(Format.seconds(seconds))  \(Format.seconds(left)) left"
    }
    if isTerminal { return Message.write("\r\u{1B}[K\(line)") }
    Message.note(line)
    due = clock.now + .seconds(60)
  }

  private func state(_ record: TrainingRecord) -> String {
    "iteration \(record.iteration)/\(iterations)  loss \(Format.significant(record.loss))  "
      + "firing \(Format.percent(record.firingShare))"
  }

  var wantsStop: Bool { Interrupt.isRequested }
}

enum JSONLines {
  static var encoder: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return encoder
  }

  static func line(_ value: some Encodable) throws -> String {
    String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }
}

/// Numbers for people.
enum Format {
  static func significant(_ value: Double) -> String { String(format: "%.6g", value) }
  /// `reading 0.1 s, rate 20 ms`.
  static func phases(_ times: PhaseTimes) -> String {
    times.seconds.map { "\($0.phase) \(seconds($0.seconds))" }.joined(separator: ", ")
  }

  /// `0.9123`.
  static func fraction(_ value: Double) -> String { String(format: "%.4f", value) }
  static func percent(_ share: Double) -> String { String(format: "%.2f%%", share * 100) }

  static func seconds(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.001: String(format: "%.0f us", seconds * 1e6)
    case ..<1: String(format: "%.0f ms", seconds * 1e3)
    case ..<120: String(format: "%.1f s", seconds)
    default: String(format: "%.0f min", seconds / 60)
    }
  }

  /// Columns of text, right-aligned, two blanks apart.
  static func table(_ rows: [[String]]) -> String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { String(repeating: " ", count: widths[$0] - $1.count) + $1 }.joined(
        separator: "  ") + "\n"
    }.joined()
  }
}
