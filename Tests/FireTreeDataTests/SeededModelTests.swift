import FireTreeCore
import FireTreeData
import TestSupport
import Testing

extension Sample {
  /// A model of seeded weights: 7 points of 3 inputs, random coefficients on a share of the pairs.
  static func seeded(neurons: Int = 20, isSparse: Bool = false, share: Double = 0.4) -> Model {
    var generator = TestGenerator(state: UInt64(neurons))
    var dense = Matrix(rows: 7, columns: 3)
    for i in 0..<7 {
      for j in 0..<3 where (i + j) % 3 != 0 { dense[i, j] = Float(i - 2 * j) / 5 }
    }
    let tiles = Tiles.neuronShards(of: neurons)
    let shards = (0..<tiles.count).map { tile in
      var shard = PointCombinations.Shard()
      for _ in tiles[tile] {
        for point in 0..<7 where Double.random(in: 0..<1, using: &generator) < share {
          shard.append(point: UInt16(point), coefficient: Float.random(in: -1..<1, using: &generator))
        }
        shard.endRow()
      }
      return shard
    }
    var model = Sample.model(neurons: neurons)
    model.weights = .seeded(
      SeededWeights(
        seed: .max - 3, points: isSparse ? .sparse(rows(dense)) : .dense(dense),
        combinations: PointCombinations(rows: neurons, shards: shards)))
    return model
  }

  private static func rows(_ dense: Matrix) -> SparseRows {
    let elements = (0..<dense.rows).map { r in dense.row(r).enumerated().filter { $0.element != 0 } }
    return SparseRows(
      columns: dense.columns, offsets: elements.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) },
      columnIndices: elements.joined().map { Int32($0.offset) }, values: elements.joined().map(\.element))
  }
}

/// A tensor as its header and bytes.
private struct RawTensor {
  var type: String
  var shape: [Int]
  var bytes: [UInt8]

  init<Number: FixedWidthInteger>(_ type: String, _ numbers: [Number], shape: [Int]? = nil) {
    self.type = type
    self.shape = shape ?? [numbers.count]
    bytes = numbers.flatMap { littleEndian($0) }
  }

  init(_ values: [Float], shape: [Int]? = nil) {
    self.init("F32", values.map(\.bitPattern), shape: shape)
  }
}

@Suite struct SeededModelTests {
  /// A seeded model's file with tensors and metadata replaced; two neurons, of points 0 and 2, and 1.
  private func message(
    isSparse: Bool = false, _ tensors: [String: RawTensor?], metadata: [String: String?] = [:]
  ) throws -> String {
    let folder = try TestFolder()
    var shard = PointCombinations.Shard()
    for (point, coefficient) in [(0, 0.5), (2, -1)] as [(UInt16, Float)] {
      shard.append(point: point, coefficient: coefficient)
    }
    shard.endRow()
    shard.append(point: 1, coefficient: 2)
    shard.endRow()
    var model = Sample.seeded(neurons: 2, isSparse: isSparse)
    guard case .seeded(let weights) = model.weights else { return "not seeded" }
    model.weights = .seeded(
      SeededWeights(
        seed: 1, points: weights.points, combinations: PointCombinations(rows: 2, shards: [shard])))
    try model.write(to: folder["m"])
    let file = try SafetensorsReader(contentsOf: folder["m"])
    let bytes = try folder.read("m")
    let start = bytes.count - (file.tensors.values.map(\.bytes.upperBound).max() ?? 0)
    var all = file.tensors.mapValues { tensor in
      var raw = RawTensor(tensor.type, [UInt8](), shape: tensor.shape)
      raw.bytes = Array(bytes[(start + tensor.bytes.lowerBound)..<(start + tensor.bytes.upperBound)])
      return raw
    }
    for (name, tensor) in tensors { all[name] = tensor }
    var texts = file.metadata
    for (key, value) in metadata { texts[key] = value }
    try folder.write("n", Self.file(texts, all))
    return folder.message { _ = try Model(contentsOf: folder["n"]) }
  }

