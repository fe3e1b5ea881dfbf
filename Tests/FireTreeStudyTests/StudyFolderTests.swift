import FireTree
import FireTreeStudy
import Foundation
import Testing

@Suite struct StudyFolderTests {
  private let path = FileManager.default.temporaryDirectory.appending(
    path: "firetree-study-\(UUID().uuidString)"
  )
  .path
  private let settings = StudySettings(size: .smoke, seed: 3, workers: Workers(threads: 2))

  private func folder(
    _ settings: StudySettings? = nil,
    provenance: [(name: String, value: String)] = [("date", "1"), ("commit", "c")]
  ) throws -> StudyFolder {
    try StudyFolder(path: path, settings: settings ?? self.settings, provenance: provenance)
  }

  private func remove() { try? FileManager.default.removeItem(atPath: path) }

  private func text(_ name: String) throws -> String { try #require(try TextFile.read("\(path)/\(name)")) }

  @Test(arguments: StudyKind.allCases) func everyStudyRuns(kind: StudyKind) throws {
    defer { remove() }
    let folder = try folder()
    var totals: [Int] = []
    let report = try #require(
      try folder.run(kind) {
        totals.append($0.total)
        return true
      })
    #expect(totals.count == totals[0] + 1 && Set(totals).count == 1)
    #expect(report.pairsCompared > 0 && !report.findings.isEmpty && !report.claims.isEmpty)
    #expect(report.tables.allSatisfy { !$0.markdown.isEmpty } && StudyFigure.script(report.panels) != nil)
    let table = try StudyTable(parsing: text("\(kind.rawValue).csv"), columns: kind.type.columns, file: "x")
    #expect(Set(table.rows.map { Array($0[..<kind.type.keyColumns.count]) }).count == totals[0])
    // Every engine or every detector of every instance.
    if kind.type.columns.contains("engine"), kind != .sparsity {
      for kind in EngineKind.allCases {
        #expect(table.records.count { $0["engine"] == kind.rawValue } == totals[0])
      }
    }
    for text in report.findings + report.claims.map(\.measured) { #expect(!text.contains("nan"), "\(text)") }
    try folder.write(report, of: kind, figure: nil)
    #expect(try folder.writeIndex() == report.claims)
    #expect(try !text("\(kind.rawValue).md").contains(".svg"))
    let index = try text("README.md")
    #expect(index.contains("(\(kind.rawValue).md)") && index.contains("commit: c; size: smoke; seed: 3"))
    for claim in report.claims { #expect(index.contains(claim.verdict.text)) }
  }

  @Test func anInterruptedStudyGoesOn() throws {
    defer { remove() }
    var seen: [String?] = []
    let first = try folder().run(.sparsity) {
      seen.append($0.next)
      return $0.done < 2
    }
    #expect(first == nil && seen.count == 3)
    let kept = try text("sparsity.csv")
    #expect(try folder().report(.sparsity) == nil)
    #expect(try folder().writeIndex().isEmpty)
    // Two of three cells are there; the third alone is measured, whatever the date.
    var done: [Int] = []
    let second = try folder(provenance: [("date", "2"), ("commit", "c")]).run(.sparsity) {
      done.append($0.done)
      return true
    }
    #expect(second != nil && done == [2, 3])
    let all = try text("sparsity.csv")
    #expect(all.hasPrefix(kept) && all.count > kept.count)
    // And then none.
    done = []
    _ = try folder().run(.sparsity) {
      done.append($0.done)
      return true
    }
    #expect(done == [3])
    #expect(try text("sparsity.csv") == all && (try text("settings.csv")).contains("date,1\n"))
  }

  /// What was measured with other settings, or by another program, is not mixed with what is.
  @Test func otherSettingsAreRefused() throws {
    defer { remove() }
    _ = try folder()
    var other = settings
    other.seed = 4
    let error = #expect(throws: FireTreeError.self) { try folder(other) }
    #expect(error?.kind == .usage && error?.reason.contains("another seed (3, now 4)") == true)
    let commit = #expect(throws: FireTreeError.self) {
      try folder(provenance: [("date", "1"), ("commit", "d")])
    }
    #expect(commit?.kind == .usage && commit?.reason.contains("another commit (c, now d)") == true)
    #expect(throws: Never.self) { try folder() }
  }

  @Test func aFileThatWasChanged() throws {
    defer { remove() }
    let folder = try folder()
    _ = try folder.run(.theory)
    let whole = try text("theory.csv")
    try TextFile.write(String(whole.dropLast(5)), to: "\(path)/theory.csv")
    let error = #expect(throws: FireTreeError.self) { try folder.run(.theory) }
    // The last field may be cut without a trace, a missing one not.
    #expect(error?.kind == .data && error?.file == "\(path)/theory.csv")
  }

  @Test func foldersThatCannotBe() throws {
    defer { remove() }
    try TextFile.makeFolder(path + "/a/b")
    try TextFile.makeFolder(path + "/a/b/")
    try TextFile.write("x", to: path + "/file")
    for name in ["/file", "/file/below"] {
      let error = #expect(throws: FireTreeError.self) { try TextFile.makeFolder(path + name) }
      #expect(error?.kind == .failure)
    }
    #expect(try TextFile.read(path + "/none") == nil && TextFile.read(path + "/file") == "x")
  }
}
