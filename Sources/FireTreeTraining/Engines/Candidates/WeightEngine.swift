import CorrelationTrees
import FireTreeCore

/// Exact training whose cost follows the neurons that fire, in the space of the weights.
///
/// A step adds c x_i to the weight of a neuron for every point i on which it fires, and then computes its correlations
/// with those candidates alone (`CandidateLists`) that may fire now (`Certificate`): the ones that fired, and a few
/// others near the threshold. While the length of the neuron's path since its anchor stays within its skin, no point
/// outside the list can fire. Then its correlations with all points are computed, and it is anchored anew.
///
/// One sweep over neurons does the backward pass of this step and the forward pass of the next.
///
/// Complexity of a step: O(nnz(x)) for each firing pair and each candidate that is looked at, so that sparse data stay
/// cheap; n d for each neuron that is anchored anew. Memory: the weights (m d, twice with momentum), and 10 bytes a
/// candidate.
public struct WeightEngine: TrainingEngine {
  public let points: DataPoints
  public var optimizer: GradientDescent
  public private(set) var outputs: Matrix
  public private(set) var firingPairs = 0
  public private(set) var network: Network
  private var velocities = Velocities()
  private var certified: CertifiedLists
  private let skins: SkinModel

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    self.init(
      network: network, points: points, optimizer: optimizer, workers: workers,
      pointsPerBlock: CandidateLists.maximumPoints)
  }

  /// `pointsPerBlock` is the number of points that one candidate list covers. For tests.
  package init(
    network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers, pointsPerBlock: Int
  ) {
    self.points = points
    self.optimizer = optimizer
    self.network = network.storing(workers: workers)
    certified = CertifiedLists(
      neurons: network.neuronCount, planes: Self.planes, points: points, threshold: network.threshold,
      workers: workers, pointsPerBlock: pointsPerBlock)
    skins = SkinModel(points: points, threshold: network.threshold)
    certified.setSkins(skins.initial(network: network, optimizer: optimizer))
    outputs = Matrix(rows: points.count, columns: network.outputCount)
    var parts = certified.unanchoredParts(outputs: network.outputCount)
    anchor(&parts)
    finish(parts)
  }

  private static let planes = 2

  public static func requiredMemory(for shape: ProblemShape) -> ByteCount {
    shape.baseMemory + CertifiedLists.requiredMemory(for: shape, bytesPerCandidate: 2 + 4 * planes)
  }

  public var firingSet: FiringSet { certified.firingSet }

  // MARK: - Steps

  public mutating func advance(outputGradient: Matrix) -> StepReport {
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    var parts = report.phases.measure("sweep") { sweep(along: outputGradient) }
    let expired = parts.reduce(0) { $0 + $1.expired.count }
    report.phases.measure("anchor") { anchor(&parts) }
    report.phases.measure("outputs") { finish(parts) }
    report.neuronsMoved = parts.reduce(0) { $0 + $1.moved }
    let candidates = parts.reduce(0) { $0 + $1.candidates }
    report.counts = OperationCounts(
      innerProducts: expired * points.count + candidates, nodesVisited: candidates, nodesWritten: expired,
      pairsReported: firingPairs)
    return report
  }

  private mutating func finish(_ parts: [SweepPart]) {
    outputs = OutputSums(shards: parts.map(\.sums), network: network, points: points.count)
      .reduced(workers: certified.workers)
    firingPairs = parts.reduce(0) { $0 + $1.firing }
  }

  /// Moves every neuron and computes the correlations that may matter.
  private mutating func sweep(along outputGradient: Matrix) -> [SweepPart] {
    let (points, optimizer, skins, anchoring) = (points, optimizer, skins, certified.anchoring)
    let blocks = certified.blocks
    let (outputWeights, scale) = (network.outputWeights, network.outputScale)
    let (neurons, dimension) = (network.neuronCount, network.dimension)
    return Matrix.withViews(outputWeights, outputGradient) { outputWeights, outputGradient in
      anchoring.norms.withUnsafeBufferPointer { norms in
        points.withView { points in
          network.weights.withMutableView { weights in
            velocities.withView(of: optimizer, neurons: neurons, dimension: dimension) { velocities in
              guard let norms = norms.baseAddress else { return [] }
              let sweep = WeightSweep(
                weights: weights, velocities: velocities, points: points, outputWeights: outputWeights,
                outputGradient: outputGradient, outputScale: scale, optimizer: optimizer,
                threshold: anchoring.threshold, norms: norms, largestNorm: anchoring.largestNorm,
                rounding: anchoring.rounding, skins: skins,
                blocks: blocks)
              return certified.mapShards { sweep.run(&$1, $2) }
            }
          }
        }
      }
    }
  }

  /// Finds new candidates for every expired neuron.
  private mutating func anchor(_ parts: inout [SweepPart]) {
    let weights = network.hiddenWeights
    certified.anchor(&parts, outputWeights: network.outputWeights) { chosen, body in
      weights.withView { $0.forEachTile(of: chosen, size: max(chosen.count, 1)) { body($1) } }
    } start: { _, _, _, _ in
    }
  }
}
