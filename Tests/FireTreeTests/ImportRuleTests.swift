import Foundation
import Testing

/// The rules of the architecture, read off the sources themselves.
@Suite struct ImportRuleTests {
  private static func sources() throws -> [SourceRules.File] {
    let root = URL(fileURLWithPath: #filePath).appending(path: "../../../Sources").standardized
    let paths = try FileManager.default.subpathsOfDirectory(atPath: root.path).filter {
      $0.hasSuffix(".swift")
    }
    return try paths.sorted().map { path in
      let parts = path.split(separator: "/", maxSplits: 1)
      let text = String(decoding: try Data(contentsOf: root.appending(path: path)), as: UTF8.self)
      return SourceRules.File(target: String(parts[0]), name: String(parts[1]), text: text)
    }
  }

  @Test func theSourcesKeepTheRules() throws {
    let files = try Self.sources()
    // Every target is there to be read.
    #expect(Set(files.map(\.target)) == Set(SourceRules.allowed.keys))
    #expect(files.contains { SourceRules.imports(of: $0.text).contains("FireTreeCore") })
    #expect(SourceRules.breaches(in: files) == [])
  }

  /// Each rule is broken once.
  @Test(
    arguments: [
      ("FireTreeCore", "import CorrelationTrees", "imports CorrelationTrees"),
      ("FireTreeCore", "import CZlib", "imports CZlib"),
      ("CorrelationTrees", "internal import FireTreeTraining", "imports FireTreeTraining"),
      ("CorrelationTrees", "import COpenBLAS", "imports COpenBLAS"),
      ("FireTreeData", "import struct FireTreeTraining.Network", "imports FireTreeTraining"),
      ("FireTreeData", "@_exported import CorrelationTrees", "imports CorrelationTrees"),
      ("FireTreeTraining", "import FireTreeData", "imports FireTreeData"),
      ("FireTree", "import FireTreeCLI", "imports FireTreeCLI"),
      ("FireTree", "import FireTreeStudy", "imports FireTreeStudy"),
      ("FireTreeStudy", "import COpenBLAS", "imports COpenBLAS"),
      ("FireTreeCLI", "@preconcurrency import FireTreeCore", "imports FireTreeCore"),
      ("FireTreeData", "  import Foundation", "imports Foundation"),
      ("FireTreeCore", "import FoundationEssentials", "imports FoundationEssentials"),
      ("FireTree", "import ArgumentParser", "imports ArgumentParser"),
      ("FireTree", "func f() { print(1) }", "uses print"),
      ("FireTreeData", "let x = getenv(\"HOME\")", "uses getenv"),
      ("FireTreeCore", "fputs(text, stderr)", "uses fputs"),
      ("FireTreeCore", "Glibc.exit(1)", "uses exit"),
      ("CorrelationTrees", "guard x else { exit(1) }", "uses exit"),
      ("FireTreeTraining", "let file = fopen(path, \"r\")", "uses fopen"),
      ("FireTreeTraining", "let file = open(path, O_RDONLY)", "uses open"),
      (
        "FireTree", "let engine = try GramEngine(state, points: x, expecting: rule, team: team)",
        "makes an engine"
      ),
      ("FireTreeStudy", "kind.type.init(state, points: x, expecting: rule, team: team)", "makes an engine"),
      ("FireTreeCLI", "let engine = try problem.engine.type.init(state, points: x)", "makes an engine"),
      ("Sundries", "import FireTree", "unknown target"),
    ])
  func aBreachIsSeen(target: String, text: String, breach: String) {
    let file = SourceRules.File(target: target, name: "X.swift", text: "import Glibc\n\(text)\n")
    #expect(SourceRules.breaches(in: [file]).contains("\(target)/X.swift: \(breach)"))
  }

  /// Comments, text, members and labels are no breaches; nor is anything of this in the command.
  @Test func whatOnlyLooksLikeABreach() {
    let text = """
      /// import FireTreeCLI, and print(this)
      let help = "print(x); exit(1)"  // getenv
      throw failure(exit: 1)
      pattern.open(neuron)
      """
    let file = SourceRules.File(target: "FireTreeTraining", name: "X.swift", text: text)
    #expect(SourceRules.breaches(in: [file]) == [])
    let command = SourceRules.File(
      target: "FireTreeCLI", name: "X.swift", text: "import Foundation\nprint(1)")
    #expect(SourceRules.breaches(in: [command]) == [])
  }
}
