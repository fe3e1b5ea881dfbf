import Foundation
import Testing

/// `--neurons inf` in every command.
@Suite struct LimitKernelTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("breast-cancer.csv")
    try folder.link("diabetes.csv")
  }

  /// As for a network of 1,000 neurons: linear classifiers reach 0.95 and more on this data.
  @Test func fromATableToPredictions() throws {
    let trained = try Command.succeed(
      ["train", "breast-cancer.csv", "--points", "400", "--neurons", "inf", "--out", "m"], in: folder)
    #expect(
      trained.output.wholeMatch(of: /ridge [0-9.e-]+  loss [0-9.e-]+  leave-one-out accuracy 0\.9[0-9]{3}\n/)
        != nil, "\(trained.output)")
    #expect(trained.errorLines.last == "firetree: wrote m, which holds the 400 training points")
    let chosen = try #require(
      trained.errorLines.compactMap {
        $0.wholeMatch(
          of:
            /firetree: tuned by leave-one-out on 400 points: threshold ([0-9.]+), constant ([0-9.]+), ridge ([0-9.e-]+)/
        )
      }.first)
    #expect(
      trained.errorLines.contains {
        $0.wholeMatch(of: /firetree: leave-one-out error: [0-9.]+ \+- [0-9.]+/) != nil
      })
    #expect(trained.errorLines.contains { $0.hasPrefix("firetree: runner-up: threshold ") })
    let heldOut = ["breast-cancer.csv", "--skip", "400"]
    let result = try JSON.object(
      try Command.succeed(["evaluate", "m"] + heldOut + ["--json"], in: folder).output)
    #expect(try JSON.number(result["accuracy"]) > 0.95)
    let predictions = try ["1", "2"].map {
      try Command.succeed(["predict", "m"] + heldOut + ["--scores", "--threads", $0], in: folder).output
    }
    #expect(predictions[0] == predictions[1] && predictions[0].hasPrefix("prediction,score_benign,"))
    let lines = try Command.succeed(["inspect", "m"], in: folder).outputLines
    #expect(lines.contains { $0.hasPrefix("neurons ") && $0.hasSuffix("  infinitely many") })
    #expect(lines.contains { $0.hasPrefix("holds ") && $0.hasSuffix("  400 training points") })
    for (name, value) in [
      ("ridge", chosen.3), ("tuning_ridge", chosen.3), ("tuning_threshold", chosen.1),
      ("tuning_constant", chosen.2), ("tuning", "loo"), ("tuning_points", "400"),
    ] {
      #expect(
        lines.contains { $0.hasPrefix("training \(name) ") && $0.hasSuffix(" \(value)") }, "\(name) \(value)")
    }
    #expect(lines.contains { $0.hasPrefix("training runner_up_error ") })
    #expect(!lines.contains { $0.hasPrefix("weights ") })
  }

  @Test func numbersWithAGivenRidge() throws {
    let trained = try Command.succeed(
      ["train", "diabetes.csv", "--neurons", "inf", "--ridge", "1", "--threshold", "0", "--out", "m"],
      in: folder)
    // Linear regression explains 0.52 of the variance of these points.
    #expect(
      trained.output.wholeMatch(
        of: /ridge 1  loss [0-9.]+  leave-one-out R2 0\.[45][0-9]{3}  RMSE 5[0-9.]+\n/)
        != nil, "\(trained.output)")
    #expect(!trained.errorLines.contains { $0.hasPrefix("firetree: ridge") })
  }

  @Test func whatDoesNotApplyIsRefused() throws {
    let train = ["train", "diabetes.csv", "--neurons", "inf"]
    var commands = [
      ["--engine", "dense"], ["--iterations", "5"], ["--momentum", "0"], ["--momentum-kind", "heavy-ball"],
      ["--learning-rate", "1"], ["--target-loss", "1"], ["--adaptive"], ["--no-keep-best"],
      ["--outputs", "grouped"], ["--initial", "gaussian"], ["--start", "independent"],
      ["--weights", "seeded"], ["--full-weights"], ["--audit", "1"], ["--log", "x"],
    ].map { train + $0 }
    commands += [
      train + ["--ridge", "0"], train + ["--ridge", "-1"], train + ["--ridge", "nan"],
      train + ["--ridge", "x"],
      train + ["--threshold", "paper"], train + ["--threshold", "papers"], train + ["--constant", "-1"],
      train + ["--constant", "nan"], train + ["--constant", "x"], train + ["--constant"],
      train + ["--constant", "1", "--no-constant"], train + ["--tune", "x"],
      train + ["--threshold", "paper", "--firing-share", "0.1"],
      ["train", "diabetes.csv", "--tune", "loo"],
      ["train", "diabetes.csv", "--ridge", "1"], ["train", "diabetes.csv", "--ridge", "auto"],
      ["train", "diabetes.csv", "--neurons", "infinity"],
    ]
    commands += ["plan", "verify", "benchmark"].map { [$0, "diabetes.csv", "--neurons", "inf"] }
    try Snapshot.expect(
      try Snapshot.transcript(of: commands, code: 64, in: folder), equals: "usage-limit-kernel")
    try Command.succeed(train + ["--seed", "7", "--out", "m"], in: folder)
    let check = try Command.run(["predict", "m", "diabetes.csv", "--check"], in: folder)
    #expect(check.code == 64 && check.message.contains("a limit kernel has no neurons"))
    try Command.succeed(["predict", "m", "diabetes.csv", "--dense"], in: folder)
  }

  /// Options that are given are kept, and what they leave open is chosen by the error that is asked for.
  @Test func whatIsGivenIsNotTuned() throws {
    let train = ["train", "diabetes.csv", "--neurons", "inf", "--out", "m"]
    func tuned(_ options: [String]) throws -> String? {
      try Command.succeed(train + options, in: folder).errorLines.first { $0.hasPrefix("firetree: tuned ") }
        .map(String.init)
    }
    #expect(
      try #require(try tuned(["--tune", "hold-out", "--constant", "0.7", "--threshold", "0.3"]))
        .hasPrefix("firetree: tuned by hold-out on 442 points: threshold 0.3, constant 0.7, ridge "))
    #expect(
      try #require(try tuned(["--no-constant", "--ridge", "2"]))
        .hasSuffix(", constant 0.0, ridge 2.0"))
    #expect(try tuned(["--constant", "1", "--threshold", "1", "--ridge", "2"]) == nil)
    let networks = try ["auto", "paper"].map { threshold in
      try Command.succeed(
        ["train", "diabetes.csv", "--neurons", "50", "--threshold", threshold, "--out", "m"], in: folder)
    }
    #expect(networks[0].output == networks[1].output)
    #expect(networks[1].errorLines.contains { $0.hasSuffix(" (sqrt(0.4 ln 50))") })
  }
}
