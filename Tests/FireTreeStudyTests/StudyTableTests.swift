import FireTree
import FireTreeStudy
import Testing

@Suite struct StudyTableTests {
  @Test func csvThereAndBack() throws {
    let rows = [
      ["1", "plain", ""], ["2", "a, b", "say \"so\""], ["3", "two\nlines", "\"\""], ["", "", " blank "],
    ]
    let table = StudyTable(columns: ["n", "text, more", "last"], rows: rows)
    #expect(table.csv.hasPrefix("n,\"text, more\",last\n1,plain,\n2,\"a, b\",\"say \"\"so\"\"\"\n"))
    #expect(try StudyTable(parsing: table.csv, columns: table.columns, file: "x") == table)
    let empty = StudyTable(columns: ["a"])
    #expect(try StudyTable(parsing: empty.csv, columns: ["a"], file: "x") == empty)
  }

  /// Another header, and a file that was cut anywhere but at a line end.
  @Test func whatIsRefused() throws {
    let text = "a,b\n1,2\n3,4\n"
    for (broken, row) in [("", 1), ("a\n1\n", 1), ("b,a\n1,2\n", 1), ("a,b\n1,2\n3", 3), ("a,b\n1,2,3\n", 2)]
    {
      let error = #expect(throws: FireTreeError.self) {
        try StudyTable(parsing: broken, columns: ["a", "b"], file: "t.csv")
      }
      #expect(error?.kind == .data && error?.file == "t.csv" && error?.row == row, "\(broken)")
    }
    #expect(try StudyTable(parsing: text, columns: ["a", "b"], file: "t.csv").rows.count == 2)
  }

  @Test func records() {
    let table = StudyTable(columns: ["a", "b"], rows: [["1", "x"], ["2.5", ""]])
    #expect(table.records[0].whole("a") == 1 && table.records[1].number("a") == 2.5)
    #expect(
      table.records[0]["b"] == "x" && table.records[1].number("b").isNaN && table.records[1].whole("b") == 0)
  }

  @Test func markdown() {
    let text = StudyTable.markdown(["name", "n"], [["a|b", "1"]])
    #expect(text == "| name | n |\n|---|---:|\n| a\\|b | 1 |\n")
  }

  @Test func numbers() {
    let texts: [(Double, String)] = [
      (0, "0"), (0.012345, "0.0123"), (-0.5, "-0.5"), (123.4, "123"), (1_234_567, "1230000"), (9.996, "10"),
      (0.1, "0.1"), (1e-7, "1e-07"), (.infinity, "inf"), (.nan, "-"),
    ]
    for (value, text) in texts { #expect(StudyNumber.text(value) == text, "\(value)") }
    #expect(StudyNumber.percent(0.0094) == "0.94%")
    #expect([1.2e-6, 0.00123, 4.5].map(StudyNumber.seconds) == ["1.2 us", "1.23 ms", "4.5 s"])
    #expect([0, 999, 1000, -1_048_576].map(StudyNumber.whole) == ["0", "999", "1,000", "-1,048,576"])
    #expect(StudyNumber.exponent(PowerLaw([(1, 1), (2, 4)])) == "2.0" && StudyNumber.exponent(nil) == "-")
  }

  @Test func figures() throws {
    #expect(StudyFigure.script([]) == nil)
    var panel = StudyPanel(
      title: "it's a_b", xLabel: "n", yLabel: "s",
      series: [
        StudyPanel.Series(name: "one", points: [SIMD2(1, 2), SIMD2(0, 3), SIMD2(4, -1), SIMD2(5, .nan)]),
        StudyPanel.Series(name: "none", points: [SIMD2(-1, 2)]),
      ])
    let script = try #require(StudyFigure.script([panel]))
    #expect(script.contains("$panel0_0 << EOD\n1.0 2.0\nEOD\n") && !script.contains("none"))
    #expect(script.contains("set title 'it''s a-b'") && script.contains("set logscale x\nset logscale y\n"))
    panel.logarithmicX = false
    panel.logarithmicY = false
    let linear = try #require(StudyFigure.script([panel]))
    #expect(linear.contains("1.0 2.0\n0.0 3.0\n4.0 -1.0\nEOD") && !linear.contains("\nset logscale"))
    panel.series = []
    #expect(StudyFigure.script([panel]) == nil)
  }
}
