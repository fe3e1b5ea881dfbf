import FireTreeCore
import FireTreeData
import Testing
import Glibc

@Suite struct CSVTests {
  private func read(_ text: String, _ options: DatasetOptions = .init()) throws -> Dataset {
    let folder = try TestFolder()
    return try Dataset(contentsOf: folder.write("t.csv", text), options: options)
  }

  @Test(
    "One table, however it is written",
    arguments: [
      "a,b,target\n1,2,x\n3,4.5,y\n",
      "a,b,target\r\n1,2,x\r\n3,4.5,y\r\n",
      "a,b,target\r1,2,x\r3,4.5,y",
      "\u{FEFF}a,b,target\n1,2,x\n3,4.5,y",
      "a;b;target\n1;2;x\n3;4.5;y\n",
      "a\tb\ttarget\n1\t2\tx\n3\t4.5\ty\n",
      "a|b|target\n1|2|x\n3|4.5|y\n",
      "a b target\n1 2 x\n3 4.5 y\n",
      "  a   b  target \n1  2 x\n\n   3 4.5   y\n",
      "a, b, target\n 1, 2 , x\n3 ,4.5, y\n",
      "\n\n\"a\",\"b\",\"target\"\n\"1\",2,x\n\n3,4.5,\"y\"\n\n",
      "a,target,b\n1,x,2\n3,y,4.5\n",
      "Label,a,b\nx,+1,2e0\ny,3.0,.45e1\n",
    ])
  func variants(text: String) throws {
    let data = try read(text)
    #expect(data.rows == [[1, 2], [3, 4.5]])
    #expect(data.labels == ["x", "y"])
    #expect(data.schema.names == ["a", "b"])
    #expect(data.kind == .table)
  }

  @Test func quotedFieldsKeepDelimitersQuotesAndLineEnds() throws {
    let data = try read("a,target\n1,\"x, \"\"y\"\"\nz\"\n2,\"x, \"\"y\"\"\nz\"\n")
    #expect(data.classNames == ["x, \"y\"\nz"])
  }

