import FireTreeCore

/// Seeded weights in a model file: metadata
///
///     weights                     "seeded"
///     weights.seed                the seed
///     weights.generator           "philox4x32-10 box-muller", or "philox4x32-10 hadamard" for structured weights
///     weights.generator_version   "1": of the elementary functions, on which bits depend
///     weights.start               "paired" when neurons 2k and 2k + 1 have the same initial weights; else absent
///
/// and tensors: the combinations as compressed rows, alpha.offsets (I64, m + 1), alpha.points (U16), alpha.values (F32);
/// the points (`PointsFile`).
enum SeededWeightsFile {
  static let formKey = "weights"
  static let tensorNames = PointsFile.tensorNames.union(["alpha.offsets", "alpha.points", "alpha.values"])
  private static let startKey = "weights.start"

  private static func generator(of distribution: InitialWeights.Distribution) -> String {
    switch distribution {
    case .gaussian: "philox4x32-10 box-muller"
    case .hadamard: "philox4x32-10 hadamard"
    }
  }

  private static let generatorVersion = "1"

  // MARK: Writing

  static func metadata(of weights: SeededWeights) -> [String: String] {
    var result = [
      formKey: "seeded", "weights.seed": "\(weights.seed)",
      "weights.generator": generator(of: weights.initial.distribution),
      "weights.generator_version": generatorVersion,
    ]
    if weights.initial.start == .paired { result[startKey] = weights.initial.start.rawValue }
    return result
  }

  static func tensors(of weights: SeededWeights) -> [String: SafetensorsTensor] {
    let alpha = weights.combinations
    let count = alpha.count
    let starts = alpha.shards.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.points.count) }
    var result: [String: SafetensorsTensor] = [
      // The first element, then the ends of the rows, shard by shard.
      "alpha.offsets": .pieces(count: alpha.rows + 1, of: alpha.shards.count + 1) { part in
        guard part > 0 else { return [0] }
        let shard = alpha.shards[part - 1]
        return (0..<shard.rows).map { starts[part - 1] + shard.entries(of: $0).upperBound }
      },
      "alpha.points": .pieces(count: count, of: alpha.shards.count) { alpha.shards[$0].points },
      "alpha.values": .pieces(count: count, of: alpha.shards.count) { alpha.shards[$0].coefficients },
    ]
    result.merge(PointsFile.tensors(of: weights.points)) { $1 }
    return result
  }

  // MARK: Reading

  /// Throws a data error for the first thing that cannot be; a usage error when it does not fit the memory.
  static func read(_ file: SafetensorsReader) throws(FireTreeError) -> SeededWeights {
    guard file.metadata[formKey] == "seeded" else { throw malformed(formKey, file) }
    guard let seed = UInt64(try text("weights.seed", file)) else { throw malformed("weights.seed", file) }
    let (generator, version) = (
      try text("weights.generator", file), try text("weights.generator_version", file)
    )
    let known = InitialWeights.Distribution.allCases.first { Self.generator(of: $0) == generator }
    guard let distribution = known, version == Self.generatorVersion else {
      let names = InitialWeights.Distribution.allCases.map(Self.generator).joined(separator: " or ")
      throw .data(
        file: file.path, expected: "weights of the generator \(names), version \(generatorVersion)",
        found: "\(quoted(generator)), version \(quoted(version))")
    }
    let startName = file.metadata[startKey] ?? InitialWeights.Start.independent.rawValue
    guard let start = InitialWeights.Start(rawValue: startName) else { throw malformed(startKey, file) }
    let points = try PointsFile.read(file)
    guard points.count <= PointCombinations.maximumPoints else {
      throw .data(
        file: file.path, expected: "at most \(PointCombinations.maximumPoints) points in seeded weights",
        found: points.count)
    }
    if let limitation = distribution.limitation(columns: points.dimension) {
      throw .data(file: file.path, limitation)
    }
    let combinations = try combinations(file, points: points.count)
    let initial = InitialWeights(
      seed: seed, rows: combinations.rows, columns: points.dimension, distribution: distribution, start: start
    )
    return SeededWeights(initial: initial, points: points, combinations: combinations)
  }

  private static func combinations(
    _ file: SafetensorsReader, points: Int
  ) throws(FireTreeError) -> PointCombinations {
    let rows = try CompressedRowsFile<UInt16>(
      file, offsets: "alpha.offsets", indices: "alpha.points", values: "alpha.values")
    let shards = Tiles.neuronShards(of: rows.rows)
    var result: [PointCombinations.Shard] = []
    for shard in 0..<shards.count {
      let part = try rows.read(shards[shard], indicesBelow: points)
      result.append(
        PointCombinations.Shard(
          rows: shards[shard].count, offsets: part.offsets, points: part.indices, coefficients: part.values))
    }
    return PointCombinations(rows: rows.rows, shards: result)
  }

  private static func text(_ key: String, _ file: SafetensorsReader) throws(FireTreeError) -> String {
    guard let text = file.metadata[key] else { throw .data(file: file.path, "the model has no \(key)") }
    return text
  }

  private static func malformed(_ key: String, _ file: SafetensorsReader) -> FireTreeError {
    .data(file: file.path, "the model's \(key) is malformed")
  }
}
