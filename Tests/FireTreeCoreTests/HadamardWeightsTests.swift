import FireTreeCore
import TestSupport
import Testing

/// Structured weights against their definition.
@Suite struct HadamardWeightsTests {
  // MARK: - The transform

  /// Level by level, pair by pair.
  private static func plain(_ values: [Float]) -> [Float] {
    var x = values
    var half = 1
    while half < x.count {
      for k in x.indices where k & half == 0 {
        (x[k], x[k + half]) = (x[k] + x[k + half], x[k] - x[k + half])
      }
      half *= 2
    }
    return x
  }

  /// Every bit, for every size, with signs and without; each of the sixteen columns by itself.
  @Test(arguments: 0...12) func transformsAreThePlainOne(levels: Int) {
    var random = SeededGenerator(seed: UInt64(levels))
    let size = 1 << levels
    for isSigned in [false, true] {
      var tile = random.matrix(rows: size, columns: 16)
      let before = tile
      let signs = (0..<(size + 31) / 32).map { _ in UInt32(truncatingIfNeeded: random.next()) }
      tile.withMutableView { tile in
        signs.withUnsafeBufferPointer {
          Kernels.hadamard(tile.base, size: size, signs: isSigned ? $0.baseAddress : nil)
        }
      }
      for lane in [0, 1, 7, 15] {
        let column = (0..<size).map { row in
          isSigned && signs[row / 32] >> UInt32(row % 32) & 1 == 1 ? -before[row, lane] : before[row, lane]
        }
        #expect((0..<size).map { tile[$0, lane] } == Self.plain(column), "lane \(lane)")
      }
    }
  }

  // MARK: - Weights

  private static func rows(_ weights: HadamardWeights, _ neurons: Range<Int>) -> Matrix {
    var result = Matrix(rows: neurons.count, columns: weights.columns)
    result.withMutableView { weights.generate(neurons, into: $0) }
    return result
  }

  /// The products of a block with points, by transforms.
  private static func products(_ weights: HadamardWeights, block: Int, with points: DataPoints) throws
    -> Matrix
  {
    let count = weights.blocks[block].count
    var result = Matrix(rows: count, columns: points.count)
    let lanes = try LanePoints(
      of: points, 0..<points.count, blockSize: weights.blockSize, workers: Workers(threads: 2))
    weights.withWorkspace { workspace in
      weights.drawSigns(of: block, workspace)
      for group in 0..<lanes.groups.count {
        weights.transform(lanes, group: group, workspace)
        for (lane, point) in lanes.groups[group].enumerated() {
          for r in 0..<count { result[r, point] = workspace.tile[r, lane] * weights.scale }
        }
      }
    }
    return result
  }

  /// W = H S1 H S2 H S3 / D by matrices of doubles, from the signs that the generator draws.
  private static func definition(_ weights: HadamardWeights, block: Int) -> [[Double]] {
    let size = weights.blockSize, words = max(4, size / 32)
    let generator = CounterGenerator(seed: weights.seed, stream: HadamardWeights.stream)
    func sign(_ round: Int, _ k: Int) -> Double {
      let word = round * words + k / 32
      return (generator.words(row: block, block: UInt32(word / 4))[word % 4] >> UInt32(k % 32)) & 1 == 0
        ? 1 : -1
    }
    func entry(_ i: Int, _ j: Int) -> Double { (i & j).nonzeroBitCount % 2 == 0 ? 1 : -1 }
    func product(_ a: [[Double]], _ b: [[Double]]) -> [[Double]] {
      a.map { row in (0..<size).map { j in (0..<size).reduce(0) { $0 + row[$1] * b[$1][j] } } }
    }
    let signed = (0..<3).map { round in
      (0..<size).map { i in (0..<size).map { j in entry(i, j) * sign(round, j) } }
    }
    return product(product(signed[0], signed[1]), signed[2]).map { $0.map { $0 / Double(size) } }
  }

