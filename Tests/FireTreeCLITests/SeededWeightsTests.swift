import FireTree
import Foundation
import TestSupport
import Testing

/// Models of seeded weights in every command that reads one.
@Suite struct SeededWeightsTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
    try Command.succeed(
      ["train", "diabetes.csv", "--neurons", "300", "--iterations", "2", "--out", "trained"], in: folder)
    var model = try Model(contentsOf: folder["trained"].path)
    let points = Matrix((0..<3).map { i in (0..<11).map { Float(($0 + i) % 4) / 4 } })
    let shards = Tiles.neuronShards(of: 300)
    let combinations = (0..<shards.count).map { tile in
      var shard = PointCombinations.Shard()
      for neuron in shards[tile] {
        if neuron % 2 == 0 { shard.append(point: UInt16(neuron % 3), coefficient: Float(neuron) / 100) }
        shard.endRow()
      }
      return shard
    }
    model.weights = .seeded(
      SeededWeights(
        seed: 9, points: .dense(points), combinations: PointCombinations(rows: 300, shards: combinations)))
    try model.write(to: folder["seeded"].path)
    try model.write(to: folder["full"].path, fullWeights: true)
  }

  @Test func predictionsAreThoseOfStoredWeights() throws {
    func predictions(_ model: String, _ threads: String) throws -> String {
      try Command.succeed(["predict", model, "diabetes.csv", "--threads", threads], in: folder).output
    }
    let expected = try predictions("full", "1")
    for threads in ["1", "2", "3"] { #expect(try predictions("seeded", threads) == expected) }
    #expect(try predictions("trained", "1") != expected)
    let evaluations = try ["seeded", "full"].map {
      try Command.succeed(["evaluate", $0, "diabetes.csv"], in: folder).output
    }
    #expect(evaluations[0] == evaluations[1])
  }

  @Test func inspectTellsTheForm() throws {
    let lines = try ["seeded", "full"].map {
      try Command.succeed(["inspect", $0], in: folder).outputLines.filter { $0.hasPrefix("weights ") }
    }
    #expect(
      lines[0].count == 1
        && lines[0][0].hasSuffix(
          "  seeded (seed 9, 150 coefficients of 3 points); the file holds those points")
    )
    #expect(lines[1].count == 1 && lines[1][0].hasSuffix("  stored"))
    #expect(try folder.bytes("seeded").count < folder.bytes("full").count)
  }

  @Test func trainingSaysThatWeightsAreSeeded() throws {
    let train = ["train", "diabetes.csv", "--neurons", "200", "--iterations", "2", "--engine", "gram"]
    let seeded = try Command.succeed(
      train + ["--weights", "seeded", "--full-weights", "--out", "a"], in: folder)
    #expect(seeded.errorLines.contains("firetree: weights: seeded"))
    let stored = try Command.succeed(train + ["--out", "b"], in: folder)
    #expect(!stored.error.contains("weights: seeded"))
    let predictions = try ["a", "b"].map { model in
      try Command.succeed(["predict", model, "diabetes.csv"], in: folder).outputLines.dropFirst()
        .compactMap { Double($0) }
    }
    #expect(predictions[0].count == 442 && predictions[1].count == 442)
    for (a, b) in zip(predictions[0], predictions[1]) { #expect(abs(a - b) <= 1e-3 * abs(b)) }
    #expect(try Command.succeed(["inspect", "a"], in: folder).output.contains(/\nweights +stored\n/))
  }
}
