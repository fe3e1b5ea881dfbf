import FireTree
import Foundation
import TestSupport
import Testing

/// The network of infinite width through the facade.
@Suite struct LimitFitTests {
  /// Four classes by the signs of two coordinates.
  private static func quadrants(_ count: Int, seed: UInt64) -> Dataset {
    var random = SeededGenerator(seed: seed)
    let features = random.matrix(rows: count, columns: 2)
    let indices = (0..<count).map { Int32((features[$0, 0] > 0 ? 1 : 0) + (features[$0, 1] > 0 ? 2 : 0)) }
    return Dataset(
      source: "quadrants", kind: .table, features: .dense(features),
      target: .classes(names: ["a", "b", "c", "d"], indices: indices))
  }

  private static let configuration = TrainingConfiguration(predictor: .limitKernel)

  @Test func learnsClasses() throws {
    let (data, heldOut) = (Self.quadrants(300, seed: 5), Self.quadrants(200, seed: 6))
    let fit = try LimitFit(TrainingProblem(data, configuration: Self.configuration))
    let evaluation = Evaluation(
      predictions: try fit.model.predict(heldOut.features), truth: try #require(heldOut.target))
    #expect(try #require(evaluation.accuracy) > 0.95)
    #expect(try #require(fit.leaveOneOut().accuracy) > 0.95)
    let run = fit.model.training
    #expect(
      run.ridge == fit.regression.ridge && run.points == 300 && run.engine == nil
        && run.threshold == fit.problem.threshold)
    #expect(run.finalLoss == fit.regression.loss && fit.notes.isEmpty)
    #expect(try Model.train(on: data, configuration: Self.configuration) == fit.model)
  }

  /// A wide network that is trained to the end comes near it.
  @Test func wideNetworksComeNear() throws {
    let data = Self.quadrants(40, seed: 7), heldOut = Self.quadrants(100, seed: 8)
    var configuration = TrainingConfiguration(
      neurons: 20_000, threshold: .value(0.5), iterations: 400)
    let network = try Model.train(on: data, configuration: configuration).outputs(for: heldOut.features)
    configuration.predictor = .limitKernel
    configuration.ridge = .value(1e-3)
    let limit = try Model.train(on: data, configuration: configuration).outputs(for: heldOut.features)
    // Without a penalty, and with means as its start, the network is another function of the data: near, not the same.
    var (difference, size) = (0.0, 0.0)
    for i in 0..<100 {
      for c in 0..<4 {
        difference += Double(pow(network[i, c] - limit[i, c], 2))
        size += Double(pow(limit[i, c], 2))
      }
    }
    #expect(difference < 0.02 * size, "\(difference / size)")
  }

  @Test func learnsNumbersAndSparsePoints() throws {
    var random = SeededGenerator(seed: 9)
    let features = random.matrix(rows: 120, columns: 3)
    let values = (0..<120).map { 1000 + 50 * Double(features[$0, 0] * features[$0, 1]) }
    for (points, kind) in [
      (DataPoints.dense(features), Dataset.Kind.table), (.sparse(features.sparse), .sparse),
    ] {
      let data = Dataset(source: "x", kind: kind, features: points, target: .values(values))
      let model = try Model.train(on: data, configuration: Self.configuration)
      guard
        case .regression(let r2, _) = Evaluation(
          predictions: try model.predict(points), truth: .values(values))
      else { return #expect(Bool(false)) }
      #expect(r2 > 0.98, "\(r2)")
    }
  }

  @Test func aFileGivesTheSamePredictions() throws {
    let data = Self.quadrants(60, seed: 5)
    let model = try Model.train(on: data, configuration: Self.configuration)
    let file = FileManager.default.temporaryDirectory.appending(path: "firetree-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try model.write(to: file.path)
    let loaded = try Model(contentsOf: file.path)
    #expect(loaded == model)
    for threads in 1...3 {
      #expect(
        try loaded.outputs(for: data.features, workers: Workers(threads: threads))
          == model.outputs(for: data.features))
    }
  }

  @Test func whatDoesNotApplyIsRefused() throws {
    let data = Self.quadrants(20, seed: 5)
    let problem = try TrainingProblem(data, configuration: Self.configuration)
    let session = #expect(throws: FireTreeError.self) { _ = try TrainingSession(problem) }
    #expect(session?.kind == .usage)
    let audit = #expect(throws: FireTreeError.self) { try LimitFit(problem).model.audit(on: data.features) }
    #expect(audit?.kind == .usage)
    for ridge in [0, -1, .nan, .infinity] as [Double] {
      let error = #expect(throws: FireTreeError.self) {
        _ = try TrainingProblem(
          data, configuration: TrainingConfiguration(predictor: .limitKernel, ridge: .value(ridge)))
      }
      #expect(error?.kind == .usage && error?.reason == "the ridge must be a positive number, not \(ridge)")
    }
    // With a given constant and threshold, and with both left to tuning.
    let repeated = Dataset(
      source: "x", kind: .table, features: .dense(Matrix((0..<30).map { [Float($0 % 3), 2] })),
      target: .values((0..<30).map { Double($0 % 4) }))
    for isGiven in [true, false] {
      var tiny = TrainingConfiguration(predictor: .limitKernel, ridge: .value(1e-30))
      if isGiven { (tiny.threshold, tiny.preprocessing.constant) = (.value(1), 1) }
      let error = #expect(throws: FireTreeError.self) {
        _ = try Model.train(on: repeated, configuration: tiny)
      }
      #expect(error?.kind == .usage && error?.reason.hasPrefix("the ridge 1e-30 is too small") == true)
    }
  }
}
