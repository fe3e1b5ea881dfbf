import CorrelationTrees
import FireTreeCore

/// Exact training whose cost follows the neurons that fire, in the space of the data points.
///
/// Every weight is its anchored value plus a combination of data points, w_r = w_r(t0) + kappa_r v_r(t0) +
/// sum_i alpha_ri x_i, where v_r(t0) is the velocity at the anchor (none without momentum). A step moves the alpha of
/// the points on which the neuron fires (and with momentum of those on which it has fired), and correlations follow
/// through the Gram matrix G = X X^T without touching a weight:
///
///     s_j = s_j(t0) + kappa u_j(t0) + sum_i alpha_i G_ij,   u_j(t0) = <v_r(t0), x_j>
///
/// for the points that carry a coefficient, the neuron's support, and for the few other candidates (`CandidateLists`)
/// whose ceilings do not exclude them (`Certificate`). The drift since the anchor comes from the same numbers,
///
///     D_r^2 = |w_r - w_r(t0)|^2 = sum_i alpha_i (s_i - s_i(t0)) + kappa (kappa |v(t0)|^2 + sum_i alpha_i u_i(t0)),
///
/// and so does the length of a step. While D_r stays within the neuron's skin, no point outside the list can fire. Then
/// the weight is computed, its correlations with all points too, and the neuron is anchored anew.
///
/// One sweep over neurons does the backward pass of this step and the forward pass of the next.
///
/// Complexity of a step: O(sum_r k_r^2) for supports of k_r points and about as many candidates looked at, free of d;
/// n d for each neuron that is anchored anew. Memory: the anchored weights (m d), n^2 for G, and 14 to 22 bytes a
/// candidate.
public struct GramEngine: TrainingEngine {
  public let points: DataPoints
  public var optimizer: GradientDescent
  public private(set) var outputs: Matrix
  public private(set) var firingPairs = 0
  public let outputWeights: Matrix
  private var anchors: AnchoredWeights
  private var certified: CertifiedLists
  /// One a neuron; empty without momentum.
  private var momenta: [MomentumState]
  private let gram: Matrix
  private let skins: SkinModel

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    self.init(network: network, points: points, optimizer: optimizer, workers: workers, fixedSkin: nil)
  }

  /// `fixedSkin` takes the place of the skins that the engine would choose. For tests and studies.
  package init(
    network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers, fixedSkin: Float?
  ) {
    precondition(
      points.count <= CandidateLists.maximumPoints, "\(points.count) points do not fit 16-bit indices")
    self.points = points
    self.optimizer = optimizer
    outputWeights = network.outputWeights
    anchors = AnchoredWeights(
      network: network, points: points, usesVelocity: optimizer.usesVelocity, workers: workers)
    certified = CertifiedLists(
      neurons: network.neuronCount, planes: GramPlane.count(usesVelocity: optimizer.usesVelocity),
      points: points, threshold: network.threshold, workers: workers)
    momenta = [MomentumState](
      repeating: MomentumState(), count: optimizer.usesVelocity ? network.neuronCount : 0)
    gram = Memory.demand(try points.gramMatrix(workers: workers))
    var skins = SkinModel(
      points: points, threshold: network.threshold)
    skins.fixed = fixedSkin
    self.skins = skins
    outputs = Matrix(rows: points.count, columns: network.outputCount)
    certified.setSkins(skins.initial(network: network, optimizer: optimizer))
    var parts = certified.unanchoredParts(outputs: outputWeights.columns)
    anchor(&parts)
    finish(parts)
  }

  public static func limitation(for shape: ProblemShape) -> String? {
    // Beyond, G takes more than 17 GB.
    shape.points > CandidateLists.maximumPoints
      ? "it takes at most \(CandidateLists.maximumPoints) points, not \(shape.points)" : nil
  }

  public static var supportsSeededWeights: Bool { true }

  public static func requiredMemory(for shape: ProblemShape) -> ByteCount {
    let combinations = shape.usesVelocity || shape.isSeeded ? 10 : 0
    return shape.baseMemory + .matrix(rows: shape.points, columns: shape.points)
      + CertifiedLists.requiredMemory(
        for: shape,
        bytesPerCandidate: 2 + 4 * GramPlane.count(usesVelocity: shape.usesVelocity) + combinations)
  }

  /// The bound on the length of the neuron's last step. For tests.
  package func stepLength(of neuron: Int) -> Float { certified.certificates[neuron].stepLength }

  /// Candidates in all lists. For tests.
  package var candidateCount: Int { certified.lists.candidateCount }

  public var firingSet: FiringSet { certified.firingSet }

  // MARK: - Steps

  public mutating func advance(outputGradient: Matrix) -> StepReport {
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    var parts = report.phases.measure("sweep") { sweep(along: outputGradient) }
    let expired = parts.reduce(0) { $0 + $1.expired.count }
    report.phases.measure("anchor") { anchor(&parts) }
    report.phases.measure("outputs") { finish(parts) }
    report.neuronsMoved = parts.reduce(0) { $0 + $1.moved }
    report.counts = OperationCounts(
      innerProducts: expired * points.count, nodesVisited: parts.reduce(0) { $0 + $1.candidates },
      nodesWritten: expired, pairsReported: firingPairs)
    return report
  }

  private mutating func finish(_ parts: [SweepPart]) {
    outputs = OutputSums(
      shards: parts.map(\.sums), points: points.count, outputs: outputWeights.columns,
      scale: 1 / Float(neuronCount).squareRoot()
    ).reduced(workers: certified.workers)
    firingPairs = parts.reduce(0) { $0 + $1.firing }
  }

  /// Calls `body` with a step along `outputGradient`. Takes what it needs, so that the rest may be changed meanwhile.
  private static func withStep<Result>(
    along outputGradient: Matrix, gram: Matrix, outputWeights: Matrix, optimizer: GradientDescent,
    anchoring: Anchoring, _ body: (GramStep) -> Result
  ) -> Result {
    Matrix.withViews(gram, outputWeights, outputGradient) { gram, outputWeights, outputGradient in
      anchoring.norms.withUnsafeBufferPointer { norms in
        guard let norms = norms.baseAddress else { preconditionFailure("an engine needs points") }
        return body(
          GramStep(
            gram: gram, outputWeights: outputWeights, outputGradient: outputGradient,
            outputScale: 1 / Float(outputWeights.rows).squareRoot(), optimizer: optimizer,
            threshold: anchoring.threshold, norms: norms, largestNorm: anchoring.largestNorm,
            rounding: anchoring.rounding))
      }
    }
  }

  /// Advances every neuron; the anchors of those whose certificate ends are moved to where they are now.
  private mutating func sweep(along outputGradient: Matrix) -> [SweepPart] {
    let skins = skins
    return Self.withStep(
      along: outputGradient, gram: gram, outputWeights: outputWeights, optimizer: optimizer,
      anchoring: certified.anchoring
    ) { step in
      momenta.withUnsafeMutableBufferPointer { momenta in
        anchors.withView { anchors in
          let sweep = GramSweep(
            step: step, skins: skins, anchors: anchors, momenta: momenta.isEmpty ? nil : momenta.baseAddress)
          return certified.mapShards { sweep.run(shard: $0, &$1, $2) }
        }
      }
    }
  }

  /// Finds new candidates for every expired neuron.
  private mutating func anchor(_ parts: inout [SweepPart]) {
    // Starting a list reads no gradient, so that any matrix will do.
    Self.withStep(
      along: outputs, gram: gram, outputWeights: outputWeights, optimizer: optimizer,
      anchoring: certified.anchoring
    ) { step in
      let (anchors, outputWeights) = (anchors, outputWeights)
      momenta.withUnsafeMutableBufferPointer { momenta in
        let momenta = momenta.isEmpty ? nil : momenta.baseAddress
        certified.anchor(&parts, outputWeights: outputWeights, rows: anchors.withRows) {
          shard, neuron, list, certificate in
          _ = GramWorkspace.with(points: step.gram.rows) { workspace in
            let terms =
              momenta == nil ? 0 : anchors.gatherVelocity(of: neuron, shard: shard, workspace)
            step.start(
              list, certificate: &certificate, momentum: momenta.map { $0 + neuron }, terms: terms, workspace)
          }
        }
      }
    }
  }
}

// MARK: - What the engine knows in other forms

extension GramEngine {
  /// Computes w_r = w_r(t0) + kappa_r v_r(t0) + sum_i alpha_ri x_i for every neuron, or of a seeded network the
  /// coefficients alone.
  public var network: Network {
    let (lists, certificates, momenta) = (certified.lists, certified.certificates, momenta)
    let weights = anchors.moved(workers: certified.workers) { shard, neuron, body in
      lists.shards[shard].readLists {
        body(
          .init(
            $0[neuron - lists.shards[shard].neurons.lowerBound],
            support: Int(certificates[neuron].support), momentum: momenta.isEmpty ? nil : momenta[neuron]))
      }
    }
    return Network(weights: weights, outputWeights: outputWeights, threshold: certified.threshold)
  }
}
