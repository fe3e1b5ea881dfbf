import CorrelationTrees
import FireTreeCore

/// Training by the method of Gauss and Newton, damped as by Levenberg and Marquardt: a few steps, each of which solves a linear
/// least-squares problem, in place of thousands of steps of descent.
///
/// It minimises 1/2 sum_i omega_i |f_i - y_i|^2 + rho/2 |V|^2, V = W - W(0). With K the tangent kernel at the present pattern
/// (`TangentKernel`), S = diag(sqrt omega), e = S (f - y), a damping lambda and q = rho + lambda, a step is
///
///     z = S (S K S + q I)^-1 (e - (rho/q) S J V),    V' = (1 - rho/q) V - J^T z
///
/// (arXiv 2208.04508, with ridge and damping; Nocedal, Wright: Numerical Optimization, section 10.3.) Only vectors of n x C are
/// solved for, by conjugate gradients in double precision; nothing of size n C x n C or m d is made. A step that does not lower the
/// objective is taken back, and tried with four times the damping; after another one the damping follows how well the linear problem
/// had predicted the objective.
///
/// The engine decides how the firing pattern is found: it is made anew from the state after each step, since every neuron moves
/// far. All engines take the same steps within rounding.
public struct GaussNewton: Sendable {
  /// What a step did.
  public struct Report: Sendable, Equatable {
    /// Steps that were tried and taken back.
    public var takenBack = 0
    /// Products with the tangent kernel.
    public var products = 0
    /// lambda of the step, over the mean diagonal.
    public var damping = 0.0
    /// The objective after it.
    public var objective = 0.0
    public var phases = PhaseTimes()
  }

  /// rho and lambda, in units of the mean diagonal of the limit kernel.
  public let ridge: Double
  public private(set) var damping: Double
  /// Whether steps lower the objective no more: by less than `smallestFall`, or no step does.
  public private(set) var isConverged = false

  /// lambda at the start.
  public static let initialDamping = 0.3
  /// What it is multiplied by after a step that was taken back, and divided by at most after another one.
  public static let dampingFactor = 4.0
  /// Below it a damping is none, and without a ridge the equations need one.
  static let smallestDamping = 1e-12
  /// Training has converged when a step lowers the objective by less than this share.
  public static let smallestFall = 1e-3
  /// An objective below this share of the first is made of rounding.
  public static let negligible = 1e-10
  /// Steps that are tried in a row.
  static let mostTrials = 12
  /// Equations are solved until this share of the right side is left, by at most so many products.
  package static let tolerance = 1e-3
  static let mostProducts = 200

  /// The mean diagonal of the limit kernel, its unit.
  private let unit: Double
  private let tolerance: Double
  /// S; nil where all points count alike.
  private let roots: [Float]?
  private let truth: Supervision
  /// G, where products in Gram space are possible.
  private let gram: Matrix?
  private var preconditioner: KernelPreconditioner
  /// The objective before the first step.
  private var start: Double?
  /// V, as far as the outputs see it; nil without a ridge or before it is known.
  private var movement: StartMovement?

  /// Bytes that it holds beside an engine: the kernels of the points, vectors, and another engine's state.
  public static func requiredMemory(points: Int, outputs: Int) -> ByteCount {
    let gram =
      points <= KernelPreconditioner.wholePoints
      ? ByteCount.matrix(rows: points, columns: points) : ByteCount(0)
    return gram + KernelPreconditioner.requiredMemory(points: points)
      + ByteCount(8 * 8) * points * outputs
  }

  /// For the squared loss on `points`. `ridge` is rho in units of the mean diagonal of the limit kernel, 0 for none.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: n^2 d flops up to `KernelPreconditioner.wholePoints` points,
  /// n L d with more.
  public init(
    points: DataPoints, truth: Supervision, threshold: Float, ridge: Double, workers: Workers
  ) throws(FireTreeError) {
    try self.init(
      points: points, truth: truth, threshold: threshold, ridge: ridge, workers: workers,
      tolerance: Self.tolerance)
  }

