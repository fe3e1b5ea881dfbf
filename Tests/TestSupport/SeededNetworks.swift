import FireTreeCore
import FireTreeTraining

extension SeededGenerator {
  /// Combinations in which each of `points` has an entry with probability `share`; the last rows have none, if there are
  /// several shards.
  public mutating func combinations(rows: Int, points: Int, share: Double) -> PointCombinations {
    let tiles = Tiles.neuronShards(of: rows)
    return PointCombinations(
      rows: rows,
      shards: (0..<tiles.count).map { tile in
        var shard = PointCombinations.Shard()
        for _ in tiles[tile] {
          guard tile + 1 < max(tiles.count, 2) else {
            shard.endRow()
            continue
          }
          for point in 0..<points where Double.random(in: 0..<1, using: &self) < share {
            shard.append(point: UInt16(point), coefficient: Float.random(in: -1..<1, using: &self))
          }
          shard.endRow()
        }
        return shard
      })
  }

  /// A seeded network with random sparse combinations of `points`.
  public mutating func seededNetwork(
    neurons: Int, points: DataPoints, outputs: Int, threshold: Float, share: Double = 0.1
  ) -> Network {
    let initial = Memory.demand(
      try Network(
        neurons: neurons, dimension: points.dimension, outputs: outputs, threshold: threshold, seed: next(),
        form: .seeded))
    return Network(
      weights: .seeded(
        SeededWeights(
          seed: next(), points: points,
          combinations: combinations(rows: neurons, points: points.count, share: share))),
      outputWeights: initial.outputWeights, threshold: threshold)
  }
}

extension SeededWeights {
  /// Weights of a seed with `combinations` of `points`.
  public init(
    seed: UInt64, points: DataPoints, combinations: PointCombinations,
    distribution: InitialWeights.Distribution = .gaussian, start: InitialWeights.Start = .independent
  ) {
    self.init(
      initial: InitialWeights(
        seed: seed, rows: combinations.rows, columns: points.dimension, distribution: distribution,
        start: start),
      points: points, combinations: combinations)
  }
}
