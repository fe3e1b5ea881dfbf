import CProcess
import FireTree
import Foundation

/// What a measurement needs to be said with: when, by what and on what it was made.
enum Provenance {
  static let version = TrainingRun.libraryVersion

  /// The commit that the program was built from by `make`; with `-modified` when the sources were not those of it.
  static var commit: String { String(cString: firetree_commit()) }

  static var entries: [(name: String, value: String)] {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withFullDate]
    return [
      ("date", formatter.string(from: Date())), ("version", version), ("commit", commit),
      ("machine", machine), ("library", LinearAlgebra.description),
    ]
  }

  /// Processors and memory.
  private static var machine: String {
    let information = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
    let line = information?.split(separator: "\n").first { $0.hasPrefix("model name") }
    let model = line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    let process = ProcessInfo.processInfo
    let memory = Int((Double(process.physicalMemory) / 1e9).rounded())
    return "\(process.activeProcessorCount) processors (\(model ?? "unknown")), \(memory) GB"
  }
}
