import FireTreeCore
import FireTreeData
import Testing

enum Sample {
  /// A model whose rows are padded in memory.
  static func model(neurons: Int = 3, features: Int = 2, classes: [String] = ["no", "\"yes\"\n\u{1F525}"])
    -> Model
  {
    var hidden = Matrix(rows: neurons, columns: features + 1)
    var output = Matrix(rows: neurons, columns: classes.count)
    for r in 0..<neurons {
      for c in 0...features { hidden[r, c] = Float(r * 31 + c) / 7 - 3 }
      for c in classes.indices { output[r, c] = (r + c) % 2 == 0 ? 1 : -1 }
    }
    var run = TrainingRun()
    (run.seed, run.learningRate, run.stop) = (7, 0.25, "iterations")
    return Model(
      weights: .stored(hidden), outputWeights: output, threshold: 1.1,
      preprocessing: Preprocessing(
        offsets: (0..<features).map { Float($0) / 3 }, scales: (0..<features).map { 1 / Float($0 + 1) },
        constant: 0.1, unitNorm: true),
      encoding: .classification(names: classes),
      schema: FeatureSchema(
        count: features, names: (0..<features).map { "f\($0)" }, targetName: "t", targetIndex: features),
      kind: .table, training: run)
  }

  static func regression() -> Model {
    Model(
      weights: .stored(Matrix([[1, 2], [3, 4]])), outputWeights: Matrix([[1], [-1]]), threshold: -0.0,
      preprocessing: Preprocessing(offsets: [0, 0], scales: [1, 1], unitNorm: false),
      encoding: .regression(mean: Double(Float(bitPattern: 700)), scale: 3.4e38),
      schema: FeatureSchema(count: 2),
      kind: .sparse)
  }
}

@Suite struct ModelTests {
  @Test(
    "What is written is read",
    arguments: [
      Sample.model(), Sample.model(neurons: 1, features: 1, classes: ["a"]),
      Sample.model(neurons: 17, features: 16),
      Sample.model(neurons: 3000, features: 100), Sample.model(neurons: 40, features: 31),
      Sample.regression(), Sample.seeded(), Sample.seeded(isSparse: true),
      Sample.seeded(neurons: 1, share: 0),
      Sample.seeded(neurons: 5000, share: 0.2),
    ])
  func roundTrip(model: Model) throws {
    let folder = try TestFolder()
    try model.write(to: folder["m.safetensors"])
    let read = try Model(contentsOf: folder["m.safetensors"])
    #expect(read == model)
    #expect(read.threshold.sign == model.threshold.sign)
    // The padding of the rows is zero again.
    try read.weights.materialized().withView { view in
      let padding = (0..<view.rows).flatMap { row in (view.columns..<view.stride).map { view.row(row)[$0] } }
      #expect(padding.allSatisfy { $0 == 0 })
    }
    #expect(folder.names == ["m.safetensors"])
  }

  @Test func equalModelsHaveEqualBytes() throws {
    let folder = try TestFolder()
    try Sample.model().write(to: folder["a"])
    try Sample.model().write(to: folder["b"])
    try Model(contentsOf: folder["a"]).write(to: folder["c"])
    #expect(try folder.read("a") == folder.read("b"))
    #expect(try folder.read("a") == folder.read("c"))
  }

  @Test(arguments: [Sample.model(), Sample.seeded(neurons: 3, isSparse: true)])
  func everyAlteredByteIsFound(model: Model) throws {
    let folder = try TestFolder()
    try model.write(to: folder["m"])
    let bytes = try folder.read("m")
    var found = 0
    for position in bytes.indices {
      for bit in 0..<8 {
        var altered = bytes
        altered[position] ^= 1 << bit
        let path = try folder.write("n", altered)
        do throws(FireTreeError) {
          let read = try Model(contentsOf: path)
          #expect(read == model, "bit \(bit) of byte \(position)")
        } catch {
          found += 1
          #expect(error.kind == .data, "bit \(bit) of byte \(position): \(error)")
        }
      }
    }
    #expect(found > 7 * bytes.count)
  }

  @Test(arguments: [Sample.model(), Sample.seeded()]) func everyTruncationIsFound(model: Model) throws {
    let folder = try TestFolder()
    try model.write(to: folder["m"])
    let bytes = try folder.read("m")
    for end in bytes.indices {
      let path = try folder.write("n", Array(bytes[..<end]))
      let expected = end < 9 ? "n: not a safetensors file" : "n: the file is truncated: expected "
      #expect(folder.message { _ = try Model(contentsOf: path) }.hasPrefix(expected), "\(end) bytes")
    }
    let longer = try folder.write("n", bytes + [0])
    #expect(folder.message { _ = try Model(contentsOf: longer) }.contains("bytes of tensors, found"))
  }

