import Foundation
import Testing

/// `study`, on sizes that take a second. Times differ from run to run and are not compared.
@Suite struct StudyTests {
  static let studies = ["scaling", "regimes", "dimensions", "hardness", "sparsity", "theory"]
  private static let hasGnuplot = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .contains { FileManager.default.isExecutableFile(atPath: "\($0)/gnuplot") }
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A CSV file without quoted fields, as rows of fields by column.
  private func table(_ name: String) throws -> [[String: String]] {
    let lines = try folder.text(name).split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
  }

  @Test func allOfThem() throws {
    let result = try Command.succeed(["study", "all", "--smoke", "--out", "s"], in: folder)
    #expect(!result.error.contains("\r") && !result.error.contains("\u{1B}"))
    #expect(result.message == "wrote s")
    for name in Self.studies {
      #expect(result.output.contains("\n\(name): ") || result.output.hasPrefix("\(name): "))
      #expect(try folder.text("s/\(name).md").contains("size: smoke; seed: 0"))
      #expect(FileManager.default.fileExists(atPath: folder["s/\(name).svg"].path) == Self.hasGnuplot)
    }
    #expect(result.output.contains(/theory: [0-9]+ pairs compared, none missed, none extra, [0-9]+ ties/))
    let index = try folder.text("s/README.md")
    #expect(index.contains("| claim | where | measured | verdict |") && index.contains("arXiv 2110.04622"))
    // Every pair of the smallest detectors' instances, before and after updates.
    for row in try table("s/hardness.csv") {
      let vectors = try #require(row["vectors"].flatMap(Int.init))
      #expect(row["pairs_compared"] == "\(2 * vectors * vectors)")
    }
    let regimes = try table("s/regimes.csv")
    #expect(Set(regimes.compactMap { $0["engine"] }) == Set(EngineTests.engines))
    for row in regimes where row["status"] == "measured" {
      #expect(try #require(row["step_seconds"].flatMap(Double.init)) > 0)
      let pairs = try #require(row["points"].flatMap(Int.init)) * #require(row["neurons"].flatMap(Int.init))
      #expect(row["pairs_compared"] == "\(pairs)")
    }
  }

