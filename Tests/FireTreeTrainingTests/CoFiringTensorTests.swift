import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// The co-firing tensor against sums over all neurons. Everything is a small whole number here, so that all sums are
/// exact in any order and results can be compared bit by bit.
@Suite struct CoFiringTensorTests {
  /// Neurons with their output weights and the points on which they fire.
  private struct Pattern {
    var outputWeights: Matrix
    var firing: [[Int]]

    init(outputWeights: Matrix, firing: [[Int]]) {
      self.outputWeights = outputWeights
      self.firing = firing
    }

    init(
      neurons: Int, points: Int, outputs: Int, grouped: Bool, largest: Int = 2,
      _ random: inout SeededGenerator
    ) {
      outputWeights = random.wholeMatrix(rows: neurons, columns: outputs, range: -largest...largest)
      if grouped {
        for r in 0..<neurons { for c in 0..<outputs where c != r % outputs { outputWeights[r, c] = 0 } }
      }
      firing = (0..<neurons).map { _ in Self.choice(of: points, &random) }
    }

    /// About half of the points, or a few, or none, in any order.
    static func choice(of points: Int, _ random: inout SeededGenerator) -> [Int] {
      let share = [0, 0.1, 0.5, 1][Int.random(in: 0..<4, using: &random)]
      return (0..<points).filter { _ in Double.random(in: 0..<1, using: &random) < share }
        .shuffled(using: &random)
    }

    /// M by its definition: n x n blocks of C x C.
    func plain(points: Int) -> [[[[Float]]]] {
      let outputs = outputWeights.columns
      let block = [[Float]](repeating: [Float](repeating: 0, count: outputs), count: outputs)
      var result = [[[[Float]]]](repeating: [[[Float]]](repeating: block, count: points), count: points)
      for (r, firing) in firing.enumerated() {
        let a = outputWeights.row(r)
        for i in firing {
          for j in firing {
            for c in 0..<outputs { for e in 0..<outputs { result[i][j][c][e] += a[c] * a[e] } }
          }
        }
      }
      return result
    }
  }

  /// What a neuron's change of its points from `old` to `new` does, as one sequence of calls.
  private static func apply(
    _ old: [Int], _ new: [Int], weights: [Float], to rows: CoFiringTensor.Rows
  ) {
    let staying = old.filter(new.contains)
    for (sign, group) in [
      (Float(-1), old.filter { !new.contains($0) }), (1, new.filter { !old.contains($0) }),
    ] {
      rows.begin(weights, sign: sign)
      for (k, point) in group.enumerated() {
        rows.add(point)
        rows.add(point, with: staying.map(UInt16.init), count: staying.count)
        rows.add(point, with: group.map(UInt16.init), count: k)
      }
    }
  }

  private static func change(
    _ tensor: inout CoFiringTensor, from old: Pattern?, to new: Pattern, threads: Int
  ) {
    tensor.change(workers: Workers(threads: threads)) { rows in
      for r in new.firing.indices {
        apply(old?.firing[r] ?? [], new.firing[r], weights: new.outputWeights.row(r), to: rows)
      }
    }
  }

  private static func entries(_ tensor: CoFiringTensor, points: Int, outputs: Int) -> [[[[Float]]]] {
    (0..<points).map { i in
      (0..<points).map { j in
        (0..<outputs).map { c in (0..<outputs).map { e in tensor.entry(i, j, c, e) } }
      }
    }
  }

  /// The product by its definition.
  private static func product(
    gram: Matrix, tensor: [[[[Float]]]], values: [Double], outputs: Int
  ) -> [Double] {
    var result = [Double](repeating: 0, count: values.count)
    for i in 0..<gram.rows {
      for j in 0..<gram.rows {
        let weight = Double(gram[i, j])
        for c in 0..<outputs {
          for e in 0..<outputs {
            let entry: Float = tensor[i][j][c][e]
            result[i * outputs + c] += weight * Double(entry) * values[j * outputs + e]
          }
        }
      }
    }
    return result
  }

  static let shapes = [1, 2, 3, 10].flatMap { outputs in [false, true].map { (outputs, $0) } }

