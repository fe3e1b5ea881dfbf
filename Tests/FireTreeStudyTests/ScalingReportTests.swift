import FireTree
import FireTreeStudy
import Testing

@Suite struct ScalingReportTests {
  /// Times that are exact powers of what grows: of every engine 1 and 1/2, but 3/2 to prepare `gram` and 1 for a step of
  /// `dense`. What is found are these numbers, and nothing that was not measured.
  @Test func findingsAreWhatWasMeasured() throws {
    let study = try StudyKind.scaling.type.init(StudySettings(size: .smoke))
    var table = StudyTable(columns: StudyKind.scaling.type.columns)
    for cell in study.cells {
      let column = ["n": 1, "d": 3][cell.key[0]] ?? 2
      let size = try #require(Double(cell.key[column]))
      for kind in EngineKind.allCases {
        let preprocessing = kind == .gram ? size * size.squareRoot() : size
        let step = kind == .dense ? size : size.squareRoot()
        table.append(
          cell.key + [
            kind.rawValue, "measured", "\(preprocessing)", "\(step)", "3", "0.1", "0.1", "9", "1", "0",
          ])
      }
    }
    let report = study.report(table)
    #expect(
      report.findings
        == ["m, few points", "m, many points", "n", "d"].flatMap { sweep in
          [
            "preprocessing, \(sweep): exponents from 1.0 ± 0.0 (dense) to 1.5 ± 0.0 (gram)",
            "step, \(sweep): exponents from 0.5 ± 0.0 (data-tree) to 1.0 ± 0.0 (dense)",
          ]
        })
    // An exponent of 1 is linear; one of 1/2 is sublinear.
    #expect(report.claims.allSatisfy { $0.verdict == .holds })
  }
}
