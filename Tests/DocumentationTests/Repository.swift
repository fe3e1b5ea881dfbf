import Foundation

/// The repository on disk, as the tests of its documentation see it.
enum Repository {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  /// Paths of the files with one of these extensions, below the root; build products and hidden files left out.
  static func files(withExtensions extensions: Set<String>) -> [String] {
    let skipped: Set<String> = ["demo"]
    guard
      let walk = FileManager.default.enumerator(
        at: root, includingPropertiesForKeys: nil, options: .skipsHiddenFiles)
    else { return [] }
    var found: [String] = []
    for case let file as URL in walk {
      let path = String(file.path.dropFirst(root.path.count + 1))
      if skipped.contains(path) {
        walk.skipDescendants()
      } else if extensions.contains(file.pathExtension) {
        found.append(path)
      }
    }
    return found.sorted()
  }

  /// The folder of built products, where the running test is too.
  static var products: URL {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
  }
}

/// A Markdown file taken apart as far as these tests need it.
struct Markdown {
  let path: String
  let text: String

  init(_ path: String) throws {
    self.path = path
    text = try Repository.text(path)
  }

  /// Fenced code blocks: what follows the fence, and the lines inside.
  var blocks: [(language: String, code: String)] {
    var found: [(String, String)] = []
    var open: (language: String, lines: [Substring])?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        if let block = open {
          found.append((block.language, block.lines.joined(separator: "\n") + "\n"))
          open = nil
        } else {
          open = (String(line.dropFirst(3)), [])
        }
      } else {
        open?.lines.append(line)
      }
    }
    return found
  }

  /// The lines outside fenced code.
  var prose: [Substring] {
    var isInside = false
    return text.split(separator: "\n", omittingEmptySubsequences: false).filter { line in
      if line.hasPrefix("```") { isInside.toggle() }
      return !isInside && !line.hasPrefix("```")
    }
  }

  /// What a link's `#fragment` may be: one for each heading, as GitHub forms them.
  var anchors: Set<String> {
    var seen: [String: Int] = [:]
    var found: Set<String> = []
    for line in prose where line.hasPrefix("#") {
      let title = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
      let slug = String(title.filter { $0.isLetter || $0.isNumber || " -_".contains($0) }).replacing(
        " ", with: "-")
      let count = seen[slug, default: 0]
      seen[slug] = count + 1
      found.insert(count == 0 ? slug : "\(slug)-\(count)")
    }
    return found
  }

  /// The destinations of all links and images.
  var links: [String] {
    prose.flatMap { line in line.matches(of: /\]\(([^)\s]+)\)/).map { String($0.output.1) } }
  }
}

/// Runs `script` with a shell that stops at the first failing command; returns the exit code and all output.
func run(_ script: String, in folder: URL, path: URL? = nil) throws -> (code: Int32, output: String) {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/sh")
  process.arguments = ["-eu", "-c", script]
  process.currentDirectoryURL = folder
  var environment = ProcessInfo.processInfo.environment
  if let path { environment["PATH"] = path.path + ":" + (environment["PATH"] ?? "/usr/bin:/bin") }
  process.environment = environment
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = pipe
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}

/// Calls `body` with a new folder that shows the repository's `Examples`, and removes it.
func withWorkingFolder(_ body: (URL) throws -> Void) throws {
  let files = FileManager.default
  let folder = files.temporaryDirectory.appendingPathComponent("firetree-documentation-\(UUID().uuidString)")
  try files.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? files.removeItem(at: folder) }
  try files.createSymbolicLink(
    at: folder.appendingPathComponent("Examples"),
    withDestinationURL: Repository.root.appendingPathComponent("Examples"))
  try body(folder)
}
