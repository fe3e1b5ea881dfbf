import Foundation
import Testing

/// Training with defaults: the loss falls and stays down, whatever the data.
@Suite struct StabilityTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static func caseFiles(_ name: String) -> [String] {
    let cases = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Cases")
    return [
      cases.appending(path: "\(name)-idx3-ubyte").path, "--labels",
      cases.appending(path: "\(name)-idx1-ubyte").path,
    ]
  }

  /// After five steps never above one and a half times the start, at the end at most 5% over the lowest; `reached` is the
  /// share of the first loss that 60 steps are sure to come to.
  @Test(
    arguments: [
      ("abalone-one-hot.csv.gz", 0.45), ("sonar.csv.gz", 0.02), ("ionosphere.csv.gz", 0.05),
      ("optdigits.csv.gz", 0.15), ("breast-cancer.csv", 0.05), ("diabetes.csv", 0.3),
      ("images30classes", 0.01), ("noise5x5", 0.01),
    ])
  func theLossStaysDown(name: String, reached: Double) throws {
    var data = [name]
    if name.contains(".") { try folder.link(name) } else { data = Self.caseFiles(name) }
    for seed in ["0", "1"] {
      let result = try Command.succeed(
        ["train"] + data + ["--out", "m", "--log", "log", "--seed", seed], in: folder)
      let losses = try JSON.states(try folder.text("log")).map { try JSON.number($0["loss"]) }
      let (first, last) = (losses[0], try #require(losses.last))
      #expect(losses.count == 61 && losses.allSatisfy(\.isFinite))
      #expect(losses[6...].allSatisfy { $0 <= 1.5 * first })
      #expect(last <= 1.05 * (losses.min() ?? 0) && last <= reached * first, "\(last / first)")
      #expect(!result.error.contains("went back"))
    }
  }

  /// A rate that is far too large is halved until it is not, and that is said; without it training diverges.
  @Test func aRateThatIsTooLarge() throws {
    try folder.link("diabetes.csv")
    let train = ["train", "diabetes.csv", "--out", "m", "--log", "log", "--learning-rate", "30"]
    let result = try Command.succeed(train + ["--adaptive"], in: folder)
    let losses = try JSON.states(try folder.text("log")).map { try JSON.number($0["loss"]) }
    #expect(try #require(losses.last) < 0.5 * losses[0])
    #expect(result.error.contains(/went back to iteration 0, with the learning rate 15\.0/))
    #expect(result.error.contains(/the learning rate was halved [0-9]+ times/))
    #expect(try Command.run(train, in: folder).code == 1)
  }
}
