import FireTreeCore
import FireTreeData
import Testing

extension Sample {
  /// A model of the limit kernel: 5 points of 3 inputs, 2 outputs.
  static func limitKernel(isSparse: Bool = false) -> Model {
    let points: DataPoints =
      isSparse
      ? .sparse(
        SparseRows(
          columns: 3, offsets: [0, 2, 3, 3, 4, 5], columnIndices: [0, 2, 1, 0, 2], values: [1, -2, 0.5, 3, 1])
      )
      : .dense(Matrix((0..<5).map { i in (0..<3).map { Float(i - 2 * $0) / 5 } }))
    var model = Sample.model()
    model.predictor = .limitKernel(
      Predictor.LimitCoefficients(
        points: points, coefficients: Matrix((0..<5).map { [Float($0) / 7, -0.25] }), means: [0.4, 0.6]))
    model.training.ridge = 0.01
    model.training.leaveOneOutError = 0.1
    model.training.tuning = TrainingRun.Tuning(
      method: "loo", points: 5,
      choice: TrainingRun.Candidate(
        threshold: 1.85, constant: 0.5, ridge: 0.01, error: 0.1, standardError: 0.02),
      runnerUp: isSparse
        ? nil : TrainingRun.Candidate(threshold: 0, constant: nil, ridge: 1e-6, error: 0.09, standardError: 0)
    )
    return model
  }
}

@Suite struct LimitKernelModelTests {
  @Test(arguments: [false, true]) func whatIsWrittenIsRead(isSparse: Bool) throws {
    let folder = try TestFolder()
    let model = Sample.limitKernel(isSparse: isSparse)
    try model.write(to: folder["m"])
    let read = try Model(contentsOf: folder["m"])
    #expect(read == model)
    try read.write(to: folder["n"], fullWeights: true)
    #expect(try folder.read("m") == folder.read("n"))
    let text = String(decoding: try folder.read("m").prefix(2000), as: UTF8.self)
    #expect(text.contains(#""format_version":"3""#) && text.contains(#""predictor":"limit-kernel""#))
  }

  /// A target whose mean is one of 32 bits, in a file of version 3.
  @Test func theMeanOfATargetKeepsItsBits() throws {
    let folder = try TestFolder()
    var model = Sample.limitKernel()
    model.predictor = .limitKernel(
      Predictor.LimitCoefficients(
        points: .dense(Matrix([[1, 2, 3]])), coefficients: Matrix([[1]]), means: [0]))
    model.encoding = .regression(mean: Double(Float(0.1)), scale: 2)
    try model.write(to: folder["m"])
    #expect(try Model(contentsOf: folder["m"]) == model)
  }

  @Test(arguments: [false, true]) func everyAlteredByteIsFound(isSparse: Bool) throws {
    let folder = try TestFolder()
    let model = Sample.limitKernel(isSparse: isSparse)
    try model.write(to: folder["m"])
    let bytes = try folder.read("m")
    var found = 0
    for position in bytes.indices {
      let bit = position % 8
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
    #expect(found * 8 > 7 * bytes.count)
  }

  @Test func everyTruncationIsFound() throws {
    let folder = try TestFolder()
    try Sample.limitKernel().write(to: folder["m"])
    let bytes = try folder.read("m")
    for end in bytes.indices {
      let path = try folder.write("n", Array(bytes[..<end]))
      let expected = end < 9 ? "n: not a safetensors file" : "n: the file is truncated: expected "
      #expect(folder.message { _ = try Model(contentsOf: path) }.hasPrefix(expected), "\(end) bytes")
    }
  }

  /// The message for a file with tensors and metadata replaced, its checksum that of the original.
  private func message(
    metadata: [String: String?] = [:], _ tensors: [String: SafetensorsTensor?] = [:]
  ) throws -> String {
    let folder = try TestFolder()
    try Sample.limitKernel().write(to: folder["m"])
    let file = try SafetensorsReader(contentsOf: folder["m"])
    var all: [String: SafetensorsTensor] = [:]
    for (name, tensor) in file.tensors {
      all[name] = tensor.shape.count == 2 ? .matrix(try file.matrix(name)) : .vector(try file.vector(name))
    }
    var texts = file.metadata
    for (name, tensor) in tensors { all[name] = tensor }
    for (key, value) in metadata { texts[key] = value }
    try SafetensorsWriter.write(to: folder["n"], metadata: texts, tensors: all)
    return folder.message { _ = try Model(contentsOf: folder["n"]) }
  }

  @Test func filesThatCannotBe() throws {
    #expect(try message() == "no error")
    #expect(try message(metadata: ["predictor": "x"]) == "n: the model's predictor is malformed")
    #expect(
      try message(metadata: ["predictor": String?.none])
        == "n: tensor 'limit.coefficient' does not belong to a FireTree model")
    for name in ["limit.coefficient", "limit.mean", "points.values"] {
      #expect(try message([name: SafetensorsTensor?.none]) == "n: there is no tensor '\(name)'")
    }
    #expect(
      try message(["output.weight": .vector([1])])
        == "n: tensor 'output.weight' does not belong to a FireTree model")
    #expect(
      try message(["limit.mean": .matrix(Matrix([[1, 2]]))])
        == "n: tensor 'limit.mean' has 2 dimensions, not 1")
    #expect(
      try message(["points.offsets": .vector([1])])
        == "n: tensor 'points.offsets' has elements of type F32, not I64")
    #expect(
      try message(["limit.mean": .vector([.nan, 0])])
        == "n: the model file was altered or damaged: its checksum does not match")
  }

  /// What a forger may write, checksum and all.
  @Test func shapesAndNumbersThatCannotBe() throws {
    let good = Sample.limitKernel()
    guard case .limitKernel(let limit) = good.predictor else { return #expect(Bool(false)) }
    func message(_ change: (inout Predictor.LimitCoefficients) -> Void) throws -> String {
      let folder = try TestFolder()
      var (model, altered) = (good, limit)
      change(&altered)
      model.predictor = .limitKernel(altered)
      let written = folder.message { try model.write(to: folder["m"]) }
      #expect(folder.names.isEmpty)
      return written
    }
    let not = "m: the model is not written: "
    #expect(
      try message { $0.points = .dense(Matrix(rows: 0, columns: 3)) } == not + "the model has no points")
    #expect(
      try message { $0.points = .dense(Matrix(rows: 5, columns: 2)) }
        == not + "the model's points have 2 columns, not 3")
    #expect(
      try message { $0.coefficients = Matrix(rows: 4, columns: 2) }
        == not + "tensor 'limit.coefficient' has the shape 4 x 2, not 5 x 2")
    #expect(try message { $0.means = [1] } == not + "tensor 'limit.mean' has the shape 1, not 2")
    #expect(
      try message { $0.means[1] = .infinity } == not + "tensor 'limit.mean' has elements that are not finite")
    #expect(
      try message { $0.coefficients[0, 1] = .nan }
        == not + "tensor 'limit.coefficient' has elements that are not finite")
    let values = not + "tensor 'points.values' has elements "
    for (value, problem) in [(Float.nan, "that are not finite"), (1e30, "whose squares are not finite")] {
      #expect(
        try message { $0.points = .dense(Matrix([[Float]](repeating: [value, 0, 0], count: 5))) }
          == values + problem)
    }
  }
}
