import Foundation
import Testing

@Suite struct LinkTests {
  static let pages = Repository.files(withExtensions: ["md"])

  @Test func thePagesAreThere() {
    let expected = [
      "CHANGELOG.md", "CONTRIBUTING.md", "Documentation/Architecture.md", "Documentation/CorrelationTrees.md",
      "Documentation/ModelFormat.md", "Documentation/Notation.md", "Documentation/Parameters.md",
      "Examples/data/README.md", "README.md",
    ]
    #expect(Set(expected).isSubset(of: Self.pages))
  }

  /// Every link inside the repository leads to a file, and its fragment to a heading there.
  @Test(arguments: pages)
  func linksResolve(page: String) throws {
    let folder = Repository.root.appendingPathComponent(page).deletingLastPathComponent()
    for link in try Markdown(page).links where !link.contains("://") && !link.hasPrefix("mailto:") {
      let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let target =
        parts[0].isEmpty
        ? Repository.root.appendingPathComponent(page)
        : folder.appendingPathComponent(parts[0]).standardizedFileURL
      #expect(FileManager.default.fileExists(atPath: target.path), "\(page): \(link)")
      if parts.count == 2, target.pathExtension == "md" {
        let anchors = try Markdown(String(target.path.dropFirst(Repository.root.path.count + 1))).anchors
        #expect(anchors.contains(parts[1]), "\(page): \(link)")
      }
    }
  }

  /// Unfinished work is not kept in files.
  @Test func nothingIsLeftToDo() throws {
    let words = ["TO" + "DO", "FIX" + "ME"]
    for file in Repository.files(withExtensions: ["md", "swift", "sh", "py"]) {
      let text = try Repository.text(file)
      for word in words { #expect(!text.contains(word), "\(file) says \(word)") }
    }
  }
}
