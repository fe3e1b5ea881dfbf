import FireTreeCore
import FireTreeTraining

/// A small random problem of kinetic training: up to 12 points, up to 40 neurons, 1 to 3 outputs, full or grouped; points
/// that are the same, that are zero, and of very different norms; correlations that meet the threshold exactly;
/// thresholds of 0 and below; neurons that never fire.
public struct KineticProblem {
  public static let momenta: [UpdateRule.Momentum] = [.none, .heavyBall(0.8), .nesterov(0.9)]

  public let seed: UInt64
  public let points: DataPoints
  public let targets: Matrix
  public let network: Network

  /// Output weights are -u, 0 and u, or between, `withAnyOutputWeights`.
  public init(seed: UInt64, withAnyOutputWeights: Bool = false) {
    self.seed = seed
    var random = SeededGenerator(seed: seed)
    let n = Int.random(in: 1...12, using: &random), m = Int.random(in: 1...40, using: &random)
    let d = Int.random(in: 1...6, using: &random), outputs = Int.random(in: 1...3, using: &random)
    let isWhole = seed % 3 == 0
    var x = isWhole ? random.wholeMatrix(rows: n, columns: d, range: -1...1) : random.unitRows(n, columns: d)
    if n > 4 {
      for c in 0..<d {
        x[1, c] = x[0, c]
        x[2, c] = 0
        x[3, c] *= 5
        if !isWhole { x[4, c] *= 0.01 }
      }
    }
    points = seed % 2 == 0 ? .dense(x) : .sparse(x.sparse)
    targets = random.matrix(rows: n, columns: outputs)
    let initial = Memory.demand(
      try Network(
        neurons: m, dimension: d, outputs: outputs, threshold: [-0.5, 0, 0.5, 1][Int(seed / 2 % 4)],
        seed: seed,
        layout: seed % 5 < 2 ? .grouped : .full))
    var weights = isWhole ? random.wholeMatrix(rows: m, columns: d, range: -2...2) : initial.hiddenWeights
    for r in Swift.stride(from: 0, to: m, by: 7) { for c in 0..<d { weights[r, c] = 0 } }
    var outputWeights = initial.outputWeights
    if withAnyOutputWeights {
      for r in 0..<m {
        for c in 0..<outputs { outputWeights[r, c] *= Float.random(in: 0...1, using: &random) }
      }
    }
    network = Network(
      hiddenWeights: weights, outputWeights: outputWeights,
      threshold: isWhole ? initial.threshold.rounded(.up) : initial.threshold)
  }

  public func gradient(_ outputs: Matrix) -> Matrix {
    SquaredLoss().gradient(outputs: outputs, truth: Supervision(targets: targets))
  }

  /// An engine whose learning rate is `rate` over the largest eigenvalue of the initial tangent kernel: plain descent with
  /// a standing pattern diverges from 2 on.
  public func engine(
    momentum: UpdateRule.Momentum, rate: Float, threads: Int = 2
  ) -> Trainee {
    var engine = EngineKind.kinetic.make(network, points, rate: 0, momentum: momentum, threads: threads)
    engine.rule.rate = rate / Float(max(Memory.demand(try engine.kernel.largestEigenvalue()), 0.1))
    return engine
  }
}

extension Matrix {
  /// Whether every element is finite and of a size that training which does not diverge has.
  public var isModerate: Bool { elements.joined().allSatisfy { abs($0) < 1e4 } }
}

/// Gradient descent by its definition, in doubles, for given patterns: the truth for an engine that is told the same
/// gradients at the outputs, and whose patterns are asked for.
public struct PlainDescent {
  public private(set) var weights: [[Double]]
  private var velocities: [[Double]]
  private let points: [[Double]]
  private let outputWeights: [[Double]]
  private let threshold: Double

  public init(network: Network, points: DataPoints) {
    weights = network.hiddenWeights.elements.map { $0.map(Double.init) }
    velocities = weights.map { $0.map { _ in 0 } }
    self.points = points.plainRows
    outputWeights = network.outputWeights.elements.map { $0.map(Double.init) }
    threshold = Double(network.threshold)
  }

  private var scale: Double { 1 / Double(weights.count).squareRoot() }

  /// A step of neurons that fire on `firing`.
  public mutating func advance(_ gradient: Matrix, firing: [[Int]], _ optimizer: UpdateRule) {
    let (rate, mu) = (Double(optimizer.rate), Double(optimizer.momentum.coefficient))
    for r in weights.indices {
      var slope = [Double](repeating: 0, count: weights[r].count)
      for i in firing[r] {
        let pull = outputWeights[r].enumerated().reduce(0.0) { $0 + $1.1 * Double(gradient[i, $1.0]) } * scale
        for k in slope.indices { slope[k] += pull * points[i][k] }
      }
      for k in slope.indices {
        velocities[r][k] = mu * velocities[r][k] + slope[k]
        switch optimizer.momentum {
        case .none: weights[r][k] -= rate * slope[k]
        case .heavyBall: weights[r][k] -= rate * velocities[r][k]
        case .nesterov: weights[r][k] -= rate * (slope[k] + mu * velocities[r][k])
        }
      }
    }
  }

  public func correlation(_ neuron: Int, _ point: Int) -> Double {
    zip(weights[neuron], points[point]).reduce(0) { $0 + $1.0 * $1.1 }
  }

  /// f of the neurons that fire on `firing` (n x C).
  public func outputs(firing: [[Int]]) -> [[Double]] {
    var sums = [[Double]](
      repeating: [Double](repeating: 0, count: outputWeights.first?.count ?? 0), count: points.count)
    for r in weights.indices {
      for i in firing[r] {
        let excess = (correlation(r, i) - threshold) * scale
        for c in outputWeights[r].indices { sums[i][c] += outputWeights[r][c] * excess }
      }
    }
    return sums
  }
}

extension DataPoints {
  /// The points as plain rows.
  public var plainRows: [[Double]] {
    switch storage {
    case .dense(let matrix): matrix.elements.map { $0.map(Double.init) }
    case .sparse(let rows):
      (0..<rows.rows).map { r in
        var row = [Double](repeating: 0, count: rows.columns)
        for k in rows.offsets[r]..<rows.offsets[r + 1] {
          row[Int(rows.columnIndices[k])] = Double(rows.values[k])
        }
        return row
      }
    }
  }
}
