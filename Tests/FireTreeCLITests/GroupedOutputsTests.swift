import FireTree
import Foundation
import Testing

/// `--outputs grouped` in every command.
@Suite struct GroupedOutputsTests {
  static let engines = EngineKind.allCases.map(\.rawValue)
  private let folder: TemporaryFolder
  private let digits: [String]

  init() throws {
    folder = try TemporaryFolder()
    digits = try folder.linkDigits()
  }

  private func train(_ options: String...) -> [String] {
    ["train"] + digits + ["--points", "300", "--neurons", "700", "--iterations", "20", "--out", "m"] + options
  }

  /// What is saved feeds one output a neuron, has learned, and predicts the same when it is saved again.
  @Test(arguments: engines) func trainedModels(engine: String) throws {
    try Command.succeed(train("--engine", engine, "--outputs", "grouped"), in: folder)
    let model = try Model(contentsOf: folder["m"].path)
    for r in 0..<700 {
      #expect((0..<10).allSatisfy { (model.outputWeights[r, $0] != 0) == ($0 == r / 2 % 10) })
    }
    let first = digits + ["--points", "300"]
    let evaluation = try JSON.object(
      try Command.succeed(["evaluate", "m"] + first + ["--json"], in: folder).output)
    #expect(try JSON.number(evaluation["accuracy"]) > 0.8)
    let predictions = try Command.succeed(["predict", "m"] + first, in: folder).output
    #expect(predictions.split(separator: "\n").count == 301)
    // Written again from what was read, it is the same model.
    try model.write(to: folder["again"].path)
    #expect(try Command.succeed(["predict", "again"] + first, in: folder).output == predictions)
  }

  /// The same seed with all outputs is another network.
  @Test func fullIsTheDefault() throws {
    try Command.succeed(train(), in: folder)
    let expected = try folder.bytes("m")
    try Command.succeed(train("--outputs", "full"), in: folder)
    #expect(try folder.bytes("m") == expected)
    try Command.succeed(train("--outputs", "grouped"), in: folder)
    #expect(try folder.bytes("m") != expected)
    let wrong = try Command.run(train("--outputs", "some"), in: folder)
    #expect(wrong.code == 64)
  }

  /// Seeded and stored weights of one run predict the same classes.
  @Test func seededWeights() throws {
    let predictions = try ["seeded", "stored"].map { form in
      try Command.succeed(
        train("--engine", "kinetic", "--outputs", "grouped", "--weights", form), in: folder)
      return try Command.succeed(["predict", "m"] + digits + ["--points", "300"], in: folder).output
    }
    #expect(predictions[0] == predictions[1])
  }

  @Test(arguments: engines.dropFirst()) func verify(engine: String) throws {
    let result = try Command.succeed(
      ["verify"] + digits + [
        "--points", "200", "--neurons", "400", "--iterations", "10", "--engine", engine, "--outputs",
        "grouped",
      ], in: folder)
    let row = try #require(result.outputLines.last).split(separator: " ")
    #expect(row.prefix(2) == [Substring(engine), "verified"])
  }

  @Test func benchmark() throws {
    func losses(_ outputs: String) throws -> [Double] {
      let lines = try JSON.lines(
        try Command.succeed(
          ["benchmark"] + digits + [
            "--points", "100", "--neurons", "300", "--steps", "4", "--json", "--outputs", outputs,
          ], in: folder
        ).output)
      #expect(lines.map { $0["engine"] as? String } == Self.engines)
      return try lines.map { try JSON.number($0["loss"]) }
    }
    let (grouped, full) = (try losses("grouped"), try losses("full"))
    for loss in grouped {
      #expect(abs(loss - grouped[0]) <= 1e-5 * grouped[0] && abs(loss - full[0]) > 1e-3 * full[0])
    }
  }

  /// A kinetic tensor of one float an output takes less memory than one of all their pairs.
  @Test func plan() throws {
    func memory(_ outputs: String) throws -> Double {
      let lines = try JSON.lines(
        try Command.succeed(
          ["plan"] + digits + ["--points", "1000", "--neurons", "1000", "--json", "--outputs", outputs],
          in: folder
        ).output)
      let line = try #require(lines.first { $0["engine"] as? String == "kinetic" })
      return try JSON.number(line["memory_bytes"])
    }
    #expect(try memory("grouped") < memory("full"))
  }
}
