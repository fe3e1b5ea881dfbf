import FireTree
import Foundation
import TestSupport
import Testing

/// The facade: from a data set to a model, to predictions, to a file and back.
@Suite struct ModelTests {
  /// Four classes by the signs of two coordinates, 60 points.
  private static let quadrants: Dataset = {
    var random = SeededGenerator(seed: 5)
    let features = random.matrix(rows: 60, columns: 2)
    let indices = (0..<60).map { Int32((features[$0, 0] > 0 ? 1 : 0) + (features[$0, 1] > 0 ? 2 : 0)) }
    return Dataset(
      source: "quadrants", kind: .table, features: .dense(features),
      target: .classes(names: ["a", "b", "c", "d"], indices: indices))
  }()

  private static func regression(_ rows: [[Float]], _ values: [Double], kind: Dataset.Kind = .table)
    -> Dataset
  {
    Dataset(source: "test", kind: kind, features: .dense(Matrix(rows)), target: .values(values))
  }

  @Test(arguments: EngineKind.allCases) func learnsClasses(engine: EngineKind) throws {
    let data = Self.quadrants
    let history = History()
    let model = try Model.train(
      on: data, configuration: TrainingConfiguration(neurons: 500, engine: .value(engine), iterations: 80),
      observers: [history])
    #expect(history.records.count == 81 && history.losses[80] < history.losses[0] / 5)
    let truth = try #require(data.target)
    let evaluation = Evaluation(predictions: try model.predict(data.features), truth: truth)
    #expect(try #require(evaluation.accuracy) > 0.95)
    #expect(model.training.engine == engine.rawValue && model.training.iterations == 80)
    #expect(model.training.finalLoss == history.losses[80] && model.training.points == 60)
  }

  @Test func aFileGivesTheSamePredictions() throws {
    let model = try Model.train(
      on: Self.quadrants, configuration: TrainingConfiguration(neurons: 100, iterations: 10))
    let file = FileManager.default.temporaryDirectory.appending(path: "firetree-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try model.write(to: file.path)
    let loaded = try Model(contentsOf: file.path)
    #expect(loaded == model)
    let features = Self.quadrants.features
    #expect(try loaded.predict(features) == model.predict(features))
    for threads in 1...3 {
      let outputs = try loaded.outputs(for: features, workers: Workers(threads: threads))
      #expect(try outputs == model.outputs(for: features))
    }
  }

  @Test func theConfigurationDecidesTheModel() throws {
    func model(seed: UInt64, threads: Int) throws -> Model {
      try Model.train(
        on: Self.quadrants,
        configuration: TrainingConfiguration(
          neurons: 300, iterations: 5, seed: seed, workers: Workers(threads: threads)))
    }
    let first = try model(seed: 1, threads: 1)
    #expect(try model(seed: 1, threads: 3) == first)
    #expect(try model(seed: 2, threads: 1) != first)
  }

  @Test func anotherNumberOfFeaturesIsRefused() throws {
    let model = try Model.train(
      on: Self.quadrants, configuration: TrainingConfiguration(neurons: 10, iterations: 1))
    let error = #expect(throws: FireTreeError.self) { try model.predict(.dense(Matrix([[1, 2, 3]]))) }
    #expect(error?.kind == .usage)
  }

  @Test func trainingNeedsATarget() {
    let data = Dataset(source: "x", kind: .table, features: .dense(Matrix([[1, 2]])), target: nil)
    let error = #expect(throws: FireTreeError.self) { try Model.train(on: data) }
    #expect(error == .data(file: "x", "training needs a target"))
  }

  // MARK: Degenerate data

  @Test func oneClass() throws {
    let data = Dataset(
      source: "x", kind: .table, features: .dense(Matrix([[1, 2], [3, 4], [5, 7]])),
      target: .classes(names: ["only"], indices: [0, 0, 0]))
    let model = try Model.train(on: data, configuration: TrainingConfiguration(neurons: 100, iterations: 5))
    #expect(try model.predict(data.features) == data.target)
    #expect(model.outputWeights.columns == 1)
  }

  /// A single point has no spread: its columns become 0, and the appended constant carries it.
  @Test func onePoint() throws {
    let data = Self.regression([[3, -1]], [7])
    let model = try Model.train(on: data, configuration: TrainingConfiguration(neurons: 100, iterations: 50))
    guard case .values(let values) = try model.predict(data.features) else { return #expect(Bool(false)) }
    #expect(abs(values[0] - 7) < 0.01)
  }

  @Test func aConstantTarget() throws {
    let data = Self.regression([[1, 2], [2, 1], [3, 5], [4, 0]], [5, 5, 5, 5])
    let model = try Model.train(on: data, configuration: TrainingConfiguration(neurons: 200, iterations: 200))
    #expect(model.encoding == .regression(mean: 5, scale: 1))
    guard case .values(let values) = try model.predict(data.features) else { return #expect(Bool(false)) }
    #expect(values.allSatisfy { abs($0 - 5) < 0.05 }, "\(values)")
  }

  /// A zero row has no direction: it stays zero, no neuron fires on it, and its output is 0, the mean of the target.
  @Test func aZeroRow() throws {
    let data = Self.regression([[1, 0], [0, 0], [0, 1]], [2, 4, 9], kind: .images)
    let configuration = TrainingConfiguration(
      neurons: 100, iterations: 20, preprocessing: PreprocessingOptions(columns: ColumnScaling.none))
    let model = try Model.train(on: data, configuration: configuration)
    guard case .values(let values) = try model.predict(data.features) else { return #expect(Bool(false)) }
    #expect(abs(values[1] - 5) < 1e-5 && values.allSatisfy(\.isFinite))
  }

  /// No neuron fires: the learning rate is 1, the loss stays, the prediction is the mean.
  @Test func nothingFires() throws {
    let data = Self.regression([[1, 2], [2, 1], [3, 5]], [1, 2, 6])
    let history = History()
    let model = try Model.train(
      on: data, configuration: TrainingConfiguration(neurons: 50, threshold: .value(100), iterations: 3),
      observers: [history])
    #expect(Set(history.losses).count == 1 && model.training.learningRate == 1)
    #expect(try model.predict(data.features) == .values([3, 3, 3]))
  }

  @Test func theFiringShareIsThatAtTheStart() throws {
    let history = History()
    _ = try Model.train(
      on: Self.quadrants,
      configuration: TrainingConfiguration(neurons: 20_000, threshold: .firingShare(0.1), iterations: 0),
      observers: [history])
    // 20,000 neurons: the standard error of the share is at most sqrt(0.1 * 0.9 / 20000) = 0.0021.
    #expect(abs(history.records[0].firingShare - 0.1) < 4 * 0.0022)
  }
}