  @Test func numericLabelsAreClassesInNumericOrder() throws {
    let data = try read("1,10\n2,9.0\n3,+9\n4,-2\n")
    #expect(data.classNames == ["-2", "9", "10"])
    #expect(data.labels == ["10", "9", "9", "-2"])
    #expect(
      data.notes == [
        "delimiter: ','", "target: last column", "header: none", "task: classification (3 classes)",
      ])
  }

  @Test func textLabelsAreInLexicographicOrder() throws {
    #expect(try read("a,y\n1,b\n2,10\n3,9\n").classNames == ["10", "9", "b"])
  }

  @Test(arguments: [20, 21])
  func wholeNumbersAreClassesUpToTwentyDistinct(count: Int) throws {
    let data = try read((0..<count).map { "0,\($0)\n" }.joined())
    #expect((data.values == nil) == (count == 20))
  }

  @Test func manySpellingsOfFewNumbersAreFewClasses() throws {
    let data = try read((0..<60).map { "0,\($0 % 20).\(String(repeating: "0", count: $0 / 20))\n" }.joined())
    #expect(data.classNames == (0..<20).map(String.init))
  }

  @Test func theTaskCanBeSet() throws {
    #expect(try read("0,1\n0,2\n", .init(task: .regression)).values == [1, 2])
    #expect(try read("0,0.5\n0,1.5\n0,0.50\n", .init(task: .classification)).classNames == ["0.5", "1.5"])
    #expect(try read("0,0.5\n0,1.5\n").values == [0.5, 1.5])
  }

  @Test func theTargetIsFoundByNameAndByIndex() throws {
    let text = "a,b,c\n1,2,3\n4,5,6\n"
    #expect(try read(text, .init(target: .name("b"))).rows == [[1, 3], [4, 6]])
    #expect(try read(text, .init(target: .name("0"))).rows == [[2, 3], [5, 6]])
    #expect(try read(text, .init(target: .index(-3))).rows == [[2, 3], [5, 6]])
    #expect(
      try read(text, .init(target: .index(2))).schema
        == FeatureSchema(
          count: 2, names: ["a", "b"], targetName: "c", targetIndex: 2))
    // A name that is a number is a name first.
    #expect(try read("2,1,0\n1,2,3\n", .init(target: .name("2"), header: true)).rows == [[2, 3]])
  }

  @Test func aHeaderIsKnownByItsText() throws {
    #expect(try read("0,1,target\n1,2,3\n").rows == [[1, 2]])
    #expect(try read("0,price\n1,2\n", .init(target: .name("price"))).rows == [[1]])
    #expect(try read("1,2\n3,4\n", .init(header: true)).rows == [[3]])
    #expect(try read("1,y\n3,n\n").labels == ["y", "n"])
    #expect(try read("a,b\n1,2\n").notes.contains("header: first row"))
  }

  @Test func pointsLimitWhatIsRead() throws {
    #expect(try read("1,2\n3,4\nnonsense\n\"", .init(points: 2)).rows == [[1], [3]])
    #expect(try read("1,2\n3,4\n", .init(points: 7)).count == 2)
  }

  @Test func duplicateNamesAreToldApartByPosition() throws {
    let data = try read("a,a,y\n1,2,3\n")
    #expect(data.schema.names == ["a", "a"])
    #expect(data.notes.contains("columns: told apart by position, as the header has the same name twice"))
  }

  @Test func numbersAreRoundedOnceToFloat() throws {
    let texts = ["0.1", "16777217", "-3.4028235e38", "1e-45", "0.30000001192092896", "8.5e-05", "-0"]
    let data = try read(texts.joined(separator: ",") + ",c\n", .init(header: false))
    #expect(data.rows[0].map(\.bitPattern) == texts.compactMap { Float($0)?.bitPattern })
    #expect(data.rows[0][1] == 16_777_216)
  }

  @Test func aPipeIsReadOnce() async throws {
    let folder = try TestFolder()
    let path = folder["pipe"]
    try #require(mkfifo(path, 0o600) == 0)
    let writer = Task.detached {
      let file = fopen(path, "w")
      fputs("1,a\n2,b\n", file)
      fclose(file)
    }
    #expect(try Dataset(contentsOf: path, options: .init(format: .csv)).labels == ["a", "b"])
    await writer.value
  }

  @Test func manyRowsKeepTheirOrder() throws {
    // More than one block of the row store, with a last one that is not full.
    let text = (0..<40_000).map { i in
      "\(i)," + (1..<40).map { "\(i % 7 + $0)" }.joined(separator: ",") + "\n"
    }
    let data = try read(text.joined(), .init(target: .index(-1), task: .regression, header: false))
    #expect(data.count == 40_000)
    #expect((0..<40_000).allSatisfy { data.features.point($0)[0] == Float($0) })
    #expect(data.features.point(39_999)[38] == Float(39_999 % 7 + 38))
    #expect(data.values?.last == Double(39_999 % 7 + 39))
  }

  @Test(
    "What is wrong is said in one line",
    arguments: [
      ("a,b\n1,2\n3\n", "t.csv: row 3: expected 2 fields, found 1"),
      ("a,b\n1,2\n\n3,4,5\n", "t.csv: row 4: expected 2 fields, found 3"),
      ("a,b\r\n\r\n1,2\r\n3\r\n", "t.csv: row 4: expected 2 fields, found 1"),
      ("a,b,y\n1,2,c\nd,4\n", "t.csv: row 3: expected 3 fields, found 2"),
      ("a,b,y\n1,two,3\n", "t.csv: row 2: column 2 ('b'): 'two' is not a number"),
      ("1,2,3\n1,0x10,3\n", "t.csv: row 2: column 2: '0x10' is not a number"),
      ("1,2,3\n1,1e3x,3\n", "t.csv: row 2: column 2: '1e3x' is not a number"),
      ("1,2,3\n1,a\u{0}b,3\n", "t.csv: row 2: column 2: 'a\u{FFFD}b' is not a number"),
      ("1,2,3\n1,?,3\n", "t.csv: row 2: column 2: '?' is not a number"),
      (
        "1;2;3\n1;2,5;3\n",
        "t.csv: row 2: column 2: '2,5' is not a number: is its comma a decimal one? then set the decimal option"
      ),
      (
        "1,2\n" + String(repeating: "x", count: 50) + ",2\n",
        "t.csv: row 2: column 1: '" + String(repeating: "x", count: 29) + "...' is not a number"
      ),
      ("1,2,3\n1,,3\n", "t.csv: row 2: column 2: missing value"),
      ("1,2,3\n1,\"\",3\n", "t.csv: row 2: column 2: missing value"),
      ("1,2,3\n1,2,\n", "t.csv: row 2: column 3: missing value"),
      ("1,2,3\n1,nan,3\n", "t.csv: row 2: column 2: 'nan' is not a finite 32-bit number"),
      ("1,2,3\n1,-inf,3\n", "t.csv: row 2: column 2: '-inf' is not a finite 32-bit number"),
      ("1,2,3\n1,1e39,3\n", "t.csv: row 2: column 2: '1e39' is not a finite 32-bit number"),
      ("1,2,3\n1,2,nan\n", "t.csv: row 2: column 3: 'nan' is not a finite 32-bit number"),
      (
        "a,y\n1,0.5\n1,x\n",
        "t.csv: row 3: column 2 ('y'): 'x' is not a number as the labels above are (for classes, set the task)"
      ),
      (
        "a,b\n1,2\n3,4\"5\n",
        "t.csv: row 3: bad quoting: a quote inside an unquoted field, or text after a closing quote"
      ),
      (
        "a,b\n\"1\"2,2\n",
        "t.csv: row 2: bad quoting: a quote inside an unquoted field, or text after a closing quote"
      ),
      ("a,b\n1,2\n1,\"2\n3,4\n", "t.csv: row 3: bad quoting: a quoted field does not end"),
      ("a,\"x\nz\"\n1,2\n3\n", "t.csv: row 4: expected 2 fields, found 1"),
      ("a,b\n", "t.csv: there are no rows after the header"),
      ("\n\n", "t.csv: there are no rows"),
      ("1\n2\n", "t.csv: there are no feature columns"),
      ("", "t.csv: the file is empty"),
      ("target,target,a\n1,2,3\n", "t.csv: the header has the column 'target' more than once"),
      ("\u{0}", "t.csv: there are no rows after the header"),
    ])
  func errors(text: String, expected: String) throws {
    let folder = try TestFolder()
    let path = try folder.write("t.csv", text)
    #expect(folder.message { _ = try Dataset(contentsOf: path) } == expected)
  }

  @Test func utf16IsNamed() throws {
    let folder = try TestFolder()
    let path = try folder.write("t.csv", [0xFF, 0xFE, 0x31, 0x00])
    #expect(
      folder.message { _ = try Dataset(contentsOf: path) } == "t.csv: the text is UTF-16; save it as UTF-8")
  }

  @Test(
    "Options that do not fit the file",
    arguments: [
      (TargetColumn.name("prise"), "t.csv: no column 'prise'; did you mean 'price'?"),
      (.name("nonsense"), "t.csv: no column 'nonsense'; there are 'a', 'price', 'a'"),
      (.name("a"), "t.csv: the header has the column 'a' more than once"),
      (.name("3"), "t.csv: no column 3: columns are 0 to 2"),
      (.index(-4), "t.csv: no column -4: columns are 0 to 2"),
      (.index(Int.min), "t.csv: no column \(Int.min): columns are 0 to 2"),
    ])
  func unknownTarget(target: TargetColumn, expected: String) throws {
    let folder = try TestFolder()
    let path = try folder.write("t.csv", "a,price,a\n1,2,3\n")
    #expect(folder.message { _ = try Dataset(contentsOf: path, options: .init(target: target)) } == expected)
  }

  @Test func aNameNeedsAHeader() throws {
    let folder = try TestFolder()
    let path = try folder.write("t.csv", "1,2,3\n")
    #expect(
      folder.message { _ = try Dataset(contentsOf: path, options: .init(target: .name("price"))) }
        == "t.csv: no column 'price': there is no header; give the target as an index from 0")
  }
}
