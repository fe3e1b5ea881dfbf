import Foundation
import Testing

/// From a data file to predictions, in every format.
@Suite struct TrainingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Trains with `arguments`, evaluates on `heldOut`, and returns what evaluate says in JSON.
  private func evaluation(train: [String], on heldOut: [String]) throws -> [String: Any] {
    try Command.succeed(["train"] + train + ["--out", "m.safetensors"], in: folder)
    return try JSON.object(
      try Command.succeed(["evaluate", "m.safetensors"] + heldOut + ["--json"], in: folder).output)
  }

  /// 130 of the 169 held-out rows are benign, a share of 0.77; linear classifiers reach 0.95 and more on this data.
  @Test func classesOfATable() throws {
    try folder.link("breast-cancer.csv")
    let result = try evaluation(
      train: ["breast-cancer.csv", "--points", "400", "--neurons", "1000"],
      on: ["breast-cancer.csv", "--skip", "400"])
    #expect(try JSON.number(result["accuracy"]) > 0.95)
    #expect(result["classes"] as? [String] == ["benign", "malignant"])
    let confusion = try #require(result["confusion"] as? [[Int]])
    #expect(result["points"] as? Int == 169 && confusion.map { $0.reduce(0, +) } == [130, 39])
    let text = try Command.succeed(
      ["evaluate", "m.safetensors", "breast-cancer.csv", "--skip", "400"], in: folder
    ).output
    #expect(
      text.hasPrefix(String(format: "accuracy %.4f on 169 points\n\n", try JSON.number(result["accuracy"]))))
    #expect(text.contains("truth \\ predicted  benign  malignant\n"))
    let predictions = try Command.succeed(
      ["predict", "m.safetensors", "breast-cancer.csv", "--skip", "400"], in: folder
    ).outputLines
    #expect(predictions.count == 170 && predictions[0] == "prediction")
    #expect(Set(predictions.dropFirst()) == ["benign", "malignant"])
    #expect(predictions.count { $0 == "malignant" } == confusion[0][1] + confusion[1][1])
  }

  /// Least squares on the same rows: R2 0.559, RMSE 53.3; the constant mean: R2 0.
  @Test func numbersOfATable() throws {
    try folder.link("diabetes.csv")
    let heldOut = ["diabetes.csv", "--skip", "350"]
    let result = try evaluation(
      train: ["diabetes.csv", "--points", "350", "--neurons", "2000", "--iterations", "20"], on: heldOut)
    let (r2, rmse) = (try JSON.number(result["r2"]), try JSON.number(result["rmse"]))
    #expect(r2 > 0.45 && rmse < 60 && result["accuracy"] == nil)
    let text = try Command.succeed(["evaluate", "m.safetensors"] + heldOut, in: folder).output
    #expect(text == String(format: "R2 %.4f  RMSE %.6g  on 92 points\n", r2, rmse))
    // Predictions are in the units of the target, 25 to 346.
    let predictions = try Command.succeed(["predict", "m.safetensors"] + heldOut, in: folder).outputLines
    let values = predictions.dropFirst().compactMap { Double($0) }
    #expect(predictions[0] == "prediction" && values.count == 92)
    #expect(values.allSatisfy { $0 > 0 && $0 < 400 })
    #expect(values.reduce(0, +) / 92 > 100 && values.reduce(0, +) / 92 < 200)
  }

  /// The chance of a guess is 0.1; nearest neighbours reach 0.85 from 500 digits.
  @Test func digits() throws {
    let digits = try folder.linkDigits()
    let result = try evaluation(
      train: digits + ["--points", "500", "--neurons", "1000", "--iterations", "30"],
      on: digits + ["--skip", "500", "--points", "500"])
    #expect(try JSON.number(result["accuracy"]) > 0.8)
    #expect(result["classes"] as? [String] == (0...9).map(String.init))
  }

  /// The same numbers in other formats give the same model, but for what the model says of its file.
  @Test func formats() throws {
    var (rows, elements, table) = ("", [Float](), "a,b,target\n")
    for index in 0..<40 {
      let (a, b) = (Float(index % 7) - 3, Float(index % 5) - 2.5)
      let label = a * b > 0 ? 1 : 0
      rows += "\(label) 1:\(a) 2:\(b)\n"
      elements += [a, b, Float(label)]
      table += "\(a),\(b),\(label)\n"
    }
    try folder.write("data.svm", rows)
    try folder.writeGzip("data.svm.gz", Array(rows.utf8))
    try folder.write("data.csv", table)
    try folder.writeGzip("data.csv.gz", Array(table.utf8))
    try folder.write("data.npy", ArrayFile.npy([40, 3], elements))
    try folder.writeGzip("data.npy.gz", ArrayFile.npy([40, 3], elements))
    var transposed = [Float]()
    for column in 0..<3 { for row in 0..<40 { transposed.append(elements[3 * row + column]) } }
    try folder.write("fortran.npy", ArrayFile.npy([40, 3], transposed, fortran: true))
    func predictions(_ data: String, _ target: [String]) throws -> String {
      try Command.succeed(
        ["train", data, "--neurons", "200", "--iterations", "30", "--columns", "none", "--out", "m"] + target,
        in: folder)
      let result = try Command.succeed(["evaluate", "m", data, "--json"] + target, in: folder).output
      #expect(try JSON.number(JSON.object(result)["accuracy"]) > 0.9, "\(data)")
      return try Command.succeed(["predict", "m", data, "--scores"], in: folder).output
    }
    let expected = try predictions("data.csv", [])
    #expect(expected.hasPrefix("prediction,score_0,score_1\n"))
    #expect(try predictions("data.csv.gz", []) == expected)
    for file in ["data.npy", "data.npy.gz", "fortran.npy"] {
      #expect(try predictions(file, ["--target", "-1"]) == expected, "\(file)")
    }
    #expect(try predictions("data.svm", []) == predictions("data.svm.gz", []))
  }

  @Test func unpackedDigitsAreTheSame() throws {
    let digits = try folder.linkDigits()
    let small = ["--neurons", "50", "--iterations", "2", "--points", "2"]
    // Two images of 2 x 3 pixels each.
    let images = ArrayFile.idx([2, 2, 3], Array(1...12))
    try folder.write("i.idx", images)
    try folder.writeGzip("i.idx.gz", images)
    try folder.write("l.idx", ArrayFile.idx([2], [7, 3]))
    try Command.succeed(["train", "i.idx", "--labels", "l.idx", "--out", "a"] + small, in: folder)
    try Command.succeed(["train", "i.idx.gz", "--labels", "l.idx", "--out", "b"] + small, in: folder)
    #expect(try folder.bytes("a") == folder.bytes("b"))
    // A model of images of another size.
    let result = try Command.run(["predict", "a"] + digits, in: folder)
    #expect(result.code == 65 && result.message.hasPrefix("images.idx.gz: expected 6 "))
  }

  @Test func dataFromAPipe() throws {
    try folder.link("diabetes.csv")
    let table = try folder.text("diabetes.csv")
    let options = ["--neurons", "50", "--iterations", "3"]
    try Command.succeed(
      ["train", "/dev/stdin", "--format", "csv", "--out", "a"] + options, in: folder, stdin: table)
    try Command.succeed(["train", "diabetes.csv", "--out", "b"] + options, in: folder)
    #expect(try folder.bytes("a") == folder.bytes("b"))
  }

  @Test func targetLossStopsEarly() throws {
    try folder.link("diabetes.csv")
    let train = ["train", "diabetes.csv", "--neurons", "200", "--log", "log"]
    try Command.succeed(train + ["--iterations", "30"], in: folder)
    let losses = try JSON.states(try folder.text("log")).map { try JSON.number($0["loss"]) }
    #expect(losses.count == 31 && losses[30] < losses[0])
    let result = try Command.succeed(
      train + ["--iterations", "1000000", "--target-loss", "\(losses[7])"], in: folder)
    #expect(result.output.hasPrefix("iterations 7 ") && result.message.hasPrefix("stopped by target loss"))
  }

  @Test func theLogHasALineForEveryIteration() throws {
    try folder.link("diabetes.csv")
    for engine in EngineTests.engines {
      try Command.succeed(
        [
          "train", "diabetes.csv", "--neurons", "40", "--iterations", "5", "--engine", engine, "--log",
          "run.jsonl",
        ],
        in: folder)
      let lines = try JSON.states(try folder.text("run.jsonl"))
      #expect(lines.map { $0["iteration"] as? Int } == [0, 1, 2, 3, 4, 5])
      for line in lines.dropFirst() {
        #expect(try JSON.number(line["loss"]) > 0 && JSON.number(line["seconds"]) > 0)
        #expect(try JSON.number(line["firing_share"]) > 0 && JSON.number(line["firing_pairs"]) > 0)
        #expect(line["phases"] is [String: Any] && line["counters"] is [String: Any])
        #expect(try JSON.number(line["neurons_moved"]) <= 40)
      }
      #expect(lines[0]["seconds"] == nil && (lines[0]["phases"] as? [String: Double])?["reading"] != nil)
      // Both numbers are of the same state.
      for line in lines {
        let share = try JSON.number(line["firing_pairs"]) / (442 * 40)
        #expect(try abs(JSON.number(line["firing_share"]) - share) < 1e-12)
      }
    }
  }
}
