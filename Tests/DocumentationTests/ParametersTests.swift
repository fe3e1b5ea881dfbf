import FireTree
import Foundation
import Testing

/// `Documentation/Parameters.md` and the command's own help name the same options.
@Suite struct ParametersTests {
  static let commands = ["train", "predict", "evaluate", "verify", "inspect", "benchmark", "plan", "study"]

  /// Option names in the help of a command, each with its default if the help states one.
  private func help(of command: String) throws -> [String: String?] {
    let result = try run(
      "firetree \(command) --help", in: FileManager.default.temporaryDirectory, path: Repository.products)
    try #require(result.code == 0, "\(result.output)")
    var found: [String: String?] = [:]
    var names: [String] = []
    var entry = ""
    func close() {
      let text = entry.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      let value = text.firstMatch(of: /default: ([^);]+)\)/).map { String($0.output.1) }
      for name in names { found[name] = .some(value) }
    }
    for line in result.output.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("  -") {
        close()
        let head = String(line.prefix { $0 != "<" }).components(separatedBy: "   ")[0]
        names = head.matches(of: /--[a-z][a-z-]*/).map { String($0.output) }
        entry = ""
      }
      entry += " " + line
    }
    close()
    return found
  }

  /// The entries of the page: `- **`--name value`** ...`, up to the next entry, by option name.
  private func entries() throws -> [String: String] {
    var found: [String: String] = [:]
    for part in try Repository.text("Documentation/Parameters.md").components(separatedBy: "\n- **")
      .dropFirst()
    {
      let head = part.components(separatedBy: "**")[0]
      for name in head.matches(of: /--[a-z][a-z-]*/) { found[String(name.output)] = part }
    }
    return found
  }

  @Test func everyOptionHasAnEntryWithItsDefault() throws {
    let entries = try entries()
    var known: Set<String> = []
    for command in Self.commands {
      for (name, value) in try help(of: command) {
        known.insert(name)
        let entry = entries[name]
        #expect(entry != nil, "\(command) \(name) has no entry")
        if let value, let entry {
          #expect(entry.contains("`\(value)`"), "\(command) \(name) defaults to \(value)")
        }
      }
    }
    for name in entries.keys { #expect(known.contains(name), "no command has \(name)") }
    // Options that are named in passing exist too, on every page but those of programs with options of their own.
    for page in LinkTests.pages where !page.hasPrefix("Benchmarks/") {
      for match in try Repository.text(page).matches(of: /`(--[a-z][a-z-]*)/) {
        #expect(known.contains(String(match.output.1)), "\(page): \(match.output.1)")
      }
    }
  }

  @Test func everyFieldOfTheConfigurationIsNamed() throws {
    let text = try Repository.text("Documentation/Parameters.md")
    let configuration = Mirror(reflecting: TrainingConfiguration()).children.compactMap(\.label)
    let preprocessing = Mirror(reflecting: PreprocessingOptions()).children.compactMap(\.label)
    let options = Mirror(reflecting: DatasetOptions()).children.compactMap(\.label)
    #expect(configuration.count == 21 && preprocessing.count == 3 && options.count == 11)
    for field in configuration { #expect(text.contains("`TrainingConfiguration.\(field)`"), "\(field)") }
    for field in preprocessing { #expect(text.contains("`PreprocessingOptions.\(field)`"), "\(field)") }
    for field in options { #expect(text.contains("`DatasetOptions.\(field)`"), "\(field)") }
  }
}
