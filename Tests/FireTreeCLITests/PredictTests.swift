import Testing

@Suite struct PredictTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(
      "train.csv",
      "a,b,kind\n1,0,\"red, dark\"\n2,0,\"red, dark\"\n0,1,\"so \"\"blue\"\"\"\n0,2,\"so \"\"blue\"\"\"\n5,5, green \n"
    )
    try Command.succeed(
      [
        "train", "train.csv", "--target", "kind", "--neurons", "300", "--iterations", "200", "--engine",
        "dense", "--out", "m",
      ],
      in: folder)
  }

  private func predict(_ arguments: String...) throws -> Command.Result {
    try Command.succeed(["predict", "m"] + arguments, in: folder)
  }

  /// Predictions read back as labels of the same names.
  @Test func namesAreQuoted() throws {
    let output = try predict("train.csv").output
    #expect(
      output.hasPrefix("prediction\n\"red, dark\"\n\"red, dark\"\n\"so \"\"blue\"\"\"\n\"so \"\"blue\"\"\"\n")
    )
    try folder.write("labels.csv", output)
    try folder.write("features.csv", "a,b\n1,0\n2,0\n0,1\n0,2\n5,5\n")
    let result = try Command.succeed(
      ["evaluate", "m", "features.csv", "--labels", "labels.csv", "--json"], in: folder)
    #expect(try JSON.object(result.output)["accuracy"] as? Double == 1)
  }

  @Test func scores() throws {
    let lines = try predict("train.csv", "--scores").outputLines
    #expect(lines[0].hasPrefix("prediction,") && lines[0].contains("\"score_red, dark\""))
    let scores = lines[1].split(separator: ",").suffix(3).compactMap { Float($0) }
    #expect(scores.count == 3 && lines.count == 6)
    #expect(scores.max().map { $0 > 0.5 && $0 < 1.5 } == true)
  }

  @Test func aFileIsTheSameAsStandardOutput() throws {
    for flags in [[], ["--scores"]] {
      let printed = try Command.succeed(["predict", "m", "train.csv"] + flags, in: folder)
      let written = try Command.succeed(["predict", "m", "train.csv", "--out", "p.csv"] + flags, in: folder)
      #expect(try folder.text("p.csv") == printed.output && written.output.isEmpty)
      #expect(printed.error.isEmpty && written.error == "firetree: wrote 5 predictions to p.csv\n")
    }
    #expect(try folder.names == ["m", "p.csv", "train.csv"])
  }

  /// Features are found by name; the target and further columns are ignored, whatever they hold.
  @Test func columnsInAnyOrder() throws {
    let expected = try predict("train.csv").output
    try folder.write("other.csv", "note,kind,b,a\nx,?,0,1\ny,,0,2\n,nan,1,0\n1,2,2,0\n\"a,b\",z,5,5\n")
    try folder.write("bare.csv", "1,0\n2,0\n0,1\n0,2\n5,5\n")
    #expect(try predict("other.csv").output == expected)
    #expect(try predict("bare.csv").output == expected)
    let lines = expected.split(separator: "\n")
    let part = try predict("bare.csv", "--skip", "1", "--points", "2").outputLines
    #expect(part == [lines[0], lines[2], lines[3]])
  }

  @Test func threadsChangeNothing() throws {
    let expected = try predict("train.csv", "--scores").output
    for threads in ["1", "2", "3", "64"] {
      #expect(try predict("train.csv", "--scores", "--threads", threads).output == expected)
    }
  }

  @Test func inspectAModel() throws {
    let text = try Command.succeed(["inspect", "m"], in: folder).output
    let rows = text.split(separator: "\n").map { line in
      line.replacing(/training loss .*/, with: "training loss  ...").replacing(
        /training learning_rate .*/, with: "training learning_rate  ...")
    }
    try Snapshot.expect(rows.joined(separator: "\n") + "\n", equals: "inspect-model")
  }

  @Test func inspectData() throws {
    try folder.write("data.svm", "1 1:2 4:1\n-1 2:1\n")
    try folder.write("values.csv", "a;y\n1;2.5\n2;-1\n")
    let digits = try folder.linkDigits()
    let texts = try [
      ["train.csv", "--target", "kind"], ["data.svm"], ["values.csv"], digits + ["--points", "50"],
    ].map {
      "$ firetree inspect \($0.joined(separator: " "))\n"
        + (try Command.succeed(["inspect"] + $0, in: folder).output)
    }
    try Snapshot.expect(texts.joined(separator: "\n"), equals: "inspect-data")
  }
}
