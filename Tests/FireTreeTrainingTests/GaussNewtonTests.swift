import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// Steps of Gauss-Newton with every engine against a twin that solves for the weights themselves, element by element.
@Suite struct GaussNewtonTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var points = 12
    var inputs = 4
    var neurons = 30
    var outputs = 2
    var threshold: Float = 0.3
    var ridge = 0.0
    var isWeighted = false
    var layout = Network.OutputLayout.full
    var initial = InitialWeights.Distribution.gaussian
    var start = InitialWeights.Start.paired
    var hasDuplicates = false
    var isSparse = false

    var testDescription: String {
      let marks = [(isWeighted, "weighted"), (hasDuplicates, "duplicates"), (isSparse, "sparse")]
      let words = marks.filter(\.0).map(\.1).joined(separator: " ")
      return
        "n=\(points) m=\(neurons) C=\(outputs) b=\(threshold) ridge \(ridge) \(layout) \(initial) \(start) \(words)"
    }
  }

  static let shapes: [Shape] = [
    Shape(), Shape(ridge: 0.1), Shape(outputs: 1, ridge: 0.01), Shape(neurons: 6, ridge: 0.1),
    Shape(points: 5, outputs: 40, ridge: 0.1), Shape(ridge: 0.1, isWeighted: true), Shape(isWeighted: true),
    Shape(neurons: 31, outputs: 3, ridge: 0.1, layout: .grouped), Shape(ridge: 0.1, start: .independent),
    Shape(ridge: 0.01, hasDuplicates: true), Shape(ridge: 0.1, isSparse: true),
    Shape(inputs: 7, initial: .hadamard), Shape(ridge: 0.1, initial: .hadamard, isSparse: true),
    Shape(inputs: 8, neurons: 33, ridge: 0.1, initial: .hadamard, start: .independent),
    Shape(threshold: 0, ridge: 0.1), Shape(threshold: -0.5, ridge: 0.1),
  ]

  private struct Problem {
    let points: DataPoints
    let rows: [[Double]]
    let truth: Supervision
    let network: Network

    init(_ shape: Shape) throws {
      var random = SeededGenerator(seed: UInt64(shape.points * 1000 + shape.neurons * 10 + shape.outputs))
      var x = random.unitRows(shape.points, columns: shape.inputs)
      if shape.hasDuplicates {
        for i in 1..<4 { for j in 0..<shape.inputs { x[i, j] = x[0, j] } }
      }
      points = shape.isSparse ? .sparse(x.sparse) : .dense(x)
      rows = (0..<shape.points).map { x.row($0).map(Double.init) }
      let some: [Float] = [1, 2, 0, 4, 1, 0, 3]
      let weights = shape.isWeighted ? (0..<shape.points).map { some[$0 % 7] } : nil
      truth = Supervision(
        targets: random.matrix(rows: shape.points, columns: shape.outputs), weights: weights)
      network = try Network(
        neurons: shape.neurons, dimension: shape.inputs, outputs: shape.outputs, threshold: shape.threshold,
        seed: 7, layout: shape.layout, form: .seeded, initial: shape.initial, start: shape.start)
    }

    func engine(_ kind: EngineKind, form: HiddenWeights.Form? = nil, threads: Int = 2) -> any TrainingEngine {
      var state = TrainingState(network: network)
      state.form = form
      return kind.make(state, points, UpdateRule(rate: 1e-6), threads: threads).engine
    }

    func optimizer(_ ridge: Double, threads: Int = 2) throws -> GaussNewton {
      try GaussNewton(
        points: points, truth: truth, threshold: network.threshold, ridge: ridge,
        workers: Workers(threads: threads), tolerance: 1e-5)
    }
  }

  /// The twin: W, and the objective, in doubles.
  private struct Twin {
    let problem: Problem
    let start: [[Double]]
    var weights: [[Double]]
    let ridge: Double
    let unit: Double
    var damping = 0.3

    init(_ problem: Problem, ridge: Double) {
      self.problem = problem
      let stored = problem.network.hiddenWeights
      start = (0..<stored.rows).map { stored.row($0).map(Double.init) }
      weights = start
      let b = Double(problem.network.threshold)
      let sizes = problem.rows.map { row in
        let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return norm * norm * NormalDistribution.tail(b / norm)
      }
      unit = sizes.reduce(0, +) / Double(sizes.count)
      self.ridge = ridge * unit
    }

    private var m: Int { weights.count }
    private var n: Int { problem.rows.count }
    private var scale: Double { 1 / Double(m).squareRoot() }
    private var threshold: Double { Double(problem.network.threshold) }

    private func correlation(_ r: Int, _ i: Int) -> Double {
      var sum = 0.0
      for j in problem.rows[i].indices { sum += weights[r][j] * problem.rows[i][j] }
      return sum
    }

    private func outputWeight(_ r: Int, _ c: Int) -> Double { Double(problem.network.outputWeights[r, c]) }
    private func omega(_ i: Int) -> Double { Double(problem.truth.weights?[i] ?? 1) }

    /// f_i - y_i.
    private func residual(_ i: Int) -> [Double] {
      var result = problem.truth.targets.row(i).map { -Double($0) }
      for r in 0..<m {
        let excess = correlation(r, i) - threshold
        guard excess > 0 else { continue }
        for c in result.indices { result[c] += outputWeight(r, c) * excess * scale }
      }
      return result
    }

    var objective: Double {
      var (loss, movement) = (0.0, 0.0)
      for i in 0..<n { for e in residual(i) { loss += omega(i) * e * e } }
      for r in 0..<m {
        for j in weights[r].indices {
          let v = weights[r][j] - start[r][j]
          movement += v * v
        }
      }
      return loss / 2 + ridge / 2 * movement
    }

    /// J^T S^2 J and -(J^T S^2 (f - y) + rho V).
    private func normalEquations() -> (matrix: [[Double]], right: [Double]) {
      let d = weights[0].count, size = m * d
      var matrix = [[Double]](repeating: [Double](repeating: 0, count: size), count: size)
      var right = [Double](repeating: 0, count: size)
      for i in 0..<n {
        let fires = (0..<m).filter { correlation($0, i) > threshold }
        for (c, e) in residual(i).enumerated() {
          var row: [(Int, Double)] = []
          for r in fires {
            for j in 0..<d { row.append((r * d + j, outputWeight(r, c) * problem.rows[i][j] * scale)) }
          }
          for (p, x) in row {
            right[p] -= omega(i) * x * e
            for (q, y) in row { matrix[p][q] += omega(i) * x * y }
          }
        }
      }
      for r in 0..<m { for j in 0..<d { right[r * d + j] -= ridge * (weights[r][j] - start[r][j]) } }
      return (matrix, right)
    }

    /// The step of all m d weights that solves (J^T S^2 J + (rho + lambda) I) delta = -(J^T S^2 (f - y) + rho V). Returns the
    /// trials that failed.
    mutating func step() -> Int {
      let (before, d) = (objective, weights[0].count)
      let (normal, right) = normalEquations()
      for failed in 0..<12 {
        var system = normal
        for p in right.indices { system[p][p] += ridge + damping * unit }
        let delta = Self.solve(system, right)
        let (kept, predicted) = (weights, prediction(delta))
        for r in 0..<m { for j in 0..<d { weights[r][j] += delta[r * d + j] } }
        if objective < before {
          let gain = (before - objective) / (before - predicted)
          damping *= gain >= 0.75 ? 0.25 : gain >= 0.4 ? 0.5 : gain >= 0.2 ? 1 : 2
          return failed
        }
        weights = kept
        damping *= 4
      }
      return 12
    }

    /// The objective of weights moved by `delta`, if every pair stays as it is.
    private func prediction(_ delta: [Double]) -> Double {
      let d = weights[0].count
      var (loss, movement) = (0.0, 0.0)
      for i in 0..<n {
        var residual = residual(i)
        for r in 0..<m where correlation(r, i) > threshold {
          var change = 0.0
          for j in 0..<d { change += delta[r * d + j] * problem.rows[i][j] }
          for c in residual.indices { residual[c] += outputWeight(r, c) * change * scale }
        }
        for e in residual { loss += omega(i) * e * e }
      }
      for r in 0..<m {
        for j in 0..<d {
          let v = weights[r][j] + delta[r * d + j] - start[r][j]
          movement += v * v
        }
      }
      return loss / 2 + ridge / 2 * movement
    }

    private static func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
      var (a, x) = (matrix, right)
      for k in x.indices {
        for i in x.indices.dropFirst(k + 1) where a[i][k] != 0 {
          let factor = a[i][k] / a[k][k]
          for j in k..<x.count { a[i][j] -= factor * a[k][j] }
          x[i] -= factor * x[k]
        }
      }
      for k in x.indices.reversed() {
        for j in x.indices.dropFirst(k + 1) { x[k] -= a[k][j] * x[j] }
        x[k] /= a[k][k]
      }
      return x
    }
  }

  @Test(arguments: EngineKind.allCases, shapes) func stepsOfTheTwin(kind: EngineKind, shape: Shape) throws {
    let problem = try Problem(shape)
    var twin = Twin(problem, ridge: shape.ridge)
    let forms: [HiddenWeights.Form] = kind.type.supportsSeededWeights ? [.stored, .seeded] : [.stored]
    var engines = forms.map { problem.engine(kind, form: $0) }
    var optimizers = try forms.map { _ in try problem.optimizer(shape.ridge) }
    let start = twin.objective
    for step in 0..<5 where twin.objective > 1e-5 * start {
      let failed = twin.step()
      for index in forms.indices {
        let (engine, report) = try #require(try optimizers[index].step(engines[index]))
        let where_ = "step \(step), \(forms[index])"
        #expect(report.takenBack == failed, "\(where_)")
        #expect(abs(report.objective - twin.objective) <= 1e-3 * twin.objective + 1e-6 * start, "\(where_)")
        let found = Trainee(engine).network.hiddenWeights
        var distance = 0.0
        for r in 0..<found.rows {
          for (a, b) in zip(found.row(r), twin.weights[r]) { distance = max(distance, abs(Double(a) - b)) }
        }
        #expect(distance < 5e-3, "\(where_)")
        #expect(engine.iteration == step + 1)
        engines[index] = engine
      }
    }
    #expect(twin.objective < 0.9 * start)
  }

  /// Trials that are taken back leave no trace: the engine that was given is as it was, and the step is that of a fresh optimizer.
  @Test(arguments: EngineKind.allCases) func stepsThatAreTakenBack(kind: EngineKind) throws {
    // Few neurons with large targets: the pattern changes so much that full steps overshoot.
    let problem = try Problem(Shape(neurons: 8, outputs: 2, threshold: 0.5, ridge: 0.001))
    var truth = problem.truth
    truth.targets.withMutableView { view in
      for i in 0..<view.rows { for c in 0..<view.columns { view[i, c] *= 30 } }
    }
    var optimizer = try GaussNewton(
      points: problem.points, truth: truth, threshold: 0.5, ridge: 0.001, workers: Workers(threads: 2))
    var (engine, takenBack, steps) = (problem.engine(kind), 0, 0)
    while steps < 12, let (next, report) = try optimizer.step(engine) {
      let before = Trainee(engine).state
      if report.takenBack > 0 {
        // The same step again, from an engine made of the same state.
        let again = kind.make(before, problem.points, UpdateRule(rate: 1e-6)).engine
        #expect(again.outputs(.all).distance(to: engine.outputs(.all)) < 1e-5)
        #expect(Trainee(engine).state == before && Trainee(engine).audit().missed == 0)
      }
      (engine, takenBack, steps) = (next, takenBack + report.takenBack, steps + 1)
    }
    #expect(takenBack > 0 && steps > 3)
    #expect(Trainee(engine).audit().missed == 0 && Trainee(engine).audit().extra == 0)
  }

  @Test(arguments: EngineKind.allCases) func threadsDoNotChangeBits(kind: EngineKind) throws {
    let problem = try Problem(Shape(points: 40, inputs: 6, neurons: 700, outputs: 3, ridge: 0.01))
    var expected: TrainingState?
    for threads in 1...3 {
      var (optimizer, engine) = (
        try problem.optimizer(0.01, threads: threads), problem.engine(kind, threads: threads)
      )
      for _ in 0..<3 { if let (next, _) = try optimizer.step(engine) { engine = next } }
      let state = Trainee(engine).state
      #expect(state == expected ?? state && state.iteration == 3)
      expected = state
    }
  }

  /// With every point a landmark Nystrom's approximation is the kernel itself: the same inverse, of several columns and with weights.
  @Test(arguments: [false, true]) func allLandmarks(isWeighted: Bool) throws {
    let problem = try Problem(Shape(points: 300, inputs: 5, outputs: 1, isWeighted: isWeighted))
    let roots = problem.truth.weights.map { $0.map { $0.squareRoot() } }
    var random = SeededGenerator(seed: 5)
    let vector = (0..<900).map { _ in Double.random(in: -1..<1, using: &random) }
    for q in [0.01, 0.1, 3] {
      let images = try [1000, 100].map { whole in
        var preconditioner = try KernelPreconditioner(
          points: problem.points, threshold: 0.3, roots: roots, workers: Workers(threads: 2),
          wholePoints: whole, landmarks: 300)
        try preconditioner.prepare(for: q)
        return try preconditioner.apply(to: vector, columns: 3)
      }
      let size = images[0].map(abs).max() ?? 0
      for (a, b) in zip(images[0], images[1]) { #expect(abs(a - b) < 1e-3 * size, "q = \(q)") }
      #expect(size > 0.5 / (q + 50))
    }
  }

  /// With landmarks in the place of the whole kernel the same equations are solved, within more products.
  @Test(arguments: [false, true]) func landmarks(isWeighted: Bool) throws {
    let problem = try Problem(
      Shape(points: 60, inputs: 5, neurons: 900, outputs: 2, ridge: 0.01, isWeighted: isWeighted))
    var results: [Double] = []
    for whole in [100, 20] {
      var optimizer = try GaussNewton(
        points: problem.points, truth: problem.truth, threshold: 0.3, ridge: 0.01,
        workers: Workers(threads: 2), wholePoints: whole, landmarks: 25, tolerance: 1e-5)
      var engine = problem.engine(.gram)
      for _ in 0..<4 {
        let (next, report) = try #require(try optimizer.step(engine))
        #expect(report.products <= 120 && report.products > 2)
        engine = next
        results.append(report.objective)
      }
    }
    for step in 0..<4 { #expect(abs(results[step] - results[step + 4]) < 2e-3 * results[step]) }
  }

  /// Nothing that can be learned, or known.
  @Test func degenerateProblems() throws {
    let problem = try Problem(Shape(threshold: 100))
    var optimizer = try problem.optimizer(0)
    #expect(try optimizer.step(problem.engine(.dense)) == nil && optimizer.isConverged)
    let moved = try Problem(Shape(ridge: 0.1))
    let network = Network(
      hiddenWeights: moved.network.hiddenWeights, outputWeights: moved.network.outputWeights, threshold: 0.3)
    let engine = EngineKind.dense.make(network, moved.points, rate: 1).engine
    var pulled = try moved.optimizer(0.1)
    let error = #expect(throws: FireTreeError.self) { try pulled.step(engine) }
    #expect(error?.kind == .usage && error?.reason.contains("initial weights") == true)
    var free = try moved.optimizer(0)
    #expect(try free.step(engine)?.report.objective ?? .infinity < 1e3)
  }
}
