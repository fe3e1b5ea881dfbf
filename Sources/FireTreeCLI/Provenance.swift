import FireTree
import Foundation

/// What a measurement needs to be said with: when, by what and on what it was made.
enum Provenance {
  static func entries(version: String) -> [(name: String, value: String)] {
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withFullDate]
    return [
      ("date", formatter.string(from: Date())), ("version", version), ("commit", commit ?? "unknown"),
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

  /// The commit that the program was built from, when it lies in a git work tree; with `-modified` when the sources are
  /// not those of the commit.
  private static var commit: String? {
    let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .path
    guard let commit = git(["-C", folder, "rev-parse", "--short", "HEAD"]), !commit.isEmpty else {
      return nil
    }
    let changes = git(["-C", folder, "status", "--porcelain", "--", ":/Sources", ":/Package.swift"])
    return changes == "" ? commit : commit + "-modified"
  }

  /// What git prints; nil when it fails or is not there.
  private static func git(_ arguments: [String]) -> String? {
    let process = Process(), output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git"] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return process.terminationStatus == 0 ? text.trimmingCharacters(in: .whitespacesAndNewlines) : nil
  }
}
