import FireTreeCore
import FireTreeData
import Testing

/// Data for a trained model.
@Suite struct SchemaTests {
  private let named = FeatureSchema(count: 2, names: ["a", "b"], targetName: "y", targetIndex: 1)
  private let unnamed = FeatureSchema(count: 2, targetIndex: 1)

  private func read(
    _ text: String, _ schema: FeatureSchema, classes: [String]? = ["no", "yes"], name: String = "t.csv",
    options: DatasetOptions = .init(), requiresTarget: Bool = false
  ) throws -> Dataset {
    let folder = try TestFolder()
    return try Dataset(
      contentsOf: folder.write(name, text), for: schema, classes: classes, options: options,
      requiresTarget: requiresTarget)
  }

  @Test(
    "Features are picked by name, in the model's order",
    arguments: [
      "a,y,b\n1,yes,2\n", "b,y,a\n2,yes,1\n", "id,b,comment,a,y\n7,2,text,1,yes\n",
    ])
  func byName(text: String) throws {
    let data = try read(text, named, requiresTarget: true)
    #expect(data.rows == [[1, 2]])
    #expect(data.labels == ["yes"])
    #expect(data.classNames == ["no", "yes"])
    #expect(data.schema == named)
  }

  @Test func byNameWithNumbersInTheHeader() throws {
    let schema = FeatureSchema(count: 2, names: ["0", "1"], targetName: "2", targetIndex: 2)
    #expect(try read("1,0\n5,6\n", schema).rows == [[6, 5]])
  }

  @Test("Otherwise by count", arguments: ["1,2\n", "1,yes,2\n", "x,z\n1,2\n", "p,q,r\n1,yes,2\n"])
  func byCount(text: String) throws {
    let data = try read(text, text.hasPrefix("1") ? named : unnamed)
    #expect(data.rows == [[1, 2]])
    #expect((data.target != nil) == text.contains("yes"))
  }

  @Test func labelsOfNumbersAreFoundHoweverSpelled() throws {
    #expect(try read("1,3.0,2\n", named, classes: ["1", "3"], requiresTarget: true).labels == ["3"])
  }

  @Test func whatIsNotRequiredIsIgnored() throws {
    let data = try read("a,y,b\n1,maybe,2\n3,,4\n", named)
    #expect(data.target == nil)
    #expect(
      data.notes.last
        == "target ignored: row 2: column 2 ('y'): label 'maybe' is unknown to the model, which knows 'no', 'yes'"
    )
    #expect(try read("a,y,b\n1,x,2\n", named, classes: nil).target == nil)
    #expect(try read("a,b\n1,2\n", named).target == nil)
    #expect(try read("a,y,b\n1,0.5,2\n", named, classes: nil).values == [0.5])
  }

  @Test(
    "What is wrong",
    arguments: [
      ("a,y\n1,yes\n", "t.csv: no column 'b', which the model needs; there are 'a', 'y'"),
      (
        "alpha,beta,gamma,delta,epsilon,zeta\n1,2,3,4,5,6\n",
        "t.csv: no columns 'a', 'b', which the model needs; there are 'alpha', 'beta', 'gamma', 'delta', 'epsilon', ... (6 in all)"
      ),
      ("a,b\n1,2\n", "t.csv: no target column 'y': give the target column or a labels file"),
      ("a,b,b,y\n1,2,3,yes\n", "t.csv: the header has the column 'b' more than once"),
      ("1\n", "t.csv: expected 2 feature columns (or 3 with the target), found 1"),
      ("1,2,3,4\n", "t.csv: expected 2 feature columns (or 3 with the target), found 4"),
      ("1,2\n", "t.csv: there is no target: give a labels file or a target column"),
      (
        "a,y,b\n1,yes,2\n1,maybe,2\n",
        "t.csv: row 3: column 2 ('y'): label 'maybe' is unknown to the model, which knows 'no', 'yes'"
      ),
      ("a,y,b\n1,,2\n", "t.csv: row 2: column 2 ('y'): missing value"),
    ])
  func errors(text: String, expected: String) throws {
    let folder = try TestFolder()
    let path = try folder.write("t.csv", text)
    let message = folder.message {
      _ = try Dataset(contentsOf: path, for: named, classes: ["no", "yes"], requiresTarget: true)
    }
    #expect(message == expected)
  }

  @Test func aTargetColumnCanBeGiven() throws {
    #expect(try read("a,b,z\n1,2,yes\n", named, options: .init(target: .name("z"))).labels == ["yes"])
    #expect(try read("no,1,2\n", unnamed, options: .init(target: .index(0))).rows == [[1, 2]])
    let folder = try TestFolder()
    let path = try folder.write("t.csv", "a,b,z\n1,2,yes\n")
    #expect(
      folder.message {
        _ = try Dataset(contentsOf: path, for: named, classes: nil, options: .init(target: .name("a")))
      }
        == "t.csv: column 1 ('a') is a feature of the model, not its target")
  }

  @Test func labelsMayBeInAFileOfTheirOwn() throws {
    let folder = try TestFolder()
    let options = DatasetOptions(labels: try folder.write("l.csv", "yes\nno\n"))
    for (name, text) in [("t.csv", "b,a\n2,1\n4,3\n"), ("t.csv", "1,2\n3,4\n")] {
      let data = try Dataset(
        contentsOf: folder.write(name, text), for: named, classes: ["no", "yes"], options: options,
        requiresTarget: true)
      #expect(data.rows == [[1, 2], [3, 4]])
      #expect(data.labels == ["yes", "no"])
    }
    let path = try folder.write("t.csv", "1,2,3\n")
    #expect(
      folder.message { _ = try Dataset(contentsOf: path, for: named, classes: nil, options: options) }
        == "t.csv: expected 2 feature columns, found 3")
    let images = try folder.write("t-idx", ArrayFile.idx(shape: [2, 2], [1, 2, 3, 4]))
    #expect(try Dataset(contentsOf: images, for: unnamed, classes: nil).rows == [[1, 2], [3, 4]])
    #expect(
      try Dataset(contentsOf: images, for: unnamed, classes: ["no", "yes"], options: options).labels == [
        "yes", "no",
      ])
  }

  @Test func sparseRowsHaveTheModelsDimension() throws {
    let data = try read(
      "1:5\nyes:2\n".replacing("yes:2", with: "2:1"), FeatureSchema(count: 4), name: "t.svm")
    #expect(data.rows == [[5, 0, 0, 0], [0, 1, 0, 0]])
    #expect(data.target == nil)
    // Features beyond the model's are left out, and counted.
    let folder = try TestFolder()
    let path = try folder.write("t.svm", "1 1:5\n2 5:1 7:1\n")
    let wider = try Dataset(contentsOf: path, for: FeatureSchema(count: 4), classes: ["1", "2"])
    #expect(wider.rows == [[5, 0, 0, 0], [0, 0, 0, 0]])
    #expect(wider.omission == "ignored 2 elements beyond the model's 4 features")
  }
}