  /// A cell that is there stays as it is; one that is not is measured.
  @Test func whatIsMissingIsMeasured() throws {
    let arguments = ["study", "theory", "--smoke", "--out", "s"]
    try Command.succeed(arguments, in: folder)
    let whole = try folder.text("s/theory.csv")
    let lines = whole.split(separator: "\n", omittingEmptySubsequences: false)
    // A time in the second row that no measurement gives, and the last cell cut off.
    try folder.write("s/theory.csv", lines.dropLast(2).joined(separator: "\n") + "\n")
    let cut = try folder.text("s/theory.csv")
    try Command.succeed(arguments, in: folder)
    let again = try folder.text("s/theory.csv")
    #expect(again.hasPrefix(cut) && again.split(separator: "\n").count == lines.count - 1)
    // Another seed is another study.
    let other = try Command.run(arguments + ["--seed", "1"], in: folder)
    #expect(
      other.code == 64 && other.message.hasPrefix("s: this folder holds a study with another seed (0, now 1)")
    )
    #expect(try folder.text("s/theory.csv") == again)
    // A file that was cut within a row.
    try folder.write("s/theory.csv", String(again.dropLast(40)))
    let broken = try Command.run(arguments, in: folder)
    #expect(broken.code == 65 && broken.message.hasPrefix("s/theory.csv: row "))
    #expect(broken.output.isEmpty)
  }

  /// Interrupted or killed, a study keeps whole cells and nothing else.
  @Test(arguments: [SIGINT, SIGKILL]) func anEndInTheMiddle(signal: Int32) throws {
    let command = try RunningCommand(
      Command.executable(), ["study", "scaling", "--full", "--threads", "1", "--out", "s"], in: folder)
    while !FileManager.default.fileExists(atPath: folder["s/settings.csv"].path) && command.process.isRunning
    {
      usleep(5000)
    }
    usleep(50_000)
    kill(command.process.processIdentifier, signal)
    let result = try command.finish()
    #expect(result.code == (signal == SIGINT ? 130 : 128 + SIGKILL))
    if signal == SIGINT {
      #expect(result.message == "stopped by interrupt; the same command goes on with what is in s")
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder["s"].path)
    #expect(Set(names).isSubset(of: ["settings.csv", "scaling.csv"]), "\(names)")
    if names.contains("scaling.csv") {
      let lines = try folder.text("s/scaling.csv").split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.last == "" && (lines.count - 2) % EngineTests.engines.count == 0)
    }
  }

  @Test func withoutGnuplot() throws {
    let command = try RunningCommand(
      URL(fileURLWithPath: "/usr/bin/env"),
      ["PATH=/nowhere", Command.executable().path, "study", "sparsity", "--smoke", "--out", "s"], in: folder)
    let result = try command.finish()
    #expect(result.code == 0 && result.errorLines.first == "firetree: gnuplot is not installed: no figures")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder["s"].path).sorted()
    #expect(names == ["README.md", "settings.csv", "sparsity.csv", "sparsity.md"])
    #expect(try !folder.text("s/sparsity.md").contains(".svg"))
  }

  /// A program of that name that fails.
  @Test func aGnuplotThatFails() throws {
    try folder.write("gnuplot", "#!/bin/sh\nexit 3\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder["gnuplot"].path)
    let command = try RunningCommand(
      URL(fileURLWithPath: "/usr/bin/env"),
      ["PATH=\(folder.url.path)", Command.executable().path, "study", "sparsity", "--smoke", "--out", "s"],
      in: folder)
    let result = try command.finish()
    #expect(result.code == 1 && result.message == "gnuplot ended with code 3 and without a figure")
    #expect(try folder.text("s/sparsity.csv").split(separator: "\n").count > 3)
  }

  @Test func onDataOfAFile() throws {
    try folder.link("diabetes.csv")
    let arguments = [
      "study", "theory", "diabetes.csv", "--task", "regression", "--points", "20", "--smoke", "--out", "s",
    ]
    try Command.succeed(arguments, in: folder)
    let rows = try table("s/theory.csv")
    #expect(rows.count == 2 && rows.allSatisfy { $0["points"] == "10" && $0["dimension"] == "11" })
    #expect(try folder.text("s/theory.md").contains("data: diabetes.csv (20 points, 11 inputs, 1 outputs)"))
    // Studies of detectors and of d take random points all the same.
    try Command.succeed(
      [
        "study", "scaling", "diabetes.csv", "--task", "regression", "--points", "20", "--smoke", "--out", "s",
      ], in: folder)
    let scaling = try table("s/scaling.csv")
    #expect(Set(scaling.filter { $0["sweep"] == "n" }.compactMap { $0["points"] }) == ["8", "16"])
    #expect(Set(scaling.filter { $0["sweep"] == "d" }.compactMap { $0["dimension"] }) == ["16", "32", "64"])
  }

  @Test func wrongUsage() throws {
    try folder.write("bad.csv", "a,target\n1,2\nx,3\n")
    try folder.write("file", "x")
    try Snapshot.expect(
      try Snapshot.transcript(
        of: [
          ["study"], ["study", "all"], ["study", "nonsense", "--out", "s"], ["study", "all", "--out", ""],
          ["study", "all", "--quick", "--smoke", "--out", "s"],
          ["study", "all", "--out", "s", "--threads", "0"],
          ["study", "all", "--out", "s", "--seed", "-1"],
          ["study", "all", "file.bin", "--out", "s"],
        ], code: 64, in: folder), equals: "usage-study")
    try Snapshot.expect(
      try Snapshot.transcript(
        of: [["study", "all", "bad.csv", "--out", "s"], ["study", "all", "none.csv", "--out", "s"]], code: 65,
        in: folder), equals: "data-study")
    try Snapshot.expect(
      try Snapshot.transcript(
        of: [
          ["study", "all", "--smoke", "--out", "file"], ["study", "all", "--smoke", "--out", "file/below"],
          ["study", "all", "--smoke", "--out", "/proc/nowhere"],
        ], code: 1, in: folder), equals: "failure-study")
  }
}