  /// With other numbers of points, and another tolerance of the equations. For tests.
  package init(
    points: DataPoints, truth: Supervision, threshold: Float, ridge: Double, workers: Workers,
    wholePoints: Int = KernelPreconditioner.wholePoints, landmarks: Int = KernelPreconditioner.landmarks,
    tolerance: Double
  ) throws(FireTreeError) {
    self.tolerance = tolerance
    precondition(ridge >= 0 && ridge.isFinite, "a ridge of \(ridge)")
    (self.ridge, damping, self.truth) = (ridge, Self.initialDamping, truth)
    roots = truth.weights.map { $0.map { $0.squareRoot() } }
    preconditioner = try KernelPreconditioner(
      points: points, threshold: threshold, roots: roots, workers: workers, wholePoints: wholePoints,
      landmarks: landmarks)
    gram = points.count <= wholePoints ? try points.gramMatrix(workers: workers) : nil
    let diagonal = NormalDistribution.meanDiagonal(threshold: Double(threshold), norms: points.norms())
    unit = diagonal > 0 ? diagonal : 1
  }

  /// Takes the next step that lowers the objective, and returns the engine after it, or nil when there is none: then training has
  /// converged.
  ///
  /// `engine` is left as it is. Throws a usage error when there is no
  /// memory for it or the initial weights are not known, a failure when OpenBLAS computes wrongly. Complexity: for every trial that
  /// of the engine's `init`, and of some tens of products with K, O(sum_r k_r^2) or O(k d) each for k firing pairs.
  public mutating func step(
    _ engine: any TrainingEngine
  ) throws(FireTreeError) -> (engine: any TrainingEngine, report: Report)? {
    try take(engine)
  }

  private mutating func take<Engine: TrainingEngine>(
    _ engine: Engine
  ) throws(FireTreeError) -> (engine: any TrainingEngine, report: Report)? {
    var report = Report()
    let firing = report.phases.measure("kernel") { engine.firingSet }
    let kernel = tangentKernel(of: engine, firing)
    if ridge > 0, movement == nil {
      try report.phases.measure("start") { () throws(FireTreeError) in
        movement = try startMovement(of: engine, firing)
      }
    }
    let before = objective(engine.outputs(.all), movementSquare: movement?.square ?? 0)
    let first = start ?? before
    start = first
    for _ in 0..<Self.mostTrials {
      let q = (ridge + damping) * unit
      let solved = try report.phases.measure("solve") { () throws(FireTreeError) in
        try solve(kernel, outputs: engine.outputs(.all), q: q)
      }
      report.products += solved.products
      let step = KernelStep(
        direction: solved.direction, shrinkage: Float(damping / (ridge + damping)), firing: firing,
        points: engine.points, workers: engine.team.workers)
      let next = try report.phases.measure("first pass") { () throws(FireTreeError) in
        try Self.moved(engine, by: step)
      }
      let after = objective(next.outputs(.all), movementSquare: solved.movementSquare)
      guard after < before else {
        damping *= Self.dampingFactor
        report.takenBack += 1
        continue
      }
      (report.damping, report.objective) = (damping, after)
      let gain = (before - after) / (before - solved.objective)
      damping = max(damping * Self.change(gain: gain), Self.smallestDamping)
      isConverged = before - after < Self.smallestFall * before || after <= Self.negligible * first
      movement = nil
      return (next, report)
    }
    isConverged = true
    return nil
  }

  /// By what the damping changes after a step that brought `gain` of what was predicted of it: less where the prediction held,
  /// more where it did not (Nocedal, Wright: Numerical Optimization, section 4.1, for the radius of a trust region).
  private static func change(gain: Double) -> Double {
    switch gain {
    case 0.75...: 1 / dampingFactor
    case 0.4...: 0.5
    case 0.2...: 1
    default: 2
    }
  }

  /// The engine made anew from its state after `step`.
  private static func moved<Engine: TrainingEngine>(
    _ engine: Engine, by step: KernelStep
  ) throws(FireTreeError) -> Engine {
    var copy = engine
    let initial = copy.initialWeights
    var state = copy.finish()
    if step.shrinkage < 1, initial == nil {
      throw .usage("a ridge pulls to the initial weights, which this network does not know")
    }
    step.move(&state, from: initial)
    return try Engine(state, points: engine.points, expecting: engine.expectedRule, team: engine.team)
  }

  /// Products in Gram space where these are fewer, or by the rows of points.
  private func tangentKernel(of engine: some TrainingEngine, _ firing: FiringSet) -> TangentKernel {
    let inGramSpace = firing.shards.reduce(0.0) { sum, shard in
      zip(shard.offsets, shard.offsets.dropFirst()).reduce(sum) {
        $0 + Double($1.1 - $1.0) * Double($1.1 - $1.0)
      }
    }
    let perPoint = Double(engine.points.storedElements) / Double(max(engine.points.count, 1))
    let isShorter = inGramSpace < 2 * perPoint * Double(firing.pairCount)
    return TangentKernel(
      outputWeights: engine.outputWeights, points: engine.points, firing: firing,
      gram: isShorter ? gram : nil, team: engine.team)
  }

