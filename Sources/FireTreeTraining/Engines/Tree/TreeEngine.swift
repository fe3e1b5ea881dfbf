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
  public private(set) var network: Network
  public private(set) var outputs: Matrix
  public private(set) var firingSet: FiringSet
  public var optimizer: GradientDescent
  private var detector: Detector
  private var velocities = Velocities()
  private let workers: Workers

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    let network = network.storing(workers: workers)
    self.network = network
    self.optimizer = optimizer
    self.workers = workers
    detector = Detector(weights: network.hiddenWeights, points: points, workers: workers)
    firingSet = detector.firingSet(atLeast: network.threshold.nextUp, workers: workers).set
    outputs = firingSet.outputs(of: network, points: points.count, workers: workers)
  }

  public var points: DataPoints { detector.points }
  public var firingPairs: Int { firingSet.pairCount }

  public static func requiredMemory(for shape: ProblemShape) -> ByteCount {
    // A firing pair takes 8 bytes, in lists of which twice the size may be reserved; a quarter of all pairs is far
    // more than a threshold leaves firing.
    let detector = Detector.requiredMemory(
      neurons: shape.neurons, points: shape.points, dimension: shape.dimension)
    return shape.baseMemory + detector
      + ByteCount(4) * shape.neurons * shape.points
  }

  public mutating func advance(outputGradient: Matrix) -> StepReport {
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    let moved = report.phases.measure("gradient") { moveWeights(along: outputGradient) }
    report.neuronsMoved = moved.count
    report.counts += report.phases.measure("refresh") {
      detector.update(moved, from: network.hiddenWeights, workers: workers)
    }
    report.counts += report.phases.measure("query") {
      let (set, counts) = detector.firingSet(atLeast: network.threshold.nextUp, workers: workers)
      firingSet = set
      return counts
    }
    outputs = report.phases.measure("outputs") {
      firingSet.outputs(of: network, points: points.count, workers: workers)
    }
    return report
  }

  /// Moves every neuron that has a gradient or a velocity; returns those neurons, ascending.
  private mutating func moveWeights(along outputGradient: Matrix) -> [Int32] {
    let (points, optimizer, workers) = (detector.points, optimizer, workers)
    let (firing, outputWeights, scale) = (firingSet, network.outputWeights, network.outputScale)
    let (neurons, dimension) = (network.neuronCount, network.dimension)
    let moved = network.weights.withMutableView { weights in
      velocities.withView(of: optimizer, neurons: neurons, dimension: dimension) { velocities in
        outputWeights.withView { outputWeights in
          outputGradient.withView { outputGradient in
            let gradient = PairGradient(
              outputWeights: outputWeights, outputGradient: outputGradient, outputScale: scale)
            return points.withView { points in
              workers.map(shards: firing.shards.count) { index in
                let step = ShardStep(
                  weights: weights, firing: firing.shards[index], points: points, gradient: gradient,
                  optimizer: optimizer)
                guard let velocities else { return step.descend() }
                return step.descend(
                  with: velocities, neurons: Tiles.neuronShards(of: neurons)[index])
              }
            }
          }
        }
      }
    }
    return Array(moved.joined())
  }
}

/// One shard of neurons takes its step.
private struct ShardStep {
  let weights: MutableMatrixView
  let firing: FiringSet.Shard
  let points: DataPointsView
  let gradient: PairGradient
  let optimizer: GradientDescent

  /// Plain gradient descent; returns the neurons that moved.
  func descend() -> [Int32] {
    Scratch.withMatrix(rows: 1, columns: weights.columns) { scratch in
      for (k, neuron) in firing.neurons.enumerated() {
        gradient.add(
          -optimizer.learningRate, timesGradientOf: k, in: firing, points: points,
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
        if optimizer.move(
          neuron: neuron, weights: weights.row(neuron), velocities: velocities, gradient: gradientRow)
        {
          moved.append(Int32(neuron))
        }
      }
    }
    return moved
  }
}
