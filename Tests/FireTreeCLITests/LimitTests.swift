import Foundation
import Testing

/// A process whose addresses are limited ends, and says why when it has too few.
@Suite struct LimitTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
  }

  private static func run(
    kibibytes: Int, _ arguments: String, in folder: TemporaryFolder
  ) throws -> Command.Result {
    let command = "ulimit -v \(kibibytes); exec '\(try Command.executable().path)' \(arguments)"
    return try RunningCommand(URL(fileURLWithPath: "/bin/sh"), ["-c", command], in: folder).finish()
  }

  /// Not with sanitizers, which take terabytes of addresses.
  private static let isPossible =
    (try? run(kibibytes: 1_000_000, "--version", in: TemporaryFolder()).code) == 0

  /// Where the program itself can be loaded, it ends.
  @Test(.enabled(if: isPossible), arguments: [150_000, 200_000, 300_000, 1_000_000])
  func theProgramEnds(kibibytes: Int) throws {
    #expect(try Self.run(kibibytes: kibibytes, "--version", in: folder).code == 0)
  }

  @Test(
    .enabled(if: isPossible),
    arguments: [200_000, 300_000, 400_000, 440_000, 500_000, 600_000, 1_000_000], ["dense", "auto"])
  func trainingEndsWithAModelOrOneLine(kibibytes: Int, engine: String) throws {
    let arguments = "train diabetes.csv --neurons 20000 --iterations 1 --threads 2 --engine \(engine)"
    let result = try Self.run(kibibytes: kibibytes, arguments, in: folder)
    if result.code == 0 {
      #expect(try folder.names.contains("model.safetensors"))
    } else {
      #expect(result.code == 64 && result.message.contains(" bytes"), "\(result.code): \(result.error)")
      #expect(try folder.names == ["diabetes.csv"])
    }
    if kibibytes == 200_000 {
      #expect(result.code == 64 && result.message.hasPrefix("products on 1 threads at once need 134.21 MB"))
    }
    if kibibytes == 1_000_000 { #expect(result.code == 0) }
  }

  /// Predictions are made in tiles of points: with 16 shards of neurons and 10 classes, sums for each shard of all points
  /// would take 300 MB.
  @Test(.enabled(if: isPossible)) func predictingTakesLittleMoreThanTheData() throws {
    let rows = (0..<150_000).map { "0.\($0 % 89),0.\($0 % 97)\n" }
    try folder.write("new.csv", "a,b\n" + rows.joined())
    try folder.write("old.csv", "a,b,k\n" + (0..<40).map { "0.\($0 % 7),0.\($0 % 9),c\($0 % 10)\n" }.joined())
    try Command.succeed(
      ["train", "old.csv", "--target", "k", "--neurons", "2600", "--iterations", "1", "--out", "m"],
      in: folder)
    let result = try Self.run(
      kibibytes: 480_000, "predict m new.csv --threads 1 --out predictions.csv", in: folder)
    #expect(result.code == 0, "\(result.error)")
    #expect(try folder.text("predictions.csv").utf8.count { $0 == UInt8(ascii: "\n") } == 150_001)
  }

  /// The plan sees the limit.
  @Test(.enabled(if: isPossible)) func whatIsPlannedFits() throws {
    let result = try Self.run(
      kibibytes: 1_000_000, "train diabetes.csv --neurons 10000000 --threads 1 --engine dense", in: folder)
    #expect(result.code == 64 && result.message.contains("of memory, this machine has "))
    let words = result.message.components(separatedBy: "this machine has ").last?.split(separator: "(")
    let available = try #require(words?.last.flatMap { Int($0.prefix { $0.isNumber }) })
    #expect(available < 1_000_000 * 1024)
  }
}