  private func alter(
    metadata: (inout [String: String]) -> Void = { _ in },
    tensors: (inout [String: SafetensorsTensor]) -> Void = { _ in }
  ) throws -> String {
    let folder = try TestFolder()
    try Sample.model().write(to: folder["m"])
    let file = try SafetensorsReader(contentsOf: folder["m"])
    var texts = file.metadata
    var values: [String: SafetensorsTensor] = [
      "hidden.weight": .matrix(try file.matrix("hidden.weight")),
      "output.weight": .matrix(try file.matrix("output.weight")),
      "preprocessing.offset": .vector(try file.vector("preprocessing.offset")),
      "preprocessing.scale": .vector(try file.vector("preprocessing.scale")),
    ]
    metadata(&texts)
    tensors(&values)
    try SafetensorsWriter.write(to: folder["n"], metadata: texts, tensors: values)
    return folder.message { _ = try Model(contentsOf: folder["n"]) }
  }

  @Test(
    "Metadata that are missing or malformed",
    arguments: [
      ("format", nil, "n: a safetensors file, but not a FireTree model"),
      ("format", "pt", "n: a safetensors file, but not a FireTree model"),
      ("format_version", "4", "n: format version 4 is newer than this program reads (3)"),
      ("format_version", "x", "n: the model's format_version is malformed"),
      ("format_version", nil, "n: the model has no format_version"),
      ("checksum", nil, "n: the model has no checksum"),
      ("checksum", "00000000", "n: the model file was altered or damaged: its checksum does not match"),
      ("training.seed", "8", "n: the model file was altered or damaged: its checksum does not match"),
      ("threshold", "abc", "n: the model's threshold is malformed"),
      ("threshold", nil, "n: the model has no threshold"),
      ("kind", "tables", "n: the model's kind is malformed"),
      ("task", "x", "n: the model's task is malformed"),
      ("class_names", "[1]", "n: the model's class_names is malformed"),
      ("class_names", "[]", "n: the model's class_names is malformed"),
      ("features", "{\"count\":2,\"names\":[\"a\"]}", "n: the model's features is malformed"),
      ("features", "{\"count\":0}", "n: the model's features is malformed"),
      ("features", "{\"count\":2,\"names\":[\"a\",3]}", "n: the model's features is malformed"),
      ("preprocessing.unit_norm", "yes", "n: the model's preprocessing.unit_norm is malformed"),
      ("preprocessing.constant", "x", "n: the model's preprocessing.constant is malformed"),
    ] as [(String, String?, String)])
  func metadata(key: String, value: String?, expected: String) throws {
    #expect(try alter(metadata: { $0[key] = value }) == expected)
  }

  @Test func tensorsThatAreMissingOrMisshapen() throws {
    #expect(try alter(tensors: { $0["hidden.weight"] = nil }) == "n: there is no tensor 'hidden.weight'")
    #expect(
      try alter(tensors: { $0["x"] = .vector([1]) }) == "n: tensor 'x' does not belong to a FireTree model")
    #expect(
      try alter(tensors: { $0["output.weight"] = .vector([1]) })
        == "n: tensor 'output.weight' has 1 dimension, not 2")
    #expect(
      try alter(tensors: { $0["preprocessing.scale"] = .vector([1]) })
        == "n: tensor 'preprocessing.scale' has the shape 1, not 2")
    #expect(
      try alter(tensors: { $0["hidden.weight"] = .matrix(Matrix(rows: 3, columns: 2)) })
        == "n: the model file was altered or damaged: its checksum does not match")
  }

  @Test func numbersThatAreNotFiniteAreNotWritten() throws {
    let folder = try TestFolder()
    for value in [Float.nan, .infinity, -.infinity] {
      var model = Sample.model()
      model.weights.withMutableView { $0[2, 2] = value }
      #expect(
        folder.message { try model.write(to: folder["m"]) }
          == "m: the model is not written: tensor 'hidden.weight' has elements that are not finite")
    }
    #expect(folder.names.isEmpty)
  }

  @Test func otherFilesAreNoModels() throws {
    let folder = try TestFolder()
    try folder.write("t.csv", "1,2,3,4,5,6,7\n")
    #expect(folder.message { _ = try Model(contentsOf: folder["t.csv"]) } == "t.csv: not a safetensors file")
    try folder.write("empty", "")
    #expect(folder.message { _ = try Model(contentsOf: folder["empty"]) } == "empty: not a safetensors file")
    #expect(folder.message { _ = try Model(contentsOf: folder["none"]) } == "none: No such file or directory")
    #expect(folder.message { _ = try Model(contentsOf: folder.path) } == "\(folder.path): is a directory")
  }
}
