import FireTree
import Foundation
import Testing

/// README: blocks of language `sh` are run as they stand, in order, in one folder from which `Examples` is seen;
/// blocks of language `swift` are files of `Examples`. Blocks of another language (`console`, `text`) are not run.
@Suite struct ReadmeTests {
  @Test func theSwiftExampleIsTheFile() throws {
    let blocks = try Markdown("README.md").blocks.filter { $0.language == "swift" }
    #expect(blocks.map(\.code) == [try Repository.text("Examples/TenLines/main.swift")])
    #expect(blocks.allSatisfy { $0.code.split(separator: "\n").count <= 10 })
  }

  @Test func theSwiftExampleRuns() throws {
    try withWorkingFolder { folder in
      let result = try run("TenLines", in: folder, path: Repository.products)
      #expect(result.code == 0 && result.output.contains("accuracy 0.9"), "\(result.output)")
      let model = try Model(contentsOf: folder.appendingPathComponent("cells.safetensors").path)
      #expect(model.network.neuronCount == 2000)
    }
  }

  @Test func theCommandsRun() throws {
    let blocks = try Markdown("README.md").blocks.filter { $0.language == "sh" }
    #expect(blocks.count >= 2)
    try withWorkingFolder { folder in
      for block in blocks {
        let result = try run(block.code, in: folder, path: Repository.products)
        #expect(result.code == 0, "\(block.code)\n\(result.output)")
      }
      #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("predictions.csv").path))
    }
  }

  /// `make demo` and `make test` take minutes and are not run here; a README may name only targets that exist.
  @Test func theMakeTargetsExist() throws {
    let makefile = try Repository.text("Makefile")
    let targets = Set(makefile.matches(of: /(?m)^([a-z-]+):/).map { String($0.output.1) })
    for page in LinkTests.pages {
      for match in try Repository.text(page).matches(of: /(?:`|(?m)^)make ([a-z-]+)/) {
        #expect(targets.contains(String(match.output.1)), "\(page): make \(match.output.1)")
      }
    }
    #expect(targets.isSuperset(of: ["demo", "test", "lint", "format", "check"]))
  }
}
