import Foundation
import TestSupport
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

  /// What a process of many sizes does: each engine, each kind of file, models that are read.
  private static let work = [
    "train table.csv --neurons 3000 --engine kinetic",
    "train table.csv --neurons 6000 --engine gram --momentum 0.9",
    "train table.csv --neurons 6000 --engine weights", "train table.csv --neurons 3000 --engine weight-tree",
    "train table.csv --neurons 3000 --engine data-tree",
    "train table.csv --neurons 6000 --engine half-space-data",
    "train table.csv --neurons 6000 --engine half-space-weights",
    "train sparse.svm --neurons 6000 --engine gram --weights seeded",
    "train sparse.svm --neurons 500 --engine dense",
    "predict seeded sparse.svm", "evaluate seeded sparse.svm",
  ]

  /// Wherever memory ends, the command ends with its result or with one line, and files are whole or not there.
  @Test(.enabled(if: isPossible), arguments: work) func nothingTraps(work: String) throws {
    try writeData()
    let isTraining = work.hasPrefix("train")
    if !isTraining {
      let training =
        "train sparse.svm --neurons 2000 --engine gram --weights seeded --iterations 2 --out seeded"
      try Command.succeed(training.split(separator: " ").map(String.init), in: folder)
    }
    let names = try folder.names
    var codes: [Int32] = []
    for kibibytes in stride(from: 290_000, through: 650_000, by: 18_000) {
      let options = isTraining ? " --iterations 2 --learning-rate 1e-3 --out result" : ""
      let result = try Self.run(kibibytes: kibibytes, work + " --threads 2" + options, in: folder)
      codes.append(result.code)
      let isRefused =
        result.code == 64 && (result.message.contains("memory") || result.message.contains("addresses"))
      #expect(result.code == 0 || isRefused, "\(kibibytes): \(result.code) \(result.error.suffix(300))")
      let files = isTraining && result.code == 0 ? ["result"] : []
      #expect(try folder.names == (names + files).sorted(), "\(kibibytes)")
      try? FileManager.default.removeItem(at: folder["result"])
    }
    // The limits reach from too little to enough.
    #expect(codes.first == 64 && codes.last == 0, "\(codes)")
  }

  /// 1,500 dense points of 5 classes, and 2,000 sparse ones of 3.
  private func writeData() throws {
    var random = SeededGenerator(seed: 1)
    let rows = (0..<1500).map { row in
      random.floats(8).map { "\($0)," }.joined() + "k\(row % 5)\n"
    }
    try folder.write("table.csv", rows.joined())
    let sparse = (0..<2000).map { row in
      let elements = (0..<40).map { " \($0 * 50 + Int.random(in: 1...50, using: &random)):0.\(row % 9 + 1)" }
      return "\(row % 3)" + elements.joined() + "\n"
    }
    try folder.write("sparse.svm", sparse.joined())
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
