import FireTree
import Testing

/// `--optimizer gauss-newton` in every command.
@Suite struct GaussNewtonTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("breast-cancer.csv")
    try folder.link("diabetes.csv")
  }

  @Test func fromATableToPredictions() throws {
    let options = ["--optimizer", "gauss-newton", "--neurons", "500", "--threshold", "1"]
    let trained = try Command.succeed(
      ["train", "breast-cancer.csv", "--points", "400", "--out", "m", "--log", "log", "--audit", "1"]
        + options,
      in: folder)
    #expect(trained.errorLines.contains { $0.hasPrefix("firetree: tuned by leave-one-out") })
    #expect(trained.errorLines.contains { $0.hasSuffix(", gauss-newton") })
    #expect(trained.errorLines.contains { $0.hasPrefix("firetree: audit: ") && $0.hasSuffix("none missed") })
    let lines = try folder.text("log").split(separator: "\n").map { try JSON.object(String($0)) }
    let losses = try lines.compactMap { $0["loss"] == nil ? nil : try JSON.number($0["loss"]) }
    #expect(losses.count >= 3 && losses[2] < 0.5 * losses[0])
    let counters = try #require(lines[1]["counters"] as? [String: Any])
    #expect(try JSON.number(counters["kernel_products"]) >= 1 && counters["steps_taken_back"] != nil)
    let result = try JSON.object(
      try Command.succeed(["evaluate", "m", "breast-cancer.csv", "--skip", "400", "--json"], in: folder)
        .output)
    #expect(try JSON.number(result["accuracy"]) > 0.95)
    let facts = try Command.succeed(["inspect", "m"], in: folder).outputLines
    #expect(facts.contains { $0.hasPrefix("training optimizer ") && $0.hasSuffix(" gauss-newton") })
    #expect(facts.contains { $0.hasPrefix("training ridge ") })
    #expect(!facts.contains { $0.hasPrefix("training learning_rate") || $0.hasPrefix("training momentum") })
  }

  /// Nothing is given but the table.
  @Test func nothingToTune() throws {
    let options = ["--optimizer", "gauss-newton", "--neurons", "auto"]
    let trained = try Command.succeed(
      ["train", "breast-cancer.csv", "--points", "400", "--out", "m"] + options, in: folder)
    for begin in [
      "tuned by leave-one-out on 400 points: ", "leave-one-out error: ", "runner-up: ", "neurons: ",
    ] {
      #expect(trained.errorLines.filter { $0.hasPrefix("firetree: \(begin)") }.count == 1, "\(begin)")
    }
    let result = try JSON.object(
      try Command.succeed(["evaluate", "m", "breast-cancer.csv", "--skip", "400", "--json"], in: folder)
        .output)
    #expect(try JSON.number(result["accuracy"]) > 0.95)
    for command in ["plan", "verify"] {
      let few = command == "verify" ? ["--engine", "gram", "--iterations", "2"] : []
      try Command.succeed([command, "diabetes.csv"] + options + few, in: folder)
    }
  }

  /// The same bytes on any number of threads, for every engine.
  @Test(arguments: EngineKind.allCases) func theModelIsAFunctionOfTheSeed(engine: EngineKind) throws {
    let models = try ["1", "2", "3"].map { threads in
      try Command.succeed(
        ["train", "diabetes.csv", "--optimizer", "gauss-newton", "--neurons", "300", "--iterations", "3"]
          + ["--engine", engine.rawValue, "--threads", threads, "--out", "m"], in: folder)
      return try folder.bytes("m")
    }
    #expect(models[0] == models[1] && models[1] == models[2])
  }

  @Test func verifyComparesEveryStep() throws {
    let result = try Command.succeed(
      ["verify", "diabetes.csv", "--neurons", "200", "--iterations", "4", "--optimizer", "gauss-newton"]
        + ["--threshold", "1", "--ridge", "0.001"],
      in: folder)
    let rows = result.outputLines.dropFirst().map { $0.split(separator: " ").map(String.init) }
    #expect(rows.count == EngineKind.allCases.count - 1)
    for row in rows {
      #expect(row[1] == "verified" && row[2] == "4" && row[8] == "0" && row[9] == "0", "\(row)")
      #expect(Double(row[5]) ?? 1 < 1e-3, "\(row)")
    }
  }

  @Test func planAndBenchmarkKnowIt() throws {
    let table = ["diabetes.csv", "--neurons", "200", "--optimizer", "gauss-newton"]
    let plan = try Command.succeed(["plan", "--json"] + table, in: folder).outputLines.map(JSON.object)
    #expect(plan.count == EngineKind.allCases.count)
    for line in plan {
      let (step, preprocessing) = (
        try JSON.number(line["step_seconds"]), try JSON.number(line["preprocess_seconds"])
      )
      #expect(try step > 0.9 * preprocessing && JSON.number(line["iterations"]) == 30)
    }
    let timed = try Command.succeed(
      ["benchmark", "--json", "--steps", "3", "--engines", "dense,gram"] + table, in: folder
    ).outputLines.map(JSON.object)
    let losses = try timed.map { try JSON.number($0["loss"]) }
    #expect(losses.count == 2 && abs(losses[0] - losses[1]) < 1e-3 * losses[0])
    #expect(timed[0]["learning_rate"] == nil && timed[0]["counters"] != nil)
  }

  @Test func whatDoesNotApplyIsRefused() throws {
    let newton = ["diabetes.csv", "--optimizer", "gauss-newton"]
    let commands = [
      ["train"] + newton + ["--learning-rate", "1"], ["train"] + newton + ["--momentum", "0.5"],
      ["train"] + newton + ["--adaptive"], ["train"] + newton + ["--ridge", "-1"],
      ["train"] + newton + ["--ridge", "nan"], ["train"] + newton + ["--neurons", "inf"],
      ["verify"] + newton + ["--momentum", "0"], ["benchmark"] + newton + ["--learning-rate", "2"],
      ["plan"] + newton + ["--momentum", "0.9"], ["train", "diabetes.csv", "--ridge", "1"],
      ["train", "diabetes.csv", "--optimizer", "newton"], ["train", "diabetes.csv", "--neurons", "auto"],
      ["train"] + newton + ["--neurons", "auto", "--threshold", "paper"],
      ["train", "diabetes.csv", "--tune", "loo"],
    ]
    let text = try Snapshot.transcript(of: commands, code: 64, in: folder)
    try Snapshot.expect(text, equals: "usage-gauss-newton")
  }
}
