import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import Foundation

/// A small problem that is hard for certificates, and gradients that move its neurons as they like least.
public struct AdversarialProblem {
  /// How the data points lie.
  public enum Layout: CaseIterable, Sendable {
    /// Unit norm, random directions.
    case unit
    /// A few centres with points within 1e-3 of them, some the same: many pairs change state at once.
    case clusters
    /// Norms from 1e-3 to 1e2, also along one direction: s grows as fast as Cauchy and Schwarz allow.
    case norms
    /// Nearly all along one line, on both sides.
    case line
    /// Small whole numbers and a whole threshold, which correlations meet exactly.
    case whole
  }

  /// The output gradients that the engine is given.
  public enum Drive: CaseIterable, Sendable {
    /// Those of a squared loss.
    case descent
    /// One point alone has a gradient: all movement is along one x.
    case onePoint
    /// One point alone, another one every few steps.
    case changingPoint
    /// Noise of every size.
    case noise
    /// Noise that is taken back in the next step: a long path and no drift.
    case zigzag
  }

  public let layout: Layout
  public let drive: Drive
  public let points: DataPoints
  public let network: Network
  /// The step size: a gradient of 1 moves a weight by 1e-4 to 0.3 for each unit-norm point that fires.
  public let rate: Float
  private let targets: Matrix
  private var random: SeededGenerator
  private var lastNoise: Matrix
  private var step = 0

  /// At most `points` points, `neurons` neurons. The same seed gives the same problem and the same gradients.
  public init(seed: UInt64, points: Int, neurons: Int) {
    var random = SeededGenerator(seed: seed)
    layout = Layout.allCases[Int(seed) % Layout.allCases.count]
    drive = Drive.allCases[Int(seed) / Layout.allCases.count % Drive.allCases.count]
    let n = Int.random(in: 1...points, using: &random), m = Int.random(in: 1...neurons, using: &random)
    let d = Int.random(in: 1...24, using: &random), outputs = Int.random(in: 1...4, using: &random)
    let x = Self.rows(n, d, layout, &random)
    self.points = Bool.random(using: &random) ? .dense(x) : .sparse(x.sparse)
    let threshold =
      layout == .whole
      ? 2
      : Float(
        NormalDistribution.threshold(
          firingShare: [0.01, 0.04, 0.1][Int.random(in: 0..<3, using: &random)], norms: self.points.norms()))
    let initial = Memory.demand(
      try Network(neurons: m, dimension: d, outputs: outputs, threshold: threshold, seed: seed))
    network =
      layout == .whole
      ? Network(
        hiddenWeights: random.wholeMatrix(rows: m, columns: d, range: -2...2),
        outputWeights: initial.outputWeights, threshold: threshold) : initial
    rate = [1e-4, 1e-2, 0.3][Int.random(in: 0..<3, using: &random)] * Float(m).squareRoot()
    targets = random.matrix(rows: n, columns: outputs)
    lastNoise = Matrix(rows: n, columns: outputs)
    self.random = random
  }

  private static func rows(_ n: Int, _ d: Int, _ layout: Layout, _ random: inout SeededGenerator) -> Matrix {
    if layout == .whole { return random.wholeMatrix(rows: n, columns: d, range: -2...2) }
    var x = random.unitRows(n, columns: d)
    for i in 0..<n {
      let scale = pow(10, Float.random(in: -3...2, using: &random))
      for c in 0..<d {
        switch layout {
        case .clusters: x[i, c] = i < 5 ? x[i, c] : x[i % 5, c] + (i % 3 == 0 ? 0 : 1e-3 * x[i, c])
        case .norms: x[i, c] = scale * (i % 2 == 0 ? x[i, c] : x[0, c])
        case .line: x[i, c] = 0.02 * x[i, c] + (c == 0 ? (i % 4 == 0 ? -1 : 1) : 0)
        case .unit, .whole: break
        }
        if i % 11 == 10 { x[i, c] = 0 }
      }
    }
    return x
  }

  /// The next gradient in the outputs (n x C) for an engine with these outputs.
  public mutating func nextGradient(outputs: Matrix) -> Matrix {
    defer { step += 1 }
    switch drive {
    case .descent:
      var gradient = SquaredLoss().gradient(outputs: outputs, truth: Supervision(targets: targets))
      // Kept from diverging at large step sizes.
      for i in 0..<gradient.rows {
        for c in 0..<gradient.columns { gradient[i, c] = max(-1, min(1, gradient[i, c])) }
      }
      return gradient
    case .onePoint: return gradient(at: 0)
    case .changingPoint: return gradient(at: step / 4 * 7 % targets.rows)
    case .noise: return noise()
    case .zigzag:
      lastNoise = step % 2 == 0 ? noise() : lastNoise.negated
      return lastNoise
    }
  }

  private func gradient(at point: Int) -> Matrix {
    var gradient = Matrix(rows: targets.rows, columns: targets.columns)
    for c in 0..<targets.columns { gradient[point, c] = targets[point, c] }
    return gradient
  }

  private mutating func noise() -> Matrix {
    let scale = pow(10, Float.random(in: -2...0, using: &random))
    var noise = random.matrix(rows: targets.rows, columns: targets.columns)
    for i in 0..<noise.rows {
      for c in 0..<noise.columns { noise[i, c] *= scale }
    }
    return noise
  }
}

extension Matrix {
  fileprivate var negated: Matrix {
    var result = self
    for r in 0..<rows {
      for c in 0..<columns { result[r, c] = -result[r, c] }
    }
    return result
  }
}
