import FireTree

/// What a study is run with. Two runs with equal settings measure the same cells.
public struct StudySettings: Sendable {
  /// How large the cells are.
  public enum Size: String, Sendable, CaseIterable {
    /// For results: under an hour on two cores.
    case full
    /// For a look: minutes.
    case quick
    /// For a test of the program: seconds. Its times say nothing.
    case smoke
  }

  public var size: Size
  public var seed: UInt64
  public var workers: Workers
  /// Points and targets of a file, for the studies that can use them; else they are made from the seed.
  public var data: StudyData?

  public init(
    size: Size = .full, seed: UInt64 = 0, workers: Workers = .all, data: StudyData? = nil
  ) {
    self.size = size
    self.seed = seed
    self.workers = workers
    self.data = data
  }

  /// The choice for the size.
  func choose<Value>(full: Value, quick: Value, smoke: Value) -> Value {
    switch size {
    case .full: full
    case .quick: quick
    case .smoke: smoke
    }
  }

  /// What must be equal for a study to go on in a folder, by name.
  var description: [(name: String, value: String)] {
    [
      ("size", size.rawValue), ("seed", "\(seed)"), ("threads", "\(workers.threads)"),
      ("data", data?.description ?? "synthetic"),
    ]
  }

  /// The numbers of points of a study, those left out that the data do not have.
  package func points(_ counts: [Int]) -> [Int] {
    guard let data else { return counts }
    let kept = counts.filter { $0 <= data.points.count }
    return kept.isEmpty ? [data.points.count] : kept
  }
}

/// Points that a file gives, made ready for training.
public struct StudyData: Sendable {
  /// What they are called in reports.
  public let name: String
  /// n x d.
  public let points: DataPoints
  /// n x C.
  public let targets: Matrix

  /// Precondition: a target for every point.
  public init(name: String, points: DataPoints, targets: Matrix) {
    precondition(points.count == targets.rows, "a target for every point")
    self.name = name
    self.points = points
    self.targets = targets
  }

  /// The points that `problem` trains on.
  public init(name: String, _ problem: TrainingProblem) {
    self.init(name: name, points: problem.points, targets: problem.targets)
  }

  var description: String {
    "\(name) (\(points.count) points, \(points.dimension) inputs, \(targets.columns) outputs)"
  }
}

/// One problem of a study: points, targets and the network at the start.
package struct StudyInstance: Sendable {
  package let points: DataPoints
  package let targets: Matrix
  package let neurons: Int
  let seed: UInt64

  /// The first `n` points of the data; without data, `n` random directions of `dimension` coordinates with labels of
  /// -1 or +1, which depend on the seed and their number alone.
  package init(points n: Int, dimension: Int, neurons: Int, _ settings: StudySettings, usesData: Bool = true)
  {
    if usesData, let data = settings.data {
      points = Memory.demand(try data.points[0..<n])
      targets = Memory.demand(try data.targets.rows(0..<n))
    } else {
      points = .dense(Self.directions(n, dimension, seed: settings.seed, stream: 16))
      var signs = Matrix(rows: n, columns: 1)
      let generator = CounterGenerator(seed: settings.seed, stream: 17)
      signs.withMutableView { signs in
        for i in 0..<n { generator.signs(row: i, into: signs.row(i), count: 1) }
      }
      targets = signs
    }
    self.neurons = neurons
    seed = settings.seed
  }

  /// Rows of norm 1, uniform on the sphere (n x d).
  static func directions(_ n: Int, _ dimension: Int, seed: UInt64, stream: UInt32) -> Matrix {
    var matrix = Matrix(rows: n, columns: dimension)
    let generator = CounterGenerator(seed: seed, stream: stream)
    matrix.withMutableView { matrix in
      for i in 0..<n {
        let row = matrix.row(i)
        generator.normals(row: i, into: row, count: dimension)
        let norm = LinearAlgebra.dot(row, row, count: dimension).squareRoot()
        for j in 0..<dimension where norm > 0 { row[j] /= norm }
      }
    }
    return matrix
  }

  /// b, that of the papers.
  var threshold: Float { Network.paperThreshold(neurons: neurons) }

  /// The initial network, or its first `count` neurons with the same threshold.
  package func network(first count: Int? = nil, workers: Workers) throws(FireTreeError) -> Network {
    try Network(
      neurons: count ?? neurons, dimension: points.dimension, outputs: targets.columns, threshold: threshold,
      seed: seed, workers: workers)
  }

  /// The instance as a problem of plain gradient descent at this rate. Throws as `TrainingProblem`.
  package func problem(rate: Float, iterations: Int, workers: Workers) throws(FireTreeError)
    -> TrainingProblem
  {
    try TrainingProblem(
      points: points, truth: Supervision(targets: targets),
      configuration: TrainingConfiguration(
        neurons: neurons, threshold: .value(threshold), learningRate: .value(rate), momentum: .none,
        iterations: iterations, keepsBest: false, seed: seed, initial: .value(.gaussian), start: .independent,
        weights: .value(.stored), workers: workers))
  }

  var shape: ProblemShape {
    let share = NormalDistribution.firingShare(threshold: Double(threshold), norms: points.norms())
    return ProblemShape(
      points: points, neurons: neurons, outputs: targets.columns, usesVelocity: false,
      firing: FiringProfile(independent: share, points: points.count))
  }

  /// Half of 1 / lambda_max of the tangent kernel, estimated from at most 8,192 neurons: a step that every network of
  /// this seed is stable at.
  package func learningRate(workers: Workers) throws(FireTreeError) -> Float {
    let network = try network(first: min(neurons, 8192), workers: workers)
    let kernel = TangentKernel(of: network, points: points, team: LocalTeam(workers: workers))
    let largest = try kernel.largestEigenvalue(tolerance: 0.03, maximumIterations: 12)
    let rate = Float(0.5 / largest)
    return rate.isFinite ? rate : 1
  }
}
