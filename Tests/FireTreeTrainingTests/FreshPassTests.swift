import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Outputs on points that a network of structured weights was not trained on.
@Suite struct FreshPassTests {
  private struct Problem {
    var network: Network
    var fresh: DataPoints

    /// `neurons` of random combinations of `share` of 50 points with coefficients of up to `size`, and 100 fresh points; the
    /// last of these are at 0 and, along which neurons have moved, some of the 50.
    init(
      neurons: Int, start: InitialWeights.Start, isSparse: Bool, size: Float = 0.2, columns: Int = 70,
      layout: Network.OutputLayout = .full, share: Double = 0.2, threshold: Float = 0.7
    ) throws {
      var random = SeededGenerator(seed: UInt64(neurons))
      let x = random.unitRows(50, columns: columns)
      var y = random.unitRows(100, columns: columns)
      for point in 70..<100 {
        for column in 0..<columns { y[point, column] = point == 99 ? 0 : x[point - 70, column] }
      }
      network = try Network(
        neurons: neurons, dimension: columns, outputs: 3, threshold: threshold, seed: 9, layout: layout,
        form: .seeded,
        initial: .hadamard, start: start)
      let initial = try #require(network.weights.initial)
      let combinations = random.combinations(rows: neurons, points: 50, share: share).scaled(by: size)
      network.weights = .seeded(
        SeededWeights(
          initial: initial, points: isSparse ? .sparse(x.sparse) : .dense(x), combinations: combinations))
      fresh = isSparse ? .sparse(y.sparse) : .dense(y)
    }
  }

  /// Against the dense pass, with an audit of every pair; one neuron, odd and even numbers, several shards and blocks.
  @Test(arguments: InitialWeights.Start.allCases, [false, true])
  func outputsAreThoseOfADensePass(start: InitialWeights.Start, isSparse: Bool) throws {
    for neurons in [1, 2, 3, 127, 128, 301, 5001] {
      for size in [Float(0), 0.05, 1, 30] {
        let problem = try Problem(neurons: neurons, start: start, isSparse: isSparse, size: size)
        let found = try problem.network.outputs(for: problem.fresh, workers: Workers(threads: 2))
        let expected = try problem.network.denseOutputs(for: problem.fresh)
        #expect(found.distance(to: expected) <= 1e-5 * max(size, 1), "\(neurons) neurons, \(size)")
        let audit = try problem.network.audit(on: problem.fresh)
        #expect(audit.missed == 0 && audit.extra == 0 && audit.compared == neurons * 100)
        #expect(neurons < 100 || (audit.firing > 100 && audit.ties < 5))
      }
    }
  }

