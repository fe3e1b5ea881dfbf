import FireTreeCore
import FireTreeData
import Testing

@Suite struct LibSVMTests {
  private func read(_ text: String, _ options: DatasetOptions = .init()) throws -> Dataset {
    let folder = try TestFolder()
    return try Dataset(contentsOf: folder.write("t.svm", text), options: options)
  }

  @Test(
    "One set, however it is written",
    arguments: [
      "+1 1:0.5 3:-2\n-1 2:1e0\n+1\n",
      "1 1:.5 3:-2.0 \r\n-1 2:1\r\n1\r\n",
      "# comment\n+1\t1:0.5\t3:-2 # name\n\n-1 2:1\n1 # nothing",
      "  1.0  1:0.5 2:0 3:-2\n-1.0 2:1\n1 ",
    ])
  func variants(text: String) throws {
    let data = try read(text)
    let expected = SparseRows(
      columns: 3, offsets: [0, 2, 3, 3], columnIndices: [0, 2, 1], values: [0.5, -2, 1])
    #expect(data.features == .sparse(expected))
    #expect(data.labels == ["1", "-1", "1"])
    #expect(data.classNames == ["-1", "1"])
    #expect(data.kind == .sparse)
    #expect(data.schema == FeatureSchema(count: 3))
  }

  @Test func labelsMayBeNumbers() throws { #expect(try read("0.25 1:1\n-3 1:2\n").values == [0.25, -3]) }

  @Test func pointsLimitWhatIsRead() throws {
    #expect(try read("1 1:1\n2 1:2\nnonsense\n", .init(points: 2)).count == 2)
  }

  @Test func widestAndLongestRows() throws {
    let wide = try read("1 2147483646:1\n2 1:1\n")
    #expect(wide.features.dimension == 2_147_483_646)
    // Longer than the stream's buffer.
    let count = 60_000
    let long = try read("1 " + (1...count).map { "\($0):\($0)" }.joined(separator: " ") + "\n2 1:1\n")
    #expect(long.features.storedElements == count + 1)
    #expect(long.features.point(0).last == Float(count))
  }

  @Test(
    "What is wrong is said in one line",
    arguments: [
      (
        "1 0:1\n",
        "row 1: index '0' is not a whole number from 1 to 2147483646; for columns from 0 set the zero-based option"
      ),
      ("1 -1:1\n", "row 1: index '-1' is not a whole number from 1 to 2147483646"),
      ("1 1.5:1\n", "row 1: index '1.5' is not a whole number from 1 to 2147483646"),
      ("1 2147483647:1\n", "row 1: index '2147483647' is not a whole number from 1 to 2147483646"),
      (
        "1 99999999999999999999999999:1\n",
        "row 1: index '99999999999999999999999999' is not a whole number from 1 to 2147483646"
      ),
      ("1 :1\n", "row 1: index '' is not a whole number from 1 to 2147483646"),
      ("1 2:1\n\n1 3:1 2:1\n", "row 3: index 2 comes after index 3: indices must ascend"),
      ("1 3:1 3:1\n", "row 1: index 3 comes twice"),
      ("1 3\n", "row 1: '3' is not an index:value pair"),
      ("1 3:\n", "row 1: '3:' is not an index:value pair"),
      ("1 3:x\n", "row 1: '3:x' is not an index:value pair"),
      ("1 3:1:2\n", "row 1: '3:1:2' is not an index:value pair"),
      ("1 3:0x1\n", "row 1: '3:0x1' is not an index:value pair"),
      ("1 3: 4\n", "row 1: '3:' is not an index:value pair"),
      ("1 3:nan\n", "row 1: the value 'nan' of index 3 is not a finite 32-bit number"),
      ("1 3:1e40\n", "row 1: the value '1e40' of index 3 is not a finite 32-bit number"),
      ("1 1:1\nx 1:1\n", "row 2: expected a number as label, found 'x'"),
      ("1:1 2:1\n", "row 1: expected a number as label, found '1:1'"),
      ("1,2 1:1\n", "row 1: expected a number as label, found '1,2'"),
      ("inf 1:1\n", "row 1: label: 'inf' is not a finite 32-bit number"),
      ("1 1:1 qid:3\n", "row 1: index 'qid' is not a whole number from 1 to 2147483646"),
      ("1\n2\n", "there are no feature columns"),
      ("# nothing\n", "there are no rows"),
      ("\u{0}\n", "row 1: expected a number as label, found '\u{FFFD}'"),
    ])
  func errors(text: String, expected: String) throws {
    let folder = try TestFolder()
    let path = try folder.write("t.svm", text)
    #expect(folder.message { _ = try Dataset(contentsOf: path) } == "t.svm: \(expected)")
  }
}
