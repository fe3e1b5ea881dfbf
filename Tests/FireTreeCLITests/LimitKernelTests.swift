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
    #expect(trained.errorLines.contains { $0.hasPrefix("firetree: ridge: ") })
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
    #expect(lines.contains { $0.hasPrefix("training ridge ") })
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
}
