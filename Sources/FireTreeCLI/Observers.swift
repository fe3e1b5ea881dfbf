import FireTree
import Foundation

/// One line on a terminal that is rewritten after every step; nothing elsewhere. Also ends training on an interrupt.
final class ProgressLine: TrainingObserver {
  private let iterations: Int
  private let isShown = Message.isTerminal
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  init(iterations: Int) {
    self.iterations = iterations
    start = clock.now
  }

  /// Takes the line away, so that the next message starts on an empty one.
  func clear() { if isShown { Message.write("\r\u{1B}[K") } }

  func observe(_ record: TrainingRecord, session: TrainingSession) {
    guard isShown else { return }
    var line = "iteration \(record.iteration)/\(iterations)  loss \(Format.significant(record.loss))  "
    line += "firing \(Format.percent(record.firingShare))"
    if let seconds = record.seconds, record.iteration > 0 {
      let left =
        (clock.now - start).seconds / Double(record.iteration) * Double(iterations - record.iteration)
      line += "  step \(Format.seconds(seconds))  \(Format.seconds(left)) left"
    }
    Message.write("\r\u{1B}[K\(line)")
  }

  var wantsStop: Bool { Interrupt.isRequested }
}

/// One JSON object a step, for machines.
final class StepLog: TrainingObserver {
  private struct Line: Encodable {
    var iteration: Int
    var loss: Double
    var firing_share: Double
    var seconds: Double?
    var firing_pairs: Int?
    var neurons_moved: Int?
    var phases: [String: Double]?
    var counters: [String: Int]?
  }

  private let file: AtomicFile
  private let encoder = JSONLines.encoder

  init(path: String) throws { file = try AtomicFile(path: path) }

  func observe(_ record: TrainingRecord, session: TrainingSession) throws {
    let line = Line(
      iteration: record.iteration, loss: record.loss, firing_share: record.firingShare,
      seconds: record.seconds,
      firing_pairs: record.step?.firingPairs, neurons_moved: record.step?.neuronsMoved,
      phases: (record.step?.phases.seconds).map {
        Dictionary(uniqueKeysWithValues: $0.map { ($0.phase, $0.seconds) })
      },
      counters: record.step?.counts.byName)
    try file.write(JSONLines.line(line))
  }

  func commit() throws { try file.commit() }
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