  @Test(arguments: 0...6) func weightsAreTheirDefinition(levels: Int) {
    let size = 1 << levels
    let weights = HadamardWeights(seed: 7, rows: 3 * size, columns: size)
    #expect(weights.blockSize == size)
    for block in 0..<3 {
      let expected = Self.definition(weights, block: block)
      let found = Self.rows(weights, weights.blocks[block])
      for r in 0..<size {
        #expect(found.row(r).map(Double.init) == expected[r], "block \(block), row \(r)")
        for q in 0..<size {
          let product = zip(expected[r], expected[q]).reduce(0) { $0 + $1.0 * $1.1 }
          #expect(product == (r == q ? Double(size) : 0))
        }
      }
    }
    if size > 4 { #expect(Self.rows(weights, 0..<size) != Self.rows(weights, size..<2 * size)) }
  }

  /// A row made alone is that of any range and that of its block's products with unit vectors, bit for bit; so in a block
  /// that is not whole.
  @Test(arguments: [1, 2, 3, 15, 16, 17, 100, 256, 784, 1500, 4096])
  func rowsAreTheSameAloneAndInABlock(columns: Int) throws {
    let size = HadamardWeights.blockSize(columns: columns)
    let weights = HadamardWeights(seed: 3, rows: size + size / 2 + 1, columns: columns)
    #expect(size >= columns && size < 2 * columns)
    let chosen = [0, columns / 2, columns - 1]
    var units = Matrix(rows: chosen.count, columns: columns)
    for (slot, column) in chosen.enumerated() { units[slot, column] = 1 }
    for block in 0..<weights.blocks.count {
      let range = weights.blocks[block]
      let products = try Self.products(weights, block: block, with: .dense(units))
      let all = Self.rows(
        weights, max(0, range.lowerBound - 5)..<min(range.upperBound, range.lowerBound + 40))
      for neuron in [range.lowerBound, range.lowerBound + range.count / 3, range.upperBound - 1] {
        let alone = Self.rows(weights, neuron..<neuron + 1)
        let first = max(0, range.lowerBound - 5)
        if neuron - first < all.rows { #expect(alone.row(0) == all.row(neuron - first)) }
        for (slot, column) in chosen.enumerated() {
          #expect(alone[0, column] == products[neuron - range.lowerBound, slot])
        }
        for value in alone.row(0) { #expect(value * Float(size) == (value * Float(size)).rounded()) }
      }
    }
  }

  /// Products by transforms lie within their bound of exact ones, on points of every kind, and have the same bits alone.
  @Test(arguments: [1, 2, 30, 300, 784]) func productsAreWithinTheirBound(columns: Int) throws {
    var random = SeededGenerator(seed: UInt64(columns))
    let weights = HadamardWeights(seed: 5, rows: 600, columns: columns)
    var points = random.matrix(rows: 21, columns: columns)
    for i in 0..<points.rows {
      for c in 0..<columns {
        switch i % 5 {
        case 1: points[i, c] = c % 37 == i % 37 ? points[i, c] : 0
        case 2: points[i, c] = c == i * 7 % columns ? 1 : 0
        case 3: points[i, c] *= 1e30
        case 4: points[i, c] *= 1e-30
        default: break
        }
      }
    }
    var largest = 0.0
    for block in 0..<weights.blocks.count {
      let range = weights.blocks[block]
      let found = try Self.products(weights, block: block, with: .dense(points))
      #expect(try Self.products(weights, block: block, with: .sparse(points.sparse)) == found)
      let rows = Self.rows(weights, range)
      for r in Swift.stride(from: 0, to: range.count, by: 7) {
        let row = rows.row(r).map(Double.init)
        for i in 0..<points.rows {
          let point = points.row(i).map(Double.init)
          let exact = zip(row, point).reduce(0) { $0 + $1.0 * $1.1 }
          let norm = point.reduce(0) { $0 + $1 * $1 }.squareRoot()
          let bound = Double(weights.rounding) * norm
          #expect(abs(Double(found[r, i]) - exact) <= bound, "neuron \(range.lowerBound + r), point \(i)")
          if bound > 0 { largest = max(largest, abs(Double(found[r, i]) - exact) / bound) }
        }
      }
      for i in [0, 3, 16, 20] {
        let alone = try Self.products(weights, block: block, with: .dense(Matrix([points.row(i)])))
        #expect((0..<range.count).allSatisfy { alone[$0, 0] == found[$0, i] })
      }
    }
    // Something is rounded, so that the bound is tried.
    if columns > 2 { #expect(largest > 1e-4) }
  }

  /// Elements, and products with unit vectors of few and of many elements, are distributed like normals.
  @Test func marginalsAreNearlyNormal() throws {
    var random = SeededGenerator(seed: 12)
    let weights = HadamardWeights(seed: 1, rows: 8192, columns: 784)
    var points = random.unitRows(4, columns: 784)
    for c in 0..<784 { points[3, c] = c == 100 ? 1 : 0 }
    for i in 0..<4 {
      var values: [Double] = []
      for block in 0..<weights.blocks.count {
        let products = try Self.products(weights, block: block, with: .dense(points))
        values += (0..<products.rows).map { Double(products[$0, i]) }
      }
      let count = Double(values.count)
      let moments = (1...4).map { k in
        values.reduce(0) { sum, x in sum + (0..<k).reduce(1) { product, _ in product * x } } / count
      }
      // Five standard errors of samples of a normal.
      for (moment, (expected, error)) in zip(moments, [(0.0, 1.0), (1, 1.42), (0, 3.88), (3, 9.8)]) {
        #expect(abs(moment - expected) < 5 * error / count.squareRoot(), "point \(i): \(moments)")
      }
      for threshold in [0.5, 1, 2, 2.5] {
        let share = Double(values.count { $0 > threshold }) / count
        let expected = NormalDistribution.firingShare(threshold: threshold, norms: [1])
        #expect(abs(share - expected) < 5 * (expected / count).squareRoot(), "point \(i), \(threshold)")
      }
    }
  }
}
