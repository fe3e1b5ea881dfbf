import FireTree
import Foundation

/// The program gnuplot, when this machine has it.
enum Gnuplot {
  /// Where it is, in the folders of PATH.
  static var executable: URL? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map {
      URL(fileURLWithPath: String($0)).appendingPathComponent("gnuplot")
    }
    .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  /// What the script writes to standard output. Throws a failure when gnuplot ends with an error.
  static func draw(_ script: String, with executable: URL) throws -> String {
    let files = FileManager.default
    let file = files.temporaryDirectory.appendingPathComponent("firetree-\(UUID().uuidString).gnuplot")
    try Data(script.utf8).write(to: file)
    defer { try? files.removeItem(at: file) }
    let process = Process(), output = Pipe()
    process.executableURL = executable
    // Without what the user may have set for every plot.
    process.arguments = ["-d", file.path]
    process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw FireTreeError.failure("gnuplot cannot be run")
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationReason == .exit, process.terminationStatus == 0, text.contains("</svg>") else {
      throw FireTreeError.failure("gnuplot ended with code \(process.terminationStatus) and without a figure")
    }
    return text
  }
}
