import CorrelationTrees
import FireTreeCore

/// Exact full-batch training whose steps cost what changes, not what exists.
///
/// While no pair of neuron and point changes state, training is linear. With Gamma(t) the sum of the gradients at the
/// outputs up to step t, a neuron that has fired on the same points since step t0 has
///
///     alpha_ri(t) = alpha_ri(t0) - <a_r, Gamma_i(t) - Gamma_i(t0)> / sqrt(m)   where it fires,
///     s_rj(t) = s_rj(anchor) + sum_i alpha_ri(t) G_ij,
///
/// and the outputs follow from the co-firing tensor M (`CoFiringTensor`) alone,
///
///     f_i(t+1) = f_i(t) - eta / m sum_j G_ij M_ij g_j(t),
///
/// one product of n x n however wide the network is. A clock for each neuron says which pairs may have changed state
/// (`KineticStep`); those are computed, and when one did change, f and M are corrected by it alone. Momentum has the same
/// closed form: Gamma becomes that of the velocities, and what a velocity keeps from before a change of the pattern decays
/// by itself (`KineticPlane.residue`).
///
/// The outputs and Gamma are kept in doubles. Every 256 steps the outputs are computed from the correlations, and Gamma
/// starts anew, so that coefficients are not small differences of large sums. Correlations come from the neuron's anchor,
/// so that no rounding adds up over steps; when its drift has spent its skin it is anchored anew (`CandidateLists`), and
/// its part in the outputs is replaced by that of the new correlations.
///
/// Complexity of a step: n^2 C^2 / 2 multiply-adds for the outputs, a comparison a neuron, k C multiply-adds for each whose
/// clock is moved (`StepHistory`), with k points that fire, and for each neuron that is looked at a comparison a candidate
/// and one or two times k multiply-adds for each that is computed. Memory: the anchored weights, n^2 for G, that of the
/// tensor, 112 bytes a neuron, and 18 bytes a candidate (22 with momentum).
public struct KineticEngine: TrainingEngine {
  public let points: DataPoints
  public var optimizer: GradientDescent
  public private(set) var outputs: Matrix
  public private(set) var firingPairs = 0
  public let outputWeights: Matrix
  let threshold: Float
  let anchoring: Anchoring
  let gram: Matrix
  private let skins: SkinModel
  let workers: Workers
  var anchors: AnchoredWeights
  var lists: CandidateLists
  var neurons: KineticNeurons
  var impulses: KineticImpulses
  /// The output weights of a single output, without padding; else empty.
  let singleWeights: [Float]
  let largestWeight: Float
  /// M; visible to tests.
  package private(set) var tensor: CoFiringTensor
  /// f, and the sum of a_r <v_r, x_i> / sqrt(m) over pairs that fire (n x C).
  private var exactOutputs: [Double]
  private var outputVelocities: [Double]

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    precondition(points.count <= Self.maximumPoints, "\(points.count) points are too many for a tensor")
    self.points = points
    self.optimizer = optimizer
    self.workers = workers
    outputWeights = network.outputWeights
    threshold = network.threshold
    anchoring = Anchoring(points: points, threshold: threshold)
    gram = Memory.demand(try points.gramMatrix(workers: workers))
    // Far candidates cost memory and next to no time, so lists are long and neurons are rarely anchored.
    skins = SkinModel(
      points: points, threshold: threshold, candidateCost: 0.07, stretch: Self.candidateStretch)
    anchors = AnchoredWeights(network: network, points: points, usesVelocity: false, workers: workers)
    lists = CandidateLists(
      neurons: network.neuronCount, planes: KineticPlane.count(usesVelocity: optimizer.usesVelocity))
    neurons = KineticNeurons(count: network.neuronCount, usesVelocity: optimizer.usesVelocity)
    impulses = KineticImpulses(
      points: points.count, outputs: network.outputCount, usesVelocity: optimizer.usesVelocity)
    singleWeights =
      network.outputCount == 1 ? (0..<network.neuronCount).map { network.outputWeights[$0, 0] } : []
    largestWeight = network.outputWeights.largestMagnitude
    tensor = CoFiringTensor(
      points: points.count, outputs: network.outputCount, separate: network.outputWeights.isSeparate,
      unit: max(largestWeight, .leastNormalMagnitude),
      whole: network.outputWeights.consists(ofMultiplesOf: largestWeight))
    outputs = Matrix(rows: points.count, columns: network.outputCount)
    exactOutputs = [Double](repeating: 0, count: points.count * network.outputCount)
    outputVelocities = exactOutputs
    anchorAll(skin: skins.initial(network: network, optimizer: optimizer, steps: 16))
  }

  static let maximumPoints = 1 << 15
  /// The logarithm of how many times the candidates of skin 0 a list has at most.
  static let candidateStretch: Float = 2
  /// Steps after which the outputs are computed from the correlations, and Gamma starts anew.
  static let refreshInterval = 256

  public static func limitation(for shape: ProblemShape) -> String? {
    shape.points > maximumPoints ? "it takes at most \(maximumPoints) points, not \(shape.points)" : nil
  }

  public static var supportsSeededWeights: Bool { true }

  // MARK: - Steps

  /// Precondition: momentum only if the engine was made with it.
  public mutating func advance(outputGradient: Matrix) -> StepReport {
    precondition(impulses.usesVelocity || !optimizer.usesVelocity, "the engine was made without momentum")
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    report.phases.measure("outputs") { moveOutputs(along: outputGradient) }
    report.phases.measure("clock") {
      outputGradient.withView { impulses.add(gradient: $0, optimizer: optimizer) }
    }
    var parts = report.phases.measure("look") { look() }
    report.phases.measure("anchor") { anchor(&parts) }
    report.phases.measure("changes") { apply(parts.map(\.changes)) }
    if impulses.now % Self.refreshInterval == 0 {
      report.phases.measure("refresh") {
        refreshOutputs()
        setOutputs()
        rebase()
      }
    }
    for part in parts {
      report.neuronsMoved += part.moved
      report.counts += OperationCounts(
        innerProducts: part.retired.entries.count * points.count, nodesVisited: part.looked,
        nodesWritten: part.changes.pairs.count)
    }
    report.counts.pairsReported = firingPairs
    return report
  }

  /// f and its velocity after a step in which no pair changes state.
  private mutating func moveOutputs(along outputGradient: Matrix) {
    let outputs = outputGradient.columns
    var gradient = [Double](repeating: 0, count: exactOutputs.count)
    outputGradient.withView { view in
      for i in 0..<view.rows { for c in 0..<outputs { gradient[i * outputs + c] = Double(view[i, c]) } }
    }
    let product = gram.withView { tensor.product(gram: $0, values: gradient, workers: workers) }
    let (p, q) = optimizer.weightsOfGradientAndVelocity
    let (rate, mu) = (Double(optimizer.learningRate), Double(optimizer.momentum.coefficient))
    let scale = 1 / Double(neuronCount)
    for k in product.indices {
      let change = product[k] * scale
      outputVelocities[k] = mu * outputVelocities[k] + change
      exactOutputs[k] -= rate * (Double(p) * change + Double(q) * outputVelocities[k])
    }
  }

  /// What the look at one shard leaves.
  private struct Part {
    var changes = PatternChanges()
    var retired = RetiredNeurons()
    var looked = 0
    var moved = 0
  }

  /// Moves every neuron's clock and looks at those whose clock has run out.
  private mutating func look() -> [Part] {
    let skins = skins
    return withAnchors { step, shard, index, neurons, anchors in
      var part = Part()
      let range = shard.neurons
      shard.withLists { lists in
        _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
          withUnsafeTemporaryAllocation(of: Int32.self, capacity: range.count + 1) { expired in
            guard let expired = expired.baseAddress else { return }
            (part.looked, part.moved) = step.expired(of: range, lists, neurons, into: expired)
            step.look(
              at: UnsafeBufferPointer(start: expired, count: part.looked), of: range, lists, neurons,
              &part.changes, workspace
            ) { neuron, state, list in
              // Clocks go about twice as far as neurons.
              let skin = skins.skin(
                firing: Int(state.firing),
                stepLength: 0.5 * neurons.countdowns[neuron].taken * state.stretch * step.speed(of: state))
              step.retire(
                list, neuron: neuron, shard: index, state, newSkin: skin, &part.retired, anchors, workspace)
            }
          }
        }
      }
      return part
    }
  }

  /// Anchors the retired neurons of `parts`.
  private mutating func anchor(_ parts: inout [Part]) {
    let retired = parts.flatMap { $0.retired.entries }
    anchor(retired.map(\.neuron), skins: retired.map(\.skin), &parts)
  }

  /// Anchors the chosen neurons, ascending.
  private mutating func anchor(_ chosen: [Int32], skins: [Float], _ parts: inout [Part]) {
    var first = 0
    for round in Anchoring.rounds(of: chosen) {
      let skins = Array(skins[first..<first + round.count])
      parts.withUnsafeMutableBufferPointer { place(round, skins: skins, $0) }
      first += round.count
    }
  }

  private mutating func place(
    _ chosen: [Int32], skins: [Float], _ parts: UnsafeMutableBufferPointer<Part>
  ) {
    let found = anchoring.candidates(of: chosen, skins: skins, workers: workers, rows: anchors.withRows)
    _ = withShards { step, shard, index, neurons in
      _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
        for position in found.positions(of: shard.neurons) {
          let neuron = Int(found.neurons[position])
          guard let part = parts.baseAddress.map({ $0 + index }) else { continue }
          found.withCandidates(at: position) { points, correlations in
            KineticPlacing(step: step).place(
              points, correlations, neuron: neuron, skin: skins[position], into: &shard, neurons,
              &part.pointee.retired, &part.pointee.changes, workspace)
          }
        }
      }
    }
  }

  /// Corrects outputs and tensor.
  private mutating func apply(_ changes: [PatternChanges]) {
    let scale = 1 / Double(neuronCount).squareRoot()
    var beginning = [Int32](repeating: 0, count: points.count)
    for part in changes {
      part.correct(
        &exactOutputs, velocities: &outputVelocities, outputCount: outputs.columns, scale: scale)
      firingPairs += part.firingDifference
      for pair in part.pairs where pair.begins { beginning[Int(pair.point)] += 1 }
    }
    tensor.makeRoom(for: beginning)
    ChangedPairs.with(changes, points: points.count) { pairs in
      tensor.change(workers: workers) { pairs.change($0) }
    }
    setOutputs()
  }

  private mutating func setOutputs() {
    let (exact, count) = (exactOutputs, outputs.columns)
    outputs.withMutableView { view in
      for i in 0..<view.rows { for c in 0..<count { view[i, c] = Float(exact[i * count + c]) } }
    }
  }

  // MARK: - Start

  /// Anchors every neuron and computes outputs and tensor from nothing.
  private mutating func anchorAll(skin: Float) {
    var parts = lists.shards.map { _ in Part() }
    anchor(
      (0..<neuronCount).map(Int32.init), skins: [Float](repeating: skin, count: neuronCount), &parts)
    refreshOutputs()
    fill()
    setOutputs()
  }

  /// f from the correlations as they are now. Complexity: a look at every neuron.
  private mutating func refreshOutputs() {
    let (outputCount, pointCount) = (outputWeights.columns, points.count)
    let sums = readShards { step, shard, neuronNow in
      var sums = OutputSums.zeros(points: pointCount, outputs: outputCount)
      shard.readLists { lists in
        _ = KineticWorkspace.with(points: pointCount) { workspace in
          for (local, neuron) in shard.neurons.enumerated() {
            let list = lists[local]
            let state = neuronNow(neuron, list)
            step.correlate(list, neuron: neuron, state, workspace)
            sums.withUnsafeMutableBufferPointer { sums in
              guard let sums = sums.baseAddress else { return }
              for k in 0..<Int(state.firing) {
                OutputSums.add(
                  workspace.values[k] - step.threshold, times: step.outputWeights.row(neuron), to: sums,
                  point: Int(list.points[k]), outputs: outputCount)
              }
            }
          }
        }
      }
      return sums
    }
    exactOutputs = OutputSums(
      shards: sums, points: pointCount, outputs: outputCount, scale: 1 / Float(neuronCount).squareRoot()
    ).exact(workers: workers)
  }

  /// Starts Gamma anew, so that coefficients are not the small differences of sums that have grown large.
  private mutating func rebase() {
    _ = withShards { step, shard, _, neurons in
      let range = shard.neurons
      shard.withLists { lists in
        _ = KineticWorkspace.with(points: step.gram.rows) { workspace in
          for (local, neuron) in range.enumerated() {
            step.rebase(lists[local], neuron: neuron, neurons, workspace)
          }
        }
      }
    }
    impulses.startAnew()
  }

  /// The co-firing tensor of all neurons, and the number of pairs that fire.
  private mutating func fill() {
    let (lists, neurons) = (lists, neurons)
    var firing = [Int32](repeating: 0, count: points.count)
    Self.forEachPattern(of: neurons, lists) { _, points, count in
      for k in 0..<count { firing[Int(points[k])] += 1 }
    }
    firingPairs = firing.reduce(0) { $0 + Int($1) }
    tensor.makeRoom(for: firing)
    outputWeights.withView { outputWeights in
      tensor.change(workers: workers) { rows in
        Self.forEachPattern(of: neurons, lists) { neuron, points, count in
          rows.begin(outputWeights.row(neuron), sign: 1)
          for k in 0..<count {
            rows.add(Int(points[k]))
            rows.add(Int(points[k]), with: points, count: k)
          }
        }
      }
    }
  }

  /// Calls `body(neuron, points, count)` for every neuron that fires.
  private static func forEachPattern(
    of neurons: KineticNeurons, _ lists: CandidateLists, _ body: (Int, UnsafePointer<UInt16>, Int) -> Void
  ) {
    for shard in lists.shards {
      shard.readLists { lists in
        for (local, neuron) in shard.neurons.enumerated() {
          let firing = Int(neurons[neuron].neuron.firing)
          if firing > 0 { body(neuron, lists[local].points, firing) }
        }
      }
    }
  }
}
