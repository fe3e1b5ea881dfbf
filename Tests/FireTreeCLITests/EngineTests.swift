import FireTree
import Testing

/// The commands that compare engines, and what holds for each of them.
@Suite struct EngineTests {
  static let engines = EngineKind.allCases.map(\.rawValue)
  private let folder: TemporaryFolder
  private let digits: [String]

  init() throws {
    folder = try TemporaryFolder()
    digits = try folder.linkDigits()
  }

  /// The same seed gives the same bytes on any number of threads, another seed others.
  @Test(arguments: engines, ["0", "0.9"]) func theModelIsAFunctionOfTheSeed(engine: String, momentum: String)
    throws
  {
    func model(_ options: String...) throws -> [UInt8] {
      try Command.succeed(
        ["train"] + digits + ["--points", "300", "--neurons", "700", "--iterations", "8", "--engine", engine]
          + ["--momentum", momentum, "--out", "m"] + options, in: folder)
      return try folder.bytes("m")
    }
    let expected = try model("--threads", "1")
    #expect(try model("--threads", "2") == expected)
    #expect(try model("--threads", "3") == expected)
    #expect(try model("--seed", "0") == expected)
    #expect(try model("--seed", "1") != expected)
  }

  @Test(arguments: engines) func verifyMissesNothing(engine: String) throws {
    let result = try Command.succeed(
      ["verify"] + digits + [
        "--points", "1000", "--neurons", "500", "--iterations", "10", "--engine", engine,
      ],
      in: folder)
    let row = try #require(result.outputLines.last).split(separator: " ").map(String.init)
    // Columns: see the head of the table.
    #expect(result.outputLines.count == 2 && row.count == 11 && row[0] == engine && row[1] == "verified")
    let numbers = row[2...].compactMap(Double.init)
    #expect(numbers[0] == 10 && numbers[4] == 11 * 500 * 1000, "steps, pairs compared")
    #expect(numbers[3] <= 1e-5, "loss difference")
    #expect(numbers[5] > 100_000 && numbers[6] == 0 && numbers[7] == 0, "pairs that fire, missed, extra")
  }

  @Test func verifyChecksEveryEngineByDefault() throws {
    try folder.link("diabetes.csv")
    let result = try Command.succeed(
      ["verify", "diabetes.csv", "--neurons", "50", "--iterations", "3", "--momentum", "0"], in: folder)
    let rows = result.outputLines.dropFirst().map {
      $0.split(separator: " ").prefix(2).joined(separator: " ")
    }
    #expect(rows == Self.engines.dropFirst().map { "\($0) verified" })
    #expect(Set(result.outputLines.map(\.count)).count == 1, "one table")
  }

  @Test func benchmarkPrintsALineForEachEngine() throws {
    let result = try Command.succeed(
      ["benchmark"] + digits + ["--points", "100", "--neurons", "500", "--steps", "5", "--json"], in: folder)
    let lines = try JSON.lines(result.output)
    #expect(lines.map { $0["engine"] as? String } == Self.engines)
    let loss = try JSON.number(lines[0]["loss"])
    for line in lines {
      for name in ["preprocess_seconds", "step_seconds_median", "peak_bytes", "learning_rate"] {
        #expect(try JSON.number(line[name]) > 0, "\(name)")
      }
      #expect(try abs(JSON.number(line["loss"]) - loss) <= 1e-5 * loss)
      #expect((line["losses"] as? [Double])?.count == 6 && (line["step_seconds"] as? [Double])?.count == 5)
      #expect((line["losses"] as? [Double])?.last == line["loss"] as? Double)
      let sizes = ["points", "dimension", "neurons", "outputs", "momentum"].map { line[$0] as? Int }
      #expect(sizes == [100, 784, 500, 10, 0])
      let counters = try #require(line["counters"] as? [String: Any])
      let engine = try #require(line["engine"] as? String)
      // Each engine counts what it does, under the name of that.
      let names =
        switch engine {
        case "dense": ["inner_products"]
        case "gram", "weights": ["candidates_computed", "inner_products", "neurons_anchored"]
        case "kinetic": ["inner_products", "neurons_anchored", "neurons_looked_at", "pairs_changed"]
        default: ["inner_products", "nodes_visited", "nodes_written", "pairs_reported"]
        }
      #expect(counters.keys.sorted() == names, "\(engine)")
      #expect(try JSON.number(counters["inner_products"]) > 0)
    }
    #expect(try JSON.number((lines[1]["counters"] as? [String: Any])?["nodes_visited"]) > 0)
  }