  private func startMovement(
    of engine: some TrainingEngine, _ firing: FiringSet
  ) throws(FireTreeError) -> StartMovement {
    guard let initial = engine.initialWeights else {
      throw .usage("a ridge pulls to the initial weights, which this network does not know")
    }
    return try StartMovement(of: engine, from: initial, firing: firing)
  }

  /// 1/2 sum_i omega_i |f_i - y_i|^2 + rho/2 |V|^2.
  private func objective(_ outputs: Matrix, movementSquare: Double) -> Double {
    SquaredLoss().value(outputs: outputs, truth: truth) + ridge * unit / 2 * movementSquare
  }
}

// MARK: - The linear equations

extension GaussNewton {
  private struct Solved {
    /// z (n x C).
    var direction: Matrix
    /// |V'|^2 after the step.
    var movementSquare: Double
    /// The objective after it, if no pair changed state.
    var objective: Double
    var products: Int
  }

  private mutating func solve(
    _ kernel: TangentKernel, outputs: Matrix, q: Double
  ) throws(FireTreeError) -> Solved {
    let (count, columns) = (outputs.rows, outputs.columns)
    try preconditioner.prepare(for: q)
    let share = ridge / (ridge + damping)
    let right = try rightSide(outputs, share: share)
    let preconditioner = preconditioner
    let solution = try ConjugateGradients.solve(
      right, tolerance: tolerance, maximumProducts: Self.mostProducts,
      times: { (vector) throws(FireTreeError) in
        var image = scaled(
          try kernel.times(matrix(scaled(vector, columns), count, columns)).doubles(), columns)
        ConjugateGradients.add(q, times: vector, to: &image)
        return image
      },
      precondition: { (vector) throws(FireTreeError) in try preconditioner.apply(to: vector, columns: columns)
      })
    let direction = try matrix(scaled(solution.x, columns), count, columns)
    let square = try movementSquare(after: solution.x, right, q: q, share: share)
    // What the equations leave of the residuals is q x.
    let left = q * q * ConjugateGradients.dot(solution.x, solution.x)
    return Solved(
      direction: direction, movementSquare: square, objective: left / 2 + ridge * unit / 2 * square,
      products: solution.products)
  }

  /// e - (rho/q) S J V (n x C).
  private func rightSide(_ outputs: Matrix, share: Double) throws(FireTreeError) -> [Double] {
    var right = try outputs.doubles()
    ConjugateGradients.add(-1, times: try truth.targets.doubles(), to: &right)
    if let movement { ConjugateGradients.add(-share, times: try movement.outputs.doubles(), to: &right) }
    return scaled(right, outputs.columns)
  }

  /// |V'|^2 = (1 - rho/q)^2 |V|^2 - 2 (1 - rho/q) z^T J V + z^T K z, where K z is what the equations say of it.
  private func movementSquare(
    after solution: [Double], _ right: [Double], q: Double, share: Double
  ) throws(FireTreeError) -> Double {
    guard let movement else { return 0 }
    let kept = 1 - share
    let seen = scaled(try movement.outputs.doubles(), movement.outputs.columns)
    let kernel = ConjugateGradients.dot(solution, right) - q * ConjugateGradients.dot(solution, solution)
    return max(
      kept * kept * movement.square - 2 * kept * ConjugateGradients.dot(solution, seen) + kernel, 0)
  }

  /// S v for v of n x `columns`.
  private func scaled(_ vector: [Double], _ columns: Int) -> [Double] {
    guard let roots else { return vector }
    var vector = vector
    for i in vector.indices { vector[i] *= Double(roots[i / columns]) }
    return vector
  }

  private func matrix(_ vector: [Double], _ rows: Int, _ columns: Int) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: rows, by: columns)
    result.withMutableView { result in
      for i in 0..<rows { for c in 0..<columns { result[i, c] = Float(vector[i * columns + c]) } }
    }
    return result
  }
}

extension Matrix {
  /// All elements, row by row. Throws a usage error when there is no memory for them.
  fileprivate func doubles() throws(FireTreeError) -> [Double] {
    var result = try [Double](allocating: rows * columns, repeating: 0)
    withView { view in
      for i in 0..<view.rows {
        for c in 0..<view.columns { result[i * view.columns + c] = Double(view[i, c]) }
      }
    }
    return result
  }
}
