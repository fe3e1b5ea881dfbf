import CorrelationTrees
import FireTreeCore

/// Training with a detector of firing pairs (the training algorithm of arXiv 2211.14227): the step looks only at
/// the pairs that fire.
///
/// A step moves the weights of the neurons that fire somewhere (and of those that momentum still carries),
/// refreshes their correlations in the detector, and asks it for the pairs that fire now.
///
/// It trains stored weights; those of a seeded network are computed when it begins.
///
/// Complexity of a step with k firing pairs and q moved neurons: O(k (d + C)) for the gradient, `detector.update`
/// of q neurons (O(q n d)) and one query of the firing set.
public struct TreeEngine<Detector: FiringDetector>: TrainingEngine {
  private var network: Network
  private var current: Matrix
  public private(set) var firingSet: FiringSet
  public let team: any Team
  public let expectedRule: UpdateRule
  public private(set) var iteration: Int
  private var detector: Detector
  private var velocities: Velocities
  private let units: OutputUnits
  private var marked: Mark<TreeEngine>?

  public init(
    _ state: consuming TrainingState, points: DataPoints, expecting rule: UpdateRule, team: any Team
  ) throws(FireTreeError) {
    velocities = try Velocities(&state, points: points, isUsed: rule.usesVelocity)
    network = try state.takeNetwork().storing(workers: team.workers)
    (self.team, expectedRule, iteration) = (team, rule, state.iteration)
    detector = try Detector(weights: network.hiddenWeights, points: points, workers: team.workers)
    firingSet = detector.firingSet(atLeast: network.threshold.nextUp, workers: team.workers).set
    units = try OutputUnits(
      norms: points.norms(), threshold: network.threshold, outputWeights: network.outputWeights, team: team)
    let sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    current = firingSet.outputs(of: network, in: sums, team: team)
  }

  public var points: DataPoints { detector.points }
  public var firingPairs: Int { firingSet.pairCount }
  public var outputWeights: Matrix { network.outputWeights }
  public var threshold: Float { network.threshold }
  public var initialWeights: InitialWeights? { network.initial }
  public var usesVelocity: Bool { velocities.areUsed }
  public func outputs(_ points: PointSelection) -> Matrix { points.rows(of: current) }

  public static func limitation(of rule: UpdateRule) -> String? { rule.limitation(supportsDecay: true) }

  public static func memory(for shape: ProblemShape) -> EngineMemory {
    // A firing pair takes 8 bytes, in lists of which twice the size may be reserved; a quarter of all pairs is far
    // more than a threshold leaves firing.
    let pairs = ByteCount(4) * shape.neurons * shape.points
    let detector = Detector.requiredMemory(
      neurons: shape.neurons, points: shape.points, dimension: shape.dimension)
    var stored = shape
    stored.isSeeded = false
    let all = shape.commonMemory + stored.weightsMemory + detector + pairs
    return EngineMemory(steps: all, finish: all, mark: stored.weightsMemory + detector + pairs)
  }

  public mutating func advance(_ step: StepInput) throws(FireTreeError) -> StepReport {
    try check(step.rule)
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    let gradient = try step.gradient(ofPoints: points.count)
    let sums = try OutputSums(outputs: network.outputCount, units: units, workers: team.workers)
    let moved = report.phases.measure("gradient") { moveWeights(along: gradient, by: step.rule) }
    report.neuronsMoved = moved.count
    report.counts += report.phases.measure("refresh") {
      detector.update(moved, from: network.hiddenWeights, workers: team.workers)
    }
    report.counts += report.phases.measure("query") {
      let (set, counts) = detector.firingSet(atLeast: network.threshold.nextUp, workers: team.workers)
      firingSet = set
      return counts
    }
    current = report.phases.measure("outputs") { firingSet.outputs(of: network, in: sums, team: team) }
    iteration += 1
    return report
  }

  public mutating func mark() {
    marked = nil
    marked = Mark(self)
  }

  public mutating func restore() {
    guard let marked else { preconditionFailure("no mark to go back to") }
    self = marked.engine
    self.marked = marked
  }

  public func withWeights(_ neurons: Range<Int>, _ body: (MatrixView) -> Void) {
    network.weights.withTile(neurons, body)
  }

  public mutating func finish() -> TrainingState {
    marked = nil
    let velocity = velocities.take()
    defer { network = .nothing }
    return TrainingState(network: network, velocity: velocity, iteration: iteration)
  }

  /// Moves every neuron that has a gradient or a velocity; returns those neurons, ascending. Decay moves all.
  private mutating func moveWeights(along outputGradient: Matrix, by rule: UpdateRule) -> [Int32] {
    let (points, workers, neurons) = (detector.points, team.workers, network.neuronCount)
    let (firing, outputWeights, scale) = (firingSet, network.outputWeights, network.outputScale)
    let moved = network.weights.withMutableView { weights in
      velocities.withView { velocities in
        Matrix.withViews(outputWeights, outputGradient) { outputWeights, outputGradient in
          let gradient = PairGradient(
            outputWeights: outputWeights, outputGradient: outputGradient, outputScale: scale)
          return points.withView { points in
            workers.map(shards: firing.shards.count) { index in
              let step = ShardStep(
                weights: weights, firing: firing.shards[index], points: points, gradient: gradient,
                rule: rule)
              let range = Tiles.neuronShards(of: neurons)[index]
              if rule.decay > 0 { for r in range { rule.shrink(weights.row(r), count: weights.columns) } }
              let moved = velocities.map { step.descend(with: $0, neurons: range) } ?? step.descend()
              return rule.decay > 0 ? range.map(Int32.init) : moved
            }
          }
        }
      }
    }
    return .fixed(joining: moved)
  }
}

/// One shard of neurons takes its step.
private struct ShardStep {
  let weights: MutableMatrixView
  let firing: FiringSet.Shard
  let points: DataPointsView
  let gradient: PairGradient
  let rule: UpdateRule

  /// Plain gradient descent; returns the neurons that moved.
  func descend() -> [Int32] {
    Scratch.withMatrix(rows: 1, columns: weights.columns) { scratch in
      for (k, neuron) in firing.neurons.enumerated() {
        gradient.add(
          -rule.rate, timesGradientOf: k, in: firing, points: points,
          to: weights.row(Int(neuron)), scratch: scratch.row(0))
      }
    }
    return firing.neurons
  }

  /// Descent with momentum: every neuron of the shard that fires or that is still carried.
  func descend(with velocities: Velocities.View, neurons: Range<Int>) -> [Int32] {
    var moved: [Int32] = []
    var next = 0
    Scratch.withMatrix(rows: 2, columns: weights.columns) { scratch in
      let row = scratch.row(0)
      for neuron in neurons {
        var gradientRow: UnsafePointer<Float>?
        if next < firing.neurons.count, Int(firing.neurons[next]) == neuron {
          row.update(repeating: 0, count: weights.columns)
          gradient.add(
            1, timesGradientOf: next, in: firing, points: points, to: row, scratch: scratch.row(1))
          gradientRow = UnsafePointer(row)
          next += 1
        }
        if rule.move(
          neuron: neuron, weights: weights.row(neuron), velocities: velocities, gradient: gradientRow)
        {
          moved.fixRoom(for: 1)
          moved.append(Int32(neuron))
        }
      }
    }
    return moved
  }
}
