import Foundation
import Testing

/// Inputs on which digits, names or points could be lost without a word.
@Suite struct CaseTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Cases/\(name)").path
  }

  private func evaluation(_ name: String) throws -> [String: Any] {
    try Command.succeed(["train", Self.path("\(name)-train.csv"), "--out", "m"], in: folder)
    return try JSON.object(
      Command.succeed(["evaluate", "m", Self.path("\(name)-test.csv"), "--json"], in: folder).output)
  }

  /// scikit-learn's MLPClassifier reaches 0.995.
  @Test func timesInMilliseconds() throws {
    #expect(try #require(try evaluation("timestamps-ms")["accuracy"] as? Double) >= 0.98)
  }

  /// scikit-learn's MLPRegressor reaches 0.865.
  @Test func aTargetFarFromZero() throws {
    #expect(try #require(try evaluation("target-offset-1e9")["r2"] as? Double) > 0.85)
    let lines = try Command.succeed(
      ["predict", "m", Self.path("target-offset-1e9-test.csv")], in: folder
    ).outputLines
    #expect(Set(lines.dropFirst()).count > 190)
  }

  /// What `inspect` finds: the points, the features, the task.
  @Test(
    arguments: [
      ("decimal-comma.csv --decimal ,", "40 2 classification, 2 classes"),
      ("decimal-comma-target.csv --decimal ,", "40 1 regression"),
      ("excel-sep-line.csv", "40 2 classification, 2 classes"),
      ("pandas-index-column.csv", "60 4 classification, 2 classes"),
      ("pandas-integer-header.csv", "60 3 classification, 2 classes"),
      ("quotes-inside.tsv", "40 2 classification, 2 classes"),
      ("trailing-delimiter.csv", "60 2 classification, 2 classes"),
      ("int64-labels.csv", "40 2 classification, 2 classes"),
      ("zero-based.svm --zero-based", "60 4 classification, 2 classes"),
      ("qid.svm", "60 4 classification, 2 classes"),
      ("x.npy --labels labels-bool.npy", "60 4 classification, 2 classes"),
      ("float16.npy --target -1", "60 4 classification, 2 classes"),
      ("images30classes-idx3-ubyte --labels images30classes-idx1-ubyte", "280 64 classification, 30 classes"),
    ])
  func isRead(arguments: String, expected: String) throws {
    let words = arguments.split(separator: " ").map {
      $0.contains(/[a-z0-9]\.[a-z]|ubyte/) ? Self.path("\($0)") : "\($0)"
    }
    let lines = try Command.succeed(["inspect"] + words, in: folder).outputLines
    let found = ["points", "features", "task"].compactMap { name in
      lines.first { $0.hasPrefix(name + " ") }.map {
        $0.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
      }
    }
    #expect(found.joined(separator: " ") == expected)
    if arguments.hasPrefix("pandas-index") {
      #expect(lines.contains { $0.contains("column 1 has no name and counts the rows") })
    }
  }

  @Test(
    arguments: [
      (
        "decimal-comma.csv",
        "row 1: column 1: '0,189' is not a number: is its comma a decimal one? then set the decimal option"
      ),
      (
        "decimal-comma-target.csv",
        "row 2: column 2 ('y'): '0,189' is not a number: is its comma a decimal one? then set the decimal option"
      ),
      (
        "price-one-NA.csv",
        "row 79: column 3 ('price'): 'NA' is not a number as other labels are (for classes, set the task)"
      ),
      ("latin1-labels.csv", "row 2: column 3 ('y'): the text is not UTF-8"),
      (
        "zero-based.svm",
        "row 1: index '0' is not a whole number from 1 to 2147483646; for columns from 0 set the zero-based option"
      ),
      (
        "structured.npy",
        "a structured array, of named fields: save its fields as the columns of a plain array"
      ),
    ])
  func isRefused(name: String, reason: String) throws {
    let target = name.hasSuffix("npy") ? ["--target", "0"] : []
    let result = try Command.run(["inspect", Self.path(name)] + target, in: folder)
    #expect(result.code == 65 && result.message.hasSuffix("\(name): \(reason)"))
  }

  @Test func namesThatComeTwice() throws {
    try Command.succeed(
      ["train", Self.path("duplicate-names-train.csv"), "--neurons", "50", "--out", "m"], in: folder)
    try Command.succeed(["evaluate", "m", Self.path("duplicate-names-train.csv")], in: folder)
    let result = try Command.run(["evaluate", "m", Self.path("duplicate-names-reordered.csv")], in: folder)
    #expect(result.code == 65 && result.message.contains("expected column 'a', as in training, found 'b'"))
  }

  @Test func featuresBeyondTheModel() throws {
    try Command.succeed(
      ["train", Self.path("one-based-train.svm"), "--neurons", "50", "--out", "m"], in: folder)
    let result = try Command.succeed(["predict", "m", Self.path("more-features-test.svm")], in: folder)
    #expect(result.outputLines.count == 61)
    #expect(
      result.error.hasPrefix("firetree: ignored ")
        && result.error.hasSuffix(" beyond the model's 4 features\n"))
  }

  @Test func fewRowsOfARegression() throws {
    try folder.link("diabetes.csv")
    for command in ["plan", "train"] {
      let result = try Command.succeed(
        [command, "diabetes.csv", "--points", "16", "--neurons", "50"], in: folder)
      #expect(result.errorLines.contains("firetree: task: regression"))
    }
  }

  @Test func scoresAreOfClasses() throws {
    try folder.link("diabetes.csv")
    try Command.succeed(
      ["train", "diabetes.csv", "--neurons", "50", "--iterations", "1", "--out", "m"], in: folder)
    let result = try Command.run(["predict", "m", "diabetes.csv", "--scores"], in: folder)
    #expect(result.code == 64 && result.message == "m: scores are of classes, and the model is a regression")
  }

  @Test func missingColumnsAreNamed() throws {
    let model = ["--neurons", "50", "--iterations", "1", "--target", "y", "--out", "m"]
    try folder.write("t.csv", "age,sex,bmi,y\n1,2,3,0.5\n3,2,1,1\n")
    try Command.succeed(["train", "t.csv"] + model, in: folder)
    for (text, reason) in [
      ("age,bmi\n1,2\n", "no column 'sex', which the model needs; there are 'age', 'bmi'"),
      ("sex,8\n1,2\n", "no columns 'age', 'bmi', which the model needs; there are 'sex', '8'"),
    ] {
      try folder.write("u.csv", text)
      let result = try Command.run(["predict", "m", "u.csv"], in: folder)
      #expect(result.code == 65 && result.message == "u.csv: \(reason)")
    }
  }
}