  private static func file(_ metadata: [String: String], _ tensors: [String: RawTensor]) -> [UInt8] {
    var entries: [String] = []
    var data: [UInt8] = []
    for (name, tensor) in tensors {
      let range = "[\(data.count),\(data.count + tensor.bytes.count)]"
      entries.append(
        "\"\(name)\":{\"dtype\":\"\(tensor.type)\",\"shape\":\(tensor.shape),\"data_offsets\":\(range)}")
      data += tensor.bytes
    }
    let texts = metadata.map { key, value in
      let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
      return "\"\(key)\":\"\(escaped)\""
    }
    entries.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
    let header = "{\(entries.joined(separator: ","))}"
    return littleEndian(UInt64(header.utf8.count)) + header.utf8 + data
  }

  /// What is not altered is read: the helper makes no error of its own.
  @Test(arguments: [false, true]) func anUnalteredFileIsRead(isSparse: Bool) throws {
    #expect(try message(isSparse: isSparse, [:]) == "no error")
  }

  @Test func combinationsThatCannotBe() throws {
    func alpha(_ offsets: [Int], _ points: [UInt16] = [0, 2, 1]) throws -> String {
      try message(["alpha.offsets": RawTensor("I64", offsets), "alpha.points": RawTensor("U16", points)])
    }
    let ends = "n: tensor 'alpha.offsets' runs from "
    #expect(try alpha([1, 2, 3]) == ends + "1 to 3, not from 0 to 3")
    #expect(try alpha([0, 2, 4]) == ends + "0 to 4, not from 0 to 3")
    #expect(try alpha([0, 2, .max]) == ends + "0 to \(Int.max), not from 0 to 3")
    #expect(try alpha([0, 2, -1]) == ends + "0 to -1, not from 0 to 3")
    #expect(try alpha([0]) == ends + "0 to 0, not from 0 to 3")
    #expect(try alpha([]) == "n: tensor 'alpha.offsets' has no elements")
    for middle in [4, -1, Int.max, Int.min] {
      let found = try alpha([0, middle, 3])
      #expect(found.hasSuffix(": offsets must ascend from 0 to 3"), "\(middle): \(found)")
    }
    let expected = "n: tensor 'alpha.points', row 0: expected ascending indices below 7, found "
    #expect(try alpha([0, 2, 3], [0, 7, 1]) == expected + "7 after 0")
    #expect(try alpha([0, 2, 3], [65535, 0, 1]) == expected + "65535")
    #expect(try alpha([0, 2, 3], [2, 0, 1]) == expected + "0 after 2")
    #expect(try alpha([0, 2, 3], [2, 2, 1]) == expected + "2 after 2")
    #expect(
      try alpha([0, 2, 3], [0, 2, 9])
        == "n: tensor 'alpha.points', row 1: expected ascending indices below 7, found 9")
    // More neurons than output weights; the checksum comes first.
    let damaged = "n: the model file was altered or damaged: its checksum does not match"
    #expect(try alpha([0, 2, 3, 3]) == damaged)
    #expect(try alpha([0, 1, 3], [0, 1, 2]) == damaged)
  }

  @Test func tensorsThatAreMissingOrMisshapen() throws {
    for name in ["alpha.offsets", "alpha.points", "alpha.values", "points.values"] {
      #expect(try message([name: RawTensor?.none]) == "n: there is no tensor '\(name)'")
    }
    #expect(
      try message(["alpha.values": RawTensor([1, 2])]) == "n: tensor 'alpha.values' has the shape 2, not 3")
    #expect(
      try message(["alpha.points": RawTensor("I16", [0, 2, 1] as [Int16])])
        == "n: tensor 'alpha.points' has elements of type I16, not U16")
    #expect(
      try message(["alpha.values": RawTensor([1, 2, 3], shape: [3, 1])])
        == "n: tensor 'alpha.values' has 2 dimensions, not 1")
    #expect(
      try message(["hidden.weight": RawTensor([1, 2, 3, 4, 5, 6], shape: [2, 3])])
        == "n: tensor 'hidden.weight' does not belong to a FireTree model")
    #expect(
      try message([:], metadata: ["weights": String?.none])
        == "n: tensor 'alpha.offsets' does not belong to a FireTree model")
    #expect(
      try message(["points.values": RawTensor([Float](repeating: 0, count: 65537), shape: [65537, 1])])
        == "n: expected at most 65536 points in seeded weights, found 65537")
    #expect(
      try message(["points.offsets": RawTensor("I64", [0, 1])]) == "n: there is no tensor 'points.columns'")
  }

  @Test func sparsePointsThatCannotBe() throws {
    let columns = "n: tensor 'points.columns', row 0: expected ascending indices below 3, found "
    func points(_ offsets: [Int], _ columns: [Int32]) throws -> String {
      try message(
        isSparse: true,
        [
          "points.offsets": RawTensor("I64", offsets), "points.columns": RawTensor("I32", columns),
          "points.values": RawTensor([Float](repeating: 1, count: columns.count)),
        ])
    }
    #expect(try points([0, 2], [0, 3]) == columns + "3 after 0")
    #expect(try points([0, 2], [-1, 2]) == columns + "-1")
    #expect(try points([0, 2], [1, 1]) == columns + "1 after 1")
    #expect(try points([0, 3], [0, 1]) == "n: tensor 'points.offsets' runs from 0 to 3, not from 0 to 2")
    // Fewer points than the combinations speak of.
    #expect(
      try points([0, 2], [0, 1])
        == "n: tensor 'alpha.points', row 0: expected ascending indices below 1, found 2 after 0")
  }

  @Test(
    arguments: [
      ("weights", "stored", "n: the model's weights is malformed"),
      ("weights.seed", "-1", "n: the model's weights.seed is malformed"),
      ("weights.seed", nil, "n: the model has no weights.seed"),
      ("weights.seed", "2", "n: the model file was altered or damaged: its checksum does not match"),
      ("weights.generator", nil, "n: the model has no weights.generator"),
      (
        "weights.generator_version", "2",
        "n: expected weights of the generator philox4x32-10 box-muller or philox4x32-10 hadamard, version 1, "
          + "found 'philox4x32-10 box-muller', version '2'"
      ),
      (
        "weights.generator", "pcg64",
        "n: expected weights of the generator philox4x32-10 box-muller or philox4x32-10 hadamard, version 1, found 'pcg64', version '1'"
      ),
    ] as [(String, String?, String)]) func metadata(key: String, value: String?, expected: String) throws
  {
    #expect(try message([:], metadata: [key: value]) == expected)
  }

  @Test func numbersThatAreNotFiniteAreNotWritten() throws {
    let folder = try TestFolder()
    for value in [Float.nan, .infinity, 3e38] {
      var model = Sample.seeded()
      guard case .seeded(let weights) = model.weights else { return #expect(Bool(false)) }
      model.weights = .seeded(
        SeededWeights(
          seed: 0, points: .dense(Matrix([[Float]](repeating: [value, 0, 0], count: 7))),
          combinations: weights.combinations))
      #expect(
        folder.message { try model.write(to: folder["m"]) }
          == "m: the model is not written: the seeded weights have elements that are not finite")
    }
    #expect(folder.names.isEmpty)
  }

  /// With all weights written, the file is that of the model with stored weights.
  @Test(arguments: [Sample.seeded(), Sample.seeded(isSparse: true), Sample.seeded(neurons: 700)])
  func fullWeights(model: Model) throws {
    let folder = try TestFolder()
    try model.write(to: folder["full"], fullWeights: true)
    var stored = model
    stored.weights = .stored(try model.weights.materialized())
    try stored.write(to: folder["stored"])
    #expect(try folder.read("full") == folder.read("stored"))
    try stored.write(to: folder["again"], fullWeights: true)
    #expect(try folder.read("again") == folder.read("stored"))
    #expect(try Model(contentsOf: folder["full"]) == stored)
  }
}
