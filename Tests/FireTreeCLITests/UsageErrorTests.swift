import Foundation
import Testing

enum Devices {
  static let hasFull = FileManager.default.isWritableFile(atPath: "/dev/full")
}

/// What is asked for makes no sense: one line, exit code 64, nothing written.
@Suite struct UsageErrorTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
    try folder.write("data.npy", ArrayFile.npy([3, 2], [1, 2, 3, 4, 5, 6]))
    try folder.write("data.idx", ArrayFile.idx([3, 2], [1, 2, 3, 4, 5, 6]))
    try folder.write("data.svm", "1 1:2\n0 2:1\n")
  }

  private func expect(_ commands: [[String]], equals name: String) throws {
    try Snapshot.expect(try Snapshot.transcript(of: commands, code: 64, in: folder), equals: name)
  }

  @Test func words() throws {
    try expect(
      [
        ["nonsense"], ["train"], ["predict"], ["predict", "model"], ["evaluate", "model"], ["verify"],
        ["inspect"], ["benchmark"], ["plan"], ["train", "a.csv", "b.csv"],
        ["train", "a.csv", "--neuron", "5"],
        ["train", "a.csv", "--neurons"], ["train", "a.csv", "--neurons", "--seed", "1"],
        ["train", "a.csv", "--engine", "dens"], ["train", "a.csv", "--format", "xls"],
        ["train", "a.csv", "--task", "ranking"], ["train", "a.csv", "--header", "maybe"],
        ["train", "a.csv", "--columns", "scale"], ["train", "a.csv", "--weights", "none"],
        ["train", "a.csv", "--momentum-kind", "adam"],
        ["verify", "a.csv", "--engine", "tree"], ["verify", "a.csv", "--engine", "auto"],
        ["plan", "a.csv", "--engine", "gram"],
        ["verify", "a.csv", "--out", "x"], ["benchmark", "a.csv", "--engines", "dense,tree"],
        ["benchmark", "a.csv", "--engines", ""], ["benchmark", "a.csv", "--engines", ","],
        ["train", "a.csv\nb", "--neurons", "1\n2"],
      ], equals: "usage-words")
  }

  /// Zero, negative, overflowing and meaningless values of every numeric option.
  @Test func numbers() throws {
    let train = ["train", "diabetes.csv"]
    let huge = "9223372036854775807"
    let beyond = "99999999999999999999"
    var commands: [[String]] = []
    for (option, values) in [
      ("--neurons", ["0", "-5", huge, "-9223372036854775808", beyond, "1e5", "many", ""]),
      ("--iterations", ["-1", beyond, "1.5"]), ("--seed", ["-1", "18446744073709551616", "x"]),
      ("--threads", ["0", "-1", "1025", huge, "two"]), ("--points", ["0", "-3", beyond]),
      ("--skip", ["-1", beyond]), ("--momentum", ["1", "-0.1", "nan", "inf", "x"]),
      ("--learning-rate", ["0", "-1", "nan", "inf", "1e99", "fast"]),
      ("--threshold", ["nan", "-inf", "1e39", "low"]), ("--firing-share", ["0", "1", "-0.5", "nan", "x"]),
      ("--target-loss", ["-1", "nan", "x"]),
    ] {
      commands += values.map { train + [option, $0] }
    }
    commands += [
      train + ["--threshold", "1", "--firing-share", "0.1"],
      ["benchmark", "diabetes.csv", "--steps", "0"], ["benchmark", "diabetes.csv", "--steps", "-1"],
      ["benchmark", "diabetes.csv", "--momentum", "1"], ["benchmark", "diabetes.csv", "--neurons", "0"],
      ["plan", "diabetes.csv", "--neurons", "0"], ["plan", "diabetes.csv", "--iterations", "-1"],
      ["plan", "diabetes.csv", "--momentum", "1"], ["plan", "diabetes.csv", "--threads", "0"],
      ["verify", "diabetes.csv", "--iterations", "-1"], ["verify", "diabetes.csv", "--tolerance", "nan"],
      ["verify", "diabetes.csv", "--tolerance", "-1"], ["verify", "diabetes.csv", "--threads", "0"],
      ["predict", "no.safetensors", "diabetes.csv", "--threads", "0"],
      ["evaluate", "no.safetensors", "diabetes.csv", "--threads", "0"],
    ]
    try expect(commands, equals: "usage-numbers")
  }

  @Test func optionsThatDoNotFitTheData() throws {
    try expect(
      [
        ["train", "diabetes.csv", "--target", "weight"], ["train", "diabetes.csv", "--target", "11"],
        ["train", "diabetes.csv", "--target", "-12"], ["train", "diabetes.csv", "--target", ""],
        ["train", "diabetes.csv", "--target", huge("9")], ["train", "diabetes.csv", "--delimiter", ""],
        ["train", "diabetes.csv", "--delimiter", ";;"], ["train", "diabetes.csv", "--delimiter", "\u{E9}"],
        ["train", "diabetes.csv", "--delimiter", "\""],
        ["train", "diabetes.csv", "--labels", "data.npy", "--target", "0"],
        ["train", "data.npy", "--target", "name"], ["train", "data.npy", "--target", "2"],
        ["train", "data.npy", "--header", "yes"], ["train", "data.npy", "--delimiter", ","],
        ["train", "data.idx", "--target", "0"], ["train", "data.svm", "--target", "0"],
        ["train", "data.svm", "--labels", "data.npy"], ["train", "data.svm", "--columns", "center"],
        ["train", "diabetes.csv", "--weights", "seeded", "--engine", "weights"],
        ["train", "diabetes.csv", "--weights", "seeded", "--engine", "data-tree"],
        ["train", "diabetes.csv", "--labels", "data.svm"], ["train", "data.bin"], ["inspect", "data.bin"],
      ], equals: "usage-data")
  }

  private func huge(_ digit: String) -> String { String(repeating: digit, count: 30) }

  /// Refused with the bytes needed, before they are allocated.
  @Test func aWidthBeyondTheMemory() throws {
    let width = ["--neurons", "2000000000", "--target", "target"]
    var commands = ["dense", "data-tree", "weight-tree"].map {
      ["train", "diabetes.csv", "--engine", $0] + width
    }
    commands += [
      ["train", "diabetes.csv"] + width, ["verify", "diabetes.csv"] + width,
      ["benchmark", "diabetes.csv", "--json"] + width,
    ]
    try expect(commands, equals: "usage-memory")
    let message = try Command.run(commands[0], in: folder).message
    #expect(message.contains(/needs [0-9.]+ GB \([0-9]{12} bytes\) of memory/))
  }

  /// An output may not be written over what is read, whatever the spelling.
  @Test func outputsOverInputs() throws {
    try folder.write("data.csv", "a,target\n1,2\n3,4\n")
    try Command.succeed(["train", "data.csv", "--neurons", "10", "--out", "m.safetensors"], in: folder)
    try FileManager.default.createSymbolicLink(at: folder["link"], withDestinationURL: folder["data.csv"])
    try expect(
      [
        ["train", "data.csv", "--out", "data.csv"], ["train", "data.csv", "--out", "./data.csv"],
        ["train", "data.csv", "--out", "link"], ["train", "data.csv", "--log", "data.csv"],
        ["train", "data.csv", "--out", "new", "--log", "./new"],
        ["train", "data.npy", "--labels", "data.idx", "--out", "data.idx"],
        ["predict", "m.safetensors", "data.csv", "--out", "m.safetensors"],
        ["predict", "m.safetensors", "data.csv", "--out", "link"],
      ], equals: "usage-outputs")
    #expect(try folder.text("data.csv") == "a,target\n1,2\n3,4\n")
  }
}
