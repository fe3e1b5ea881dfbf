import FireTreeCore
import FireTreeData
import Testing

/// Model files of earlier versions are read, and predict what they predicted.
@Suite struct FormatTests {
  private static let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")

  private static func fixture(_ name: String) -> String { "/\(folder)/Fixtures/\(name)" }

  /// The outputs of a model by the formula, in Double.
  private static func outputs(_ model: Model, _ features: DataPoints) throws -> [[Double]] {
    let points = try model.preprocessing.apply(to: features)
    let hidden = try model.weights.materialized()
    return (0..<points.count).map { i in
      var sums = [Double](repeating: 0, count: model.outputWeights.columns)
      for r in 0..<hidden.rows {
        let correlation = zip(hidden.row(r), points.point(i)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let activation = max(correlation - Double(model.threshold), 0) / Double(hidden.rows).squareRoot()
        for c in sums.indices { sums[c] += Double(model.outputWeights[r, c]) * activation }
      }
      return sums
    }
  }

  private static func rows(_ name: String) throws -> [[String]] {
    String(decoding: try readBytes(fixture(name)), as: UTF8.self).split(separator: "\n").dropFirst().map {
      $0.split(separator: ",").map(String.init)
    }
  }

  @Test func storedWeightsOfVersion010() throws {
    let model = try Model(contentsOf: Self.fixture("version-0.1.0-stored.safetensors"))
    let data = try Dataset(
      contentsOf: example("diabetes.csv"), for: model.schema, classes: nil,
      options: DatasetOptions(points: 30))
    guard case .regression(let mean, let scale) = model.encoding else {
      Issue.record("no regression")
      return
    }
    let outputs = try Self.outputs(model, data.features[20..<30])
    // Sums of 11 products of 32 bits, magnitudes of some units.
    for (output, row) in zip(outputs, try Self.rows("version-0.1.0-stored.csv")) {
      let target = try #require(Double(row[0]))
      #expect(abs(output[0] - (target - mean) * Double(scale)) < 1e-5)
    }
    #expect(outputs.count == 10 && model.training.engine == "dense" && model.training.iterations == 10)
    #expect(model.training.momentum == TrainingRun.Momentum(kind: .nesterov, coefficient: 0.9))
    #expect(model.training.finalLoss == 2.508363510237472 && model.training.points == 20)
    #expect(model.training.learningRate == 0.49079382 && model.training.seed == 0)
    #expect(model.training.version == nil && model.training.stop == nil && model.training.others == [:])
  }

  @Test func seededWeightsOfVersion010() throws {
    let model = try Model(contentsOf: Self.fixture("version-0.1.0-seeded.safetensors"))
    #expect(model.weights.form == .seeded && model.training.engine == "gram" && model.training.seed == 7)
    guard case .classification(let names) = model.encoding else {
      Issue.record("no classes")
      return
    }
    let data = try Dataset(
      contentsOf: example("breast-cancer.csv"), for: model.schema, classes: names,
      options: DatasetOptions(points: 30))
    let outputs = try Self.outputs(model, data.features[20..<30])
    for (output, row) in zip(outputs, try Self.rows("version-0.1.0-seeded.csv")) {
      #expect(names[output[1] > output[0] ? 1 : 0] == row[0])
      for (c, score) in row.dropFirst().enumerated() {
        #expect(abs(output[c] - (try #require(Double(score)))) < 1e-5)
      }
    }
    #expect(outputs.count == 10)
  }

  /// The bytes of a file do not depend on the version that writes it again.
  @Test(arguments: ["stored", "seeded"]) func writtenAgain(form: String) throws {
    let (folder, path) = (try TestFolder(), Self.fixture("version-0.1.0-\(form).safetensors"))
    try Model(contentsOf: path).write(to: folder["m"])
    #expect(try folder.read("m") == readBytes(path))
  }

  @Test func unknownFactsAreKept() throws {
    let folder = try TestFolder()
    var model = Sample.model()
    model.training.others = [
      "momentum_kind": "adam", "momentum": "0.9", "of_tomorrow": "\u{1F525}", "seed": "x",
    ]
    model.training.seed = nil
    try model.write(to: folder["m"])
    #expect(try Model(contentsOf: folder["m"]) == model)
  }
}