  /// Every number of points from none to beyond a tile; in 16 bits with weights of -1, 0 and 1.
  @Test(arguments: shapes, [false, true])
  func productsAndChanges(shape: (outputs: Int, grouped: Bool), whole: Bool) {
    let (outputs, grouped) = shape
    for points in 0...70 {
      var random = SeededGenerator(seed: UInt64(1000 * points + 10 * outputs) + (grouped ? 1 : 0))
      var gram = random.wholeMatrix(rows: points, columns: points)
      for i in 0..<points { for j in 0..<i { gram[i, j] = gram[j, i] } }
      let values = (0..<points * outputs).map { _ in Double(Int.random(in: -5...5, using: &random)) }
      var tensor = Memory.demand(
        try CoFiringTensor(points: points, outputs: outputs, separate: grouped, whole: whole))
      #expect(tensor.isNarrow == (whole && outputs > 1))
      let first = Pattern(
        neurons: 9, points: points, outputs: outputs, grouped: grouped, largest: whole ? 1 : 2, &random)
      var second = first
      for r in 0..<9 where r % 3 > 0 { second.firing[r] = Pattern.choice(of: points, &random) }
      // Below, all points' blocks are compared; they are many for ten outputs.
      let comparesEntries = outputs < 10 || points % 8 == 1
      for (old, new) in [(nil, first), (first, second)] as [(Pattern?, Pattern)] {
        Self.change(&tensor, from: old, to: new, threads: 1 + points % 3)
        let plain = new.plain(points: points)
        if comparesEntries {
          #expect(Self.entries(tensor, points: points, outputs: outputs) == plain, "\(points) points")
        }
        let expected = Self.product(gram: gram, tensor: plain, values: values, outputs: outputs)
        for threads in [1, 3] {
          let found = gram.withView {
            tensor.product(gram: $0, values: values, workers: Workers(threads: threads))
          }
          #expect(found == expected, "\(points) points")
        }
      }
    }
  }

  /// A tensor goes on in floats when 16 bits could overflow, and not before; what it holds stays.
  @Test(arguments: [2, 3, 10], [false, true]) func numbersOfSixteenBits(outputs: Int, grouped: Bool) throws {
    var random = SeededGenerator(seed: UInt64(outputs))
    let points = 20
    var pattern = Pattern(
      neurons: 9, points: points, outputs: outputs, grouped: grouped, largest: 1, &random)
    // On point 5 all nine neurons fire.
    for r in 0..<9 where !pattern.firing[r].contains(5) { pattern.firing[r].append(5) }
    for r in 0..<9 { pattern.outputWeights[r, grouped ? r % outputs : 0] = 1 }
    var tensor = try CoFiringTensor(points: points, outputs: outputs, separate: grouped, whole: true)
    Self.change(&tensor, from: nil, to: pattern, threads: 2)
    let most = (0..<outputs).map { Int32(tensor.entry(5, 5, $0, $0)) }.max() ?? 0
    #expect(most > 0)
    var beginning = [Int32](repeating: 0, count: points)
    let expected = Self.entries(tensor, points: points, outputs: outputs)
    for (additional, isNarrow) in [(Int32(32_767) - most, true), (32_768 - most, false)] {
      beginning[5] = additional
      tensor.makeRoom(for: beginning)
      #expect(tensor.isNarrow == isNarrow)
      #expect(Self.entries(tensor, points: points, outputs: outputs) == expected)
    }
    let none = Pattern(outputWeights: pattern.outputWeights, firing: pattern.firing.map { _ in [] })
    Self.change(&tensor, from: pattern, to: none, threads: 3)
    #expect(Self.entries(tensor, points: points, outputs: outputs) == none.plain(points: points))
  }

  /// With numbers that do round, a tensor and its products have the same bits on any number of threads.
  @Test(arguments: shapes) func threadsDoNotChangeBits(outputs: Int, grouped: Bool) throws {
    for points in [1, 2, 63, 64, 65, 200] {
      var random = SeededGenerator(seed: UInt64(points))
      var pattern = Pattern(neurons: 25, points: points, outputs: outputs, grouped: grouped, &random)
      for r in 0..<25 {
        for c in 0..<outputs { pattern.outputWeights[r, c] *= Float.random(in: 0..<1, using: &random) }
      }
      let gram = random.matrix(rows: points, columns: points)
      let values = (0..<points * outputs).map { _ in Double.random(in: -1..<1, using: &random) }
      let results = try [1, 2, 3, 7, 64].map { threads -> ([Double], [Float]) in
        var tensor = try CoFiringTensor(points: points, outputs: outputs, separate: grouped)
        Self.change(&tensor, from: nil, to: pattern, threads: threads)
        let product = gram.withView {
          tensor.product(gram: $0, values: values, workers: Workers(threads: threads))
        }
        let entries = (0..<points).flatMap { i in
          (0...i).flatMap { j in tensor.entries.map { tensor.entry(i, j, $0.0, $0.1) } }
        }
        return (product, entries)
      }
      for result in results {
        #expect(result.0 == results[0].0 && result.1 == results[0].1, "\(points) points")
      }
    }
  }

