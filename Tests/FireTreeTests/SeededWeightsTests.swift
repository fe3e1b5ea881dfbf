import FireTree
import Foundation
import TestSupport
import Testing

/// The choice between stored and seeded weights, and what a model makes of them.
@Suite struct SeededWeightsTests {
  private static func problem(
    _ configuration: TrainingConfiguration, columns: Int = 6
  ) throws -> TrainingProblem {
    var random = SeededGenerator(seed: 8)
    let data = Dataset(
      source: "x", kind: .table, features: .dense(random.matrix(rows: 40, columns: columns)),
      target: .values((0..<40).map { Double($0 % 7) }))
    return try TrainingProblem(data, configuration: configuration)
  }

  private static var seededEngines: [EngineKind] {
    EngineKind.allCases.filter { $0.type.supportsSeededWeights }
  }

  @Test func aFormThatIsNamedIsTaken() throws {
    #expect(Self.seededEngines == [.dense, .gram, .kinetic])
    for engine in EngineKind.allCases {
      let stored = try Self.problem(.init(neurons: 100, engine: .value(engine), weights: .value(.stored)))
      #expect(try stored.weights(for: engine).form == .stored && stored.weights(for: engine).note == nil)
      let seeded = try Self.problem(.init(neurons: 100, engine: .value(engine), weights: .value(.seeded)))
      if engine.type.supportsSeededWeights {
        #expect(try seeded.weights(for: engine).form == .seeded && seeded.shape(for: engine).isSeeded)
      } else {
        let error = #expect(throws: FireTreeError.self) { try seeded.trainee(engine) }
        #expect(
          error
            == .usage(
              "the engine \(engine.rawValue) does not train seeded weights; use dense or gram or kinetic"))
      }
    }
  }

  /// 4 bytes x 10,000 x 16 (7 inputs are padded to 16) are 640,000 bytes, twice that with velocities. What 40 points add to a
  /// seed is more. The engine's other memory decides.
  @Test(arguments: [(6, 0, 640_000), (6, 0.9, 1_280_000)] as [(Int, Float, Int)])
  func theAutomaticFormFollowsTheMemory(columns: Int, momentum: Float, stored: Int) throws {
    let problem = try Self.problem(
      .init(
        neurons: 10_000, threshold: .value(0.1), momentum: .nesterov(momentum), initial: .value(.gaussian)),
      columns: columns)
    #expect(problem.shape.weightsMemory.bytes == stored)
    for engine in EngineKind.allCases {
      let whole = engine.type.memory(for: problem.shape).most.bytes
      let least = max(whole, 2 * stored)
      #expect(problem.automaticWeights(for: engine, available: ByteCount(least)).form == .stored)
      #expect(problem.automaticWeights(for: engine, available: ByteCount(least)).note == nil)
      let (form, note) = problem.automaticWeights(for: engine, available: ByteCount(least - 1))
      #expect(form == (engine.type.supportsSeededWeights ? .seeded : .stored))
      #expect((note ?? "").hasPrefix("weights: seeded (stored ones would take ") == (form == .seeded))
    }
    #expect(try problem.weights(for: .gram).form == .stored)
  }

  /// A few columns are stored, though rows are padded in memory: the file is smaller, and holds no points.
  @Test func fewColumnsAreStored() throws {
    for threshold in [Float(0.5), 1.4, 1.6] {
      let problem = try Self.problem(.init(neurons: 10_000, threshold: .value(threshold)), columns: 3)
      for engine in EngineKind.allCases {
        let (form, note) = problem.automaticWeights(for: engine, available: ByteCount(.max))
        #expect(form == .stored && note == nil, "b = \(threshold)")
      }
    }
  }

  /// With many columns a seed and what is added to it is the smaller form, whatever the memory.
  @Test func theSmallerFormIsTaken() throws {
    for initial in InitialWeights.Distribution.allCases {
      let problem = try Self.problem(.init(neurons: 10_000, initial: .value(initial)), columns: 300)
      #expect(problem.shape.weightsMemory.bytes == 24_320_000)
      for engine in EngineKind.allCases {
        let (form, note) = problem.automaticWeights(for: engine, available: ByteCount(.max))
        #expect(form == (engine.type.prefersSeededWeights ? .seeded : .stored))
        #expect((note ?? "").hasPrefix("weights: seeded (about ") == (form == .seeded))
      }
    }
  }

  /// Seeded weights are planned without a term in m d: 6 bytes for twice the expected firing pairs, 8 a neuron.
  @Test func seededWeightsArePlannedByTheirEntries() throws {
    let problem = try Self.problem(
      .init(neurons: 1_000_000, threshold: .firingShare(0.01), weights: .value(.seeded)))
    #expect(abs(problem.firingShare - 0.01) < 1e-6)
    var shape = try problem.shape(for: .gram)
    #expect(shape.isSeeded && shape.points == 40 && shape.usesVelocity)
    #expect(shape.weightsMemory.bytes == 2 * (6 * 1_000_000 * 1 + 8 * 1_000_000))
    shape.dimension = 1_000_000
    #expect(shape.weightsMemory.bytes == 2 * (6 * 1_000_000 * 1 + 8 * 1_000_000))
    shape.firing.share = 0.9
    #expect(shape.weightsMemory.bytes == 2 * (6 * 1_000_000 * 40 + 8 * 1_000_000))
    shape.neurons = .max
    #expect(shape.weightsMemory.bytes == .max)
  }

  @Test func theInitialNetworkOfAProblem() throws {
    let problem = try Self.problem(.init(neurons: 300))
    try #expect(problem.initialNetwork(form: .seeded).weights.form == .seeded)
    #expect(try problem.initialNetwork().storing() == problem.initialNetwork(form: .stored))
  }

  /// A seeded model from its file, one written in full, and one whose weights are stored give the same bits.
  @Test(arguments: [30, 2000]) func predictionsHaveTheSameBits(neurons: Int) throws {
    let problem = try Self.problem(.init(neurons: neurons, iterations: 2))
    let session = try TrainingSession(problem, engine: .dense)
    try session.run()
    var model = session.finish()
    var random = SeededGenerator(seed: 2)
    model.weights =
      random.seededNetwork(neurons: neurons, points: problem.points, outputs: 1, threshold: 0).weights
    let folder = FileManager.default.temporaryDirectory.appending(path: "firetree-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let paths = ["seeded", "full"].map { folder.appending(path: $0).path }
    try model.write(to: paths[0])
    try model.write(to: paths[1], fullWeights: true)
    let (seeded, full) = (try Model(contentsOf: paths[0]), try Model(contentsOf: paths[1]))
    #expect(seeded == model && seeded.weights.form == .seeded && full.weights.form == .stored)
    let features = DataPoints.dense(random.matrix(rows: 500, columns: 6))
    let expected = try full.outputs(for: features, workers: Workers(threads: 1))
    #expect(expected != Matrix(rows: 500, columns: 1))
    for threads in 1...3 {
      #expect(try seeded.outputs(for: features, workers: Workers(threads: threads)) == expected)
      #expect(try model.outputs(for: features, workers: Workers(threads: threads)) == expected)
    }
    #expect(try seeded.predict(features) == full.predict(features))
    // The combinations tell: without them the outputs are others.
    var bare = model
    bare.weights = .seeded(
      SeededWeights(InitialWeights(seed: 0, rows: neurons, columns: problem.points.dimension)))
    #expect(try bare.outputs(for: features) != expected)
  }
}
