import FireTreeCore
import TestSupport
import Testing

/// Seeded weights against a plain loop, and against themselves in other tiles.
@Suite struct HiddenWeightsTests {
  private static let shapes = [
    (1, 1, 1), (2, 3, 2), (15, 16, 7), (16, 17, 3), (17, 33, 40), (300, 5, 300), (1000, 50, 9),
  ]

  private static func weights(_ m: Int, _ d: Int, _ n: Int, isSparse: Bool) -> SeededWeights {
    var random = SeededGenerator(seed: UInt64(m * 1000 + d))
    let points = random.matrix(rows: n, columns: d)
    return SeededWeights(
      seed: 11, points: isSparse ? .sparse(points.sparse) : .dense(points),
      combinations: random.combinations(rows: m, points: n, share: 0.3))
  }

  /// Normals of the row, then each point in order, every operation rounded: the same bits.
  private static func expected(_ weights: SeededWeights) -> [[Float]] {
    (0..<weights.rows).map { r in
      var row = [Float](repeating: 0, count: weights.columns)
      let generator = CounterGenerator(seed: weights.seed, stream: 0)
      row.withUnsafeMutableBufferPointer { row in
        guard let base = row.baseAddress else { return }
        generator.normals(row: r, into: base, count: row.count)
      }
      for (point, coefficient) in weights.combinations.row(r) {
        for (column, value) in weights.points.point(point).enumerated() where value != 0 {
          let product = coefficient * value
          row[column] += product
        }
      }
      return row
    }
  }

  @Test(arguments: shapes, [false, true]) func everyTileHasTheBitsOfThePlainLoop(
    shape: (Int, Int, Int), isSparse: Bool
  ) throws {
    let seeded = Self.weights(shape.0, shape.1, shape.2, isSparse: isSparse)
    let expected = Self.expected(seeded)
    let weights = HiddenWeights.seeded(seeded)
    #expect(weights.rows == shape.0 && weights.columns == shape.1 && weights.form == .seeded)
    for threads in 1...3 {
      #expect(try weights.materialized(workers: Workers(threads: threads)).elements == expected)
    }
    for size in [1, 3, 16, 64, 256] {
      let tiles = Tiles(of: shape.0, size: size)
      for tile in 0..<tiles.count {
        let rows = weights.withTile(tiles[tile]) { view in (0..<view.rows).map { Self.row($0, of: view) } }
        #expect(rows == Array(expected[tiles[tile]]), "tile \(tile) of \(size)")
      }
    }
  }

  @Test(arguments: shapes) func chosenRowsOfBothForms(shape: (Int, Int, Int)) throws {
    let seeded = HiddenWeights.seeded(Self.weights(shape.0, shape.1, shape.2, isSparse: false))
    let stored = HiddenWeights.stored(try seeded.materialized())
    let expected = try stored.materialized().elements
    var random = SeededGenerator(seed: 3)
    let some = (0..<Int32(shape.0)).filter { _ in Bool.random(using: &random) }
    for chosen in [some, Array(0..<Int32(shape.0)), [], [Int32(shape.0 - 1)]] {
      for (weights, size) in [(seeded, 1), (seeded, 5), (seeded, 256), (stored, 5)] {
        var found: [[Float]] = []
        chosen.withUnsafeBufferPointer { chosen in
          weights.forEachTile(of: chosen, size: size) { range, view in
            #expect(range.lowerBound == found.count && range.count == view.rows && view.rows <= size)
            found += (0..<view.rows).map { Self.row($0, of: view) }
          }
        }
        #expect(found == chosen.map { expected[Int($0)] }, "\(weights.form), tiles of \(size)")
      }
    }
    #expect(seeded.norms(workers: Workers(threads: 2)) == stored.norms(workers: Workers(threads: 1)))
    #expect(try stored.norms() == DataPoints.dense(stored.materialized()).norms())
  }

  private static func row(_ row: Int, of view: MatrixView) -> [Float] {
    Array(UnsafeBufferPointer(start: view.row(row), count: view.columns))
  }

  /// Ten million neurons of 784 inputs would be 31 GB.
  @Test func initialWeightsTakeNoMemory() {
    let weights = HiddenWeights.seeded(SeededWeights(InitialWeights(seed: 5, rows: 10_000_000, columns: 784)))
    #expect(weights.memoryBytes == 0 && weights.rows == 10_000_000 && weights.columns == 784)
    // Row 9,999,999 is what a matrix of that many rows would end with.
    var expected = [Float](repeating: 0, count: 784)
    expected.withUnsafeMutableBufferPointer { row in
      guard let base = row.baseAddress else { return }
      CounterGenerator(seed: 5, stream: 0).normals(row: 9_999_999, into: base, count: 784)
    }
    #expect(weights.withTile(9_999_999..<10_000_000) { Self.row(0, of: $0) } == expected)
  }

  @Test func changingSeededWeightsStoresThem() throws {
    let seeded = HiddenWeights.seeded(Self.weights(17, 33, 40, isSparse: false))
    var changed = seeded
    changed.withMutableView { $0[3, 4] = 100 }
    var expected = try seeded.materialized()
    expected[3, 4] = 100
    #expect(changed == .stored(expected) && seeded.form == .seeded)
  }

  @Test func memoryFollowsTheEntries() {
    let weights = Self.weights(1000, 50, 9, isSparse: false)
    let entries = (0..<1000).reduce(0) { $0 + weights.combinations.row($1).count }
    #expect(weights.combinations.count == entries && entries > 2000)
    let bound = PointCombinations.requiredMemory(rows: 1000, entries: ByteCount(entries)).bytes
    // One offset a shard more than there are neurons, and no offsets of the last shard, which has no entries.
    #expect(weights.combinations.memoryBytes > 6 * entries)
    #expect(weights.combinations.memoryBytes <= bound + 8 * 64)
    #expect(weights.memoryBytes == weights.combinations.memoryBytes + weights.points.memoryBytes)
  }

  @Test func aWeightThatCouldOverflowIsNotFinite() {
    func isFinite(_ coefficients: [Float], _ value: Float) -> [Bool] {
      var shard = PointCombinations.Shard()
      for (point, coefficient) in coefficients.enumerated() {
        shard.append(point: UInt16(point), coefficient: coefficient)
      }
      shard.endRow()
      let points = Matrix(Array(repeating: [1, value], count: coefficients.count))
      return [DataPoints.dense(points), .sparse(points.sparse)].map {
        SeededWeights(
          seed: 0, points: $0, combinations: PointCombinations(rows: 1, shards: [shard])
        ).isFinite
      }
    }
    for (coefficients, value) in [([], 1), ([1, -2], -3), ([1e37, 1e37], 2)] as [([Float], Float)] {
      #expect(isFinite(coefficients, value) == [true, true], "\(coefficients) \(value)")
    }
    for (coefficients, value) in [
      ([.nan], 1), ([.infinity], 1), ([1], .nan), ([1], -.infinity), ([1e38, -1e38], 1),
      ([1e30], 1e10),
    ] as [([Float], Float)] {
      #expect(isFinite(coefficients, value) == [false, false], "\(coefficients) \(value)")
    }
  }
}