  /// A copy keeps what it holds when the original changes.
  @Test func valuesAreSemantic() throws {
    var random = SeededGenerator(seed: 1)
    let pattern = Pattern(neurons: 5, points: 6, outputs: 2, grouped: false, &random)
    var tensor = try CoFiringTensor(points: 6, outputs: 2, separate: false)
    let empty = tensor
    Self.change(&tensor, from: nil, to: pattern, threads: 2)
    #expect(Self.entries(tensor, points: 6, outputs: 2) == pattern.plain(points: 6))
    #expect(Self.entries(empty, points: 6, outputs: 2).joined().joined().joined().allSatisfy { $0 == 0 })
  }

  /// The tensor of a running engine, every step: rates from tiny to the edge of divergence.
  @Test(arguments: KineticProblem.momenta, [0.01, 0.5, 1.9] as [Float])
  func theTensorOfARunningEngine(momentum: UpdateRule.Momentum, rate: Float) throws {
    var changed = 0
    for seed in 1...40 as ClosedRange<UInt64> {
      let problem = KineticProblem(seed: seed)
      var engine = problem.engine(momentum: momentum, rate: rate)
      let (points, outputs) = (problem.points.count, problem.network.outputCount)
      // Output weights are -u, 0 and u: sums of -1, 0 and 1 are exact.
      let unit = engine.outputWeights.elements.joined().map { abs($0) }.max() ?? 1
      let signs = Matrix(engine.outputWeights.elements.map { $0.map { $0 / unit } })
      for step in 0..<30 {
        let plain = Pattern(outputWeights: signs, firing: engine.firingLists)
        let expected = plain.plain(points: points).map { $0.map { $0.map { $0.map { $0 * (unit * unit) } } } }
        #expect(
          try Self.entries(Self.tensor(of: engine), points: points, outputs: outputs) == expected,
          "seed \(seed) step \(step)")
        #expect(engine.firingPairs == plain.firing.reduce(0) { $0 + $1.count })
        let report = engine.step(problem.gradient(engine.outputs))
        changed += report.counts[.pairsChanged]
        guard engine.outputs.isModerate else { break }
      }
    }
    #expect(changed > 100)
  }

  private static func tensor(of engine: Trainee) throws -> CoFiringTensor {
    try #require(engine.engine as? KineticEngine).tensor
  }

  /// Output weights of any size: rounding of changes does not add up for ever, for every 256 steps the tensor is that of an
  /// engine that has seen none of them.
  @Test func changesAreNotAddedUpForEver() throws {
    var random = SeededGenerator(seed: 15)
    let points = DataPoints.dense(random.unitRows(12, columns: 6))
    let targets = random.matrix(rows: 12, columns: 2)
    let network = Network(
      hiddenWeights: random.matrix(rows: 200, columns: 6),
      outputWeights: random.matrix(rows: 200, columns: 2),
      threshold: 0.4)
    var engine = EngineKind.kinetic.make(network, points, rate: 0.3)
    var (changed, differs) = (0, false)
    for step in 1...256 {
      changed += engine.step(towards: targets).counts[.pairsChanged]
      guard step % 64 == 0 else { continue }
      let fresh = EngineKind.kinetic.make(engine.state, points, engine.rule)
      #expect(fresh.firingLists == engine.firingLists)
      let entries = try [engine, fresh].map { try Self.entries(Self.tensor(of: $0), points: 12, outputs: 2) }
      if step < 256 {
        differs = differs || entries[0] != entries[1]
      } else {
        #expect(entries[0] == entries[1])
      }
    }
    // Rounding had something to do.
    #expect(changed > 50 && differs)
  }

  /// On the first of two points more neurons come to fire in a step than numbers of 16 bits can count.
  @Test func aRunningEngineWidensItsTensor() throws {
    let (neurons, beginning) = (32_900, 300)
    let points = DataPoints.dense(Matrix([[1, 0], [0.6, 0.8]]))
    var weights = Matrix(rows: neurons, columns: 2)
    for r in 0..<neurons {
      // The first fire on the first point; the last on the second, along which they come to the first.
      (weights[r, 0], weights[r, 1]) = r < neurons - beginning ? (2, -2) : (0.99, 0.6)
    }
    let network = Network(
      hiddenWeights: weights, outputWeights: Matrix([[Float]](repeating: [1, 1], count: neurons)),
      threshold: 1)
    var engine = EngineKind.kinetic.make(network, points, rate: 0.01)
    #expect(try Self.tensor(of: engine).isNarrow && engine.firingPairs == neurons)
    let report = engine.step(Matrix([[-500, -500], [-500, -500]]))
    #expect(try report.counts[.pairsChanged] == beginning && !Self.tensor(of: engine).isNarrow)
    let entries = try Self.entries(Self.tensor(of: engine), points: 2, outputs: 2)
    for (i, j, count) in [(0, 0, neurons), (0, 1, beginning), (1, 1, beginning)] {
      #expect(entries[i][j].joined().allSatisfy { $0 == Float(count) }, "points \(i) and \(j)")
    }
  }
}