  @Test(arguments: InitialWeights.Start.allCases, [false, true])
  func rowsHaveTheSameBitsAloneAndAmongOthers(start: InitialWeights.Start, isSparse: Bool) throws {
    let problem = try Problem(neurons: 700, start: start, isSparse: isSparse, size: 1)
    let all = try problem.network.outputs(for: problem.fresh, workers: Workers(threads: 1))
    for threads in 2...3 {
      #expect(try problem.network.outputs(for: problem.fresh, workers: Workers(threads: threads)) == all)
    }
    for range in [0..<1, 3..<20, 17..<33, 99..<100] {
      let some = try problem.network.outputs(for: problem.fresh[range])
      for (row, point) in range.enumerated() { #expect(some.row(row) == all.row(point), "point \(point)") }
    }
    // So many points that movements are measured, and that they are looked at in several chunks.
    let many = try DataPoints(repeating: problem.fresh, times: 180)
    let outputs = try problem.network.outputs(for: many)
    for point in stride(from: 0, to: many.count, by: 371) {
      #expect(outputs.row(point) == all.row(point % 100))
    }
  }

  /// Points so large that transforms would overflow are left to products.
  @Test func pointsBeyondTransforms() throws {
    let weights = HadamardWeights(seed: 0, rows: 10, columns: 4096)
    #expect(weights.transformsFit(norm: 1e33) && !weights.transformsFit(norm: 2e33))
    var problem = try Problem(neurons: 100, start: .paired, isSparse: false, size: 0)
    var large = Matrix(rows: 2, columns: 70)
    for column in 0..<70 { large[0, column] = column % 3 == 0 ? 1e36 : 0 }
    problem.fresh = .dense(large)
    let found = try problem.network.outputs(for: problem.fresh)
    #expect(try found == problem.network.denseOutputs(for: problem.fresh))
  }

  /// Stored weights that began as structured ones: the bits of a dense pass, wherever they have moved; one of them so far that
  /// its length is no number.
  @Test(arguments: InitialWeights.Start.allCases, [false, true])
  func storedWeights(start: InitialWeights.Start, isSparse: Bool) throws {
    for (neurons, columns, share, threshold) in [
      (1101, 64, 0.2, 0.7), (2600, 70, 0.02, 2), (5001, 70, 0.02, -0.1),
    ] as [(Int, Int, Double, Float)] {
      for size in [Float(0), 0.05, 1, 30] {
        var problem = try Problem(
          neurons: neurons, start: start, isSparse: isSparse, size: size, columns: columns, share: share,
          threshold: threshold)
        problem.network = try problem.network.storing()
        if size == 1 { problem.network.hiddenWeights[neurons - 1, 3] = 1e30 }
        #expect(problem.network.weights.form == .stored && problem.network.initial != nil)
        for threads in 1...3 {
          let found = try problem.network.outputs(for: problem.fresh, workers: Workers(threads: threads))
          let expected = try problem.network.denseOutputs(for: problem.fresh)
          #expect((0..<100).allSatisfy { found.bits($0) == expected.bits($0) }, "\(neurons), \(size)")
        }
        let some = try problem.network.outputs(for: problem.fresh[3..<90])
        let all = try problem.network.outputs(for: problem.fresh)
        #expect((0..<87).allSatisfy { some.bits($0) == all.bits($0 + 3) })
        let audit = try problem.network.audit(on: problem.fresh)
        #expect(audit.missed == 0 && audit.extra == 0 && audit.compared == neurons * 100)
      }
    }
  }

  /// Several batches and chunks, and all engines that store weights or are made to.
  @Test(arguments: EngineKind.allCases) func enginesWithStoredWeights(kind: EngineKind) throws {
    var random = SeededGenerator(seed: 14)
    let points = DataPoints.dense(random.unitRows(40, columns: 64))
    let (targets, fresh) = (
      random.matrix(rows: 40, columns: 2), DataPoints.dense(random.unitRows(700, columns: 64))
    )
    var state = TrainingState(
      network: try Network(
        neurons: 1200, dimension: 64, outputs: 2, threshold: 0.8, seed: 3, form: .seeded, initial: .hadamard,
        start: .paired))
    state.form = .stored
    var engine = kind.make(state, points, UpdateRule(rate: 0.1, momentum: .nesterov(0.9)))
    for _ in 0..<6 { engine.step(towards: targets) }
    #expect(engine.engine.initialWeights == state.network.initial && engine.engine.seededWeights() == nil)
    let found = try engine.engine.outputs(at: fresh)
    #expect(try found == engine.engine.denseOutputs(at: fresh))
    let network = engine.network
    #expect(network.initial == state.network.initial && network.weights.form == .stored)
    #expect(try network.outputs(for: fresh) == network.denseOutputs(for: fresh))
  }

  /// A trained engine's outputs on fresh points are those of its own dense pass.
  @Test(arguments: EngineKind.allCases, InitialWeights.Start.allCases)
  func enginesOnFreshPoints(kind: EngineKind, start: InitialWeights.Start) throws {
    var random = SeededGenerator(seed: 4)
    let points = DataPoints.dense(random.unitRows(60, columns: 40))
    let (targets, fresh) = (
      random.matrix(rows: 60, columns: 2), DataPoints.dense(random.unitRows(33, columns: 40))
    )
    let network = try Network(
      neurons: 301, dimension: 40, outputs: 2, threshold: 0.8, seed: 3, form: .seeded, initial: .hadamard,
      start: start)
    var engine = kind.make(network, points, rate: 0.1, momentum: .nesterov(0.9))
    for _ in 0..<9 { engine.step(towards: targets) }
    let found = try engine.engine.outputs(at: fresh)
    #expect(try found.distance(to: engine.engine.denseOutputs(at: fresh)) <= 1e-5)
    #expect(try found.distance(to: engine.network.outputs(for: fresh)) <= 1e-5)
    #expect((engine.engine.seededWeights() != nil) == kind.type.supportsSeededWeights)
    if let weights = engine.engine.seededWeights() { #expect(engine.network.weights == .seeded(weights)) }
  }
}

extension PointCombinations {
  fileprivate func scaled(by factor: Float) -> PointCombinations {
    PointCombinations(
      rows: rows,
      shards: shards.map {
        Shard(
          rows: $0.rows, offsets: $0.offsets, points: $0.points,
          coefficients: $0.coefficients.map { $0 * factor })
      })
  }
}

extension DataPoints {
  /// The points again and again.
  fileprivate init(repeating points: DataPoints, times: Int) throws {
    var rows: [[Float]] = []
    for _ in 0..<times { rows += (0..<points.count).map(points.point) }
    if case .sparse = points.storage {
      self = .sparse(Matrix(rows).sparse)
    } else {
      self = .dense(Matrix(rows))
    }
  }
}

extension Matrix {
  /// The bits of a row; all that are not a number are alike.
  fileprivate func bits(_ row: Int) -> [UInt32] { self.row(row).map { $0.isNaN ? .max : $0.bitPattern } }
}