  /// Every engine gets the rule that all get, whatever was timed before it.
  @Test func benchmarkDoesNotDependOnTheOrder() throws {
    try folder.link("diabetes.csv")
    let lines = try ["gram,weights,kinetic,dense", "dense,kinetic,weights,gram"].map { engines in
      try JSON.lines(
        Command.succeed(
          ["benchmark", "diabetes.csv", "--neurons", "300", "--steps", "6", "--json", "--engines", engines],
          in: folder
        ).output
      ).sorted { "\($0["engine"] ?? "")" < "\($1["engine"] ?? "")" }
    }
    for (one, other) in zip(lines[0], lines[1]) {
      #expect(one["losses"] as? [Double] == other["losses"] as? [Double])
      #expect(one["counters"] as? [String: Double] == other["counters"] as? [String: Double])
      #expect(one["learning_rate"] as? Double == other["learning_rate"] as? Double)
    }
  }

  @Test func benchmarkTakesTheEnginesThatAreNamed() throws {
    try folder.link("diabetes.csv")
    let arguments = [
      "benchmark", "diabetes.csv", "--neurons", "50", "--steps", "1", "--engines", "weight-tree,dense",
    ]
    let lines = try JSON.lines(try Command.succeed(arguments + ["--json"], in: folder).output)
    #expect(lines.map { $0["engine"] as? String } == ["weight-tree", "dense"])
    let output = try Command.succeed(arguments, in: folder).outputLines
    let table = output.prefix(3)
    #expect(output.count == 4 && table[0].contains("step (median)") && Set(table.map(\.count)).count == 1)
    #expect(table[1].contains("weight-tree") && table[2].contains("dense"))
  }

  /// What auto takes, and its measured time against the others; `auto` among the engines stands for it.
  @Test func benchmarkSaysWhatAutoTakes() throws {
    try folder.link("diabetes.csv")
    let arguments = ["benchmark", "diabetes.csv", "--points", "10", "--neurons", "20000", "--steps", "2"]
    let lines = try JSON.lines(try Command.succeed(arguments + ["--json"], in: folder).output)
    let chosen = lines.filter { $0["auto"] as? Bool == true }.compactMap { $0["engine"] as? String }
    #expect(lines.count == Self.engines.count && chosen.count == 1)
    for line in lines {
      #expect(try JSON.number(line["predicted_step_seconds"]) > 0)
      #expect(try JSON.number(line["predicted_preprocess_seconds"]) > 0)
    }
    let text = try Command.succeed(arguments, in: folder).outputLines.last ?? ""
    let pattern =
      /auto takes ([a-z-]+)(?:, the fastest|: [0-9.]+ times slower than [a-z-]+)(?:, [0-9.]+ times (?:faster|slower) than dense)? \(preprocessing and 2 steps\)/
    #expect(try #require(text.wholeMatch(of: pattern), "\(text)").output.1 == chosen[0])
    let named = try Command.succeed(
      arguments + ["--json", "--engines", "auto,\(chosen[0]),auto"], in: folder
    )
    #expect(try JSON.lines(named.output).map { $0["engine"] as? String } == chosen)
    #expect(
      named.message == "auto takes \(chosen[0]), the fastest (preprocessing and 2 steps)"
        || chosen[0] == "dense")
  }
}
