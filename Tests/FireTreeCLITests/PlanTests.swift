import Foundation
import Testing

/// `plan`, and training with the engine that it takes. Times differ from run to run and are not compared.
@Suite struct PlanTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
  }

  @Test func aLineForEveryEngineAndTheChoice() throws {
    let arguments = [
      "plan", "diabetes.csv", "--points", "12", "--neurons", "3000", "--iterations", "7", "--task",
      "regression",
    ]
    let lines = try JSON.lines(try Command.succeed(arguments + ["--json"], in: folder).output)
    #expect(lines.map { $0["engine"] as? String } == EngineTests.engines)
    for line in lines {
      let (step, preprocess) = (
        try JSON.number(line["step_seconds"]), try JSON.number(line["preprocess_seconds"])
      )
      let (rate, write) = (try JSON.number(line["rate_seconds"]), try JSON.number(line["write_seconds"]))
      #expect(step > 0 && preprocess > 0 && rate > 0 && write > 0 && line["fits"] as? Bool == true)
      let total = rate + preprocess + 7 * step + write
      #expect(try abs(JSON.number(line["total_seconds"]) - total) < 1e-6 * total)
      // At least the weights and velocities: 3000 rows of 11 floats, padded to 16.
      #expect(try JSON.number(line["memory_bytes"]) >= 2 * 3000 * 64)
      let sizes = ["points", "dimension", "neurons", "outputs", "iterations"].map { line[$0] as? Int }
      #expect(sizes == [12, 11, 3000, 1, 7])
      #expect(try JSON.number(line["firing_share"]) > 0.005 && JSON.number(line["firing_share"]) < 0.2)
    }
    let chosen = lines.filter { $0["auto"] as? Bool == true }.compactMap { $0["engine"] as? String }
    let table = try Command.succeed(arguments, in: folder).outputLines
    #expect(
      table.count == EngineTests.engines.count + 2 && table[0].split(separator: " ").first == "engine"
        && chosen.count == 1)
    for (row, engine) in zip(table.dropFirst(), EngineTests.engines) {
      #expect(row.trimmingPrefix { $0 == " " }.hasPrefix("\(engine) "))
      #expect(row.hasSuffix("auto takes it") == (engine == chosen[0]))
    }
    let reason = try #require(table.last)
    #expect(reason.hasPrefix("engine: \(chosen[0]) ("))
    #expect(
      reason.contains(
        /\ s a step predicted, .* s( is not clearly faster in all)?; [0-9.]+% of pairs fire\)$/))
  }

  /// That is what it is for: a width that no machine has the memory for.
  @Test func aWidthThatDoesNotFit() throws {
    let arguments = ["plan", "diabetes.csv", "--neurons", "2000000000"]
    let result = try Command.succeed(arguments, in: folder)
    #expect(result.outputLines[1].contains(/more than the [0-9.]+ [MG]B available$/))
    #expect(
      result.outputLines.last?.contains(
        /^engine: none fits: [a-z-]+, which needs least, needs [0-9.]+ GB \([0-9]{12} bytes\) of memory/)
        == true)
    let lines = try JSON.lines(try Command.succeed(arguments + ["--json"], in: folder).output)
    #expect(lines.allSatisfy { $0["fits"] as? Bool == false && $0["auto"] as? Bool == false })
  }

  @Test func badDataIsRefusedAsElsewhere() throws {
    try folder.write("bad.csv", "a,target\n1,2\nx,3\n")
    let result = try Command.run(["plan", "bad.csv"], in: folder)
    #expect(result.code == 65 && result.output.isEmpty && result.message.hasPrefix("bad.csv:"))
  }

  /// `train` says which engine it takes and why, and the model says which it was.
  @Test(arguments: [["--engine", "auto"], []]) func trainTakesTheChoice(options: [String]) throws {
    let sizes = ["--points", "8", "--neurons", "2000", "--iterations", "3"]
    let result = try Command.succeed(["train", "diabetes.csv", "--out", "m"] + sizes + options, in: folder)
    let line = try #require(result.errorLines.first { $0.hasPrefix("firetree: engine: ") })
    let engine = try #require(line.firstMatch(of: /engine: ([a-z-]+) \(/)).output.1
    #expect(result.error.contains("inputs, engine \(engine), "))
    let model = try Command.succeed(["inspect", "m"], in: folder).outputLines
    #expect(model.contains { $0.split(separator: " ") == ["training", "engine", engine] })
  }
}
