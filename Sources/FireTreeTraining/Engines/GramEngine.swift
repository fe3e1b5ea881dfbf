import CorrelationTrees
import FireTreeCore

/// Exact training whose cost follows the neurons that fire, in the space of the data points.
///
/// Every weight is its anchored value plus a combination of data points, w_r = w_r(t0) + kappa_r v_r(t0) +
/// sum_i alpha_ri x_i, where v_r(t0) is the velocity at the anchor (none without momentum). So correlations can be
/// advanced through the Gram matrix G = X X^T without touching a weight: with the gradient's coefficients
/// gamma_ri = <a_r, g_i> / sqrt(m) on the points that fire,
///
///     h_j = sum_i gamma_ri G_ij,   u_j <- mu u_j + h_j,   s_j <- s_j - eta (p h_j + q u_j)
///
/// for the neuron's candidates j alone (`CandidateLists`), where u_j = <v_r, x_j> and (p, q) is (1, 0) for plain
/// gradient descent, (0, 1) for heavy-ball and (1, mu) for Nesterov momentum. The drift since the anchor comes from the
/// same numbers,
///
///     D_r^2 = |w_r - w_r(t0)|^2 = sum_i alpha_ri (s_i - s_i(t0)) + kappa_r (kappa_r |v(t0)|^2 + sum_i alpha_ri u_i(t0)),
///
/// and while D_r (with its rounding, `NeuronState.error`) stays within the neuron's skin, no other point can fire.
/// Then the weight is computed, its correlations with all points too, and the neuron is anchored anew.
///
/// One sweep over neurons does the backward pass of this step and the forward pass of the next.
///
/// Complexity of a step: O(sum_r k_r k'_r) for k_r firing points and k'_r candidates, free of d; n d for each neuron
/// that is anchored anew. Memory: the anchored weights (m d, twice with momentum), n^2 for G, and 14 to 26 bytes a
/// candidate.
public struct GramEngine: TrainingEngine {
  public let points: DataPoints
  public var optimizer: GradientDescent
  public private(set) var outputs: Matrix
  public private(set) var firingPairs = 0
  public let outputWeights: Matrix
  private let threshold: Float
  /// w_r(t0) and, with momentum, v_r(t0): one neuron a row (m x d).
  private var anchors: Matrix
  private var anchoredVelocities: Matrix
  private var lists: CandidateLists
  private var states: [NeuronState]
  private let gram: Matrix
  private let anchoring: Anchoring
  private let workers: Workers

  private let skins: SkinModel

  public init(network: Network, points: DataPoints, optimizer: GradientDescent, workers: Workers) {
    precondition(
      points.count <= CandidateLists.maximumPoints, "\(points.count) points do not fit 16-bit indices")
    self.points = points
    self.optimizer = optimizer
    self.workers = workers
    outputWeights = network.outputWeights
    threshold = network.threshold
    anchors = network.weights.materialized(workers: workers)
    anchoredVelocities = Matrix(
      rows: optimizer.usesVelocity ? network.neuronCount : 0, columns: network.dimension)
    lists = CandidateLists(
      neurons: network.neuronCount, planes: GramPlane.count(usesVelocity: optimizer.usesVelocity))
    states = [NeuronState](repeating: NeuronState(), count: network.neuronCount)
    gram = points.gramMatrix(workers: workers)
    anchoring = Anchoring(points: points, threshold: network.threshold)
    skins = SkinModel(points: points, threshold: network.threshold)
    outputs = Matrix(rows: points.count, columns: network.outputCount)
    start()
  }

  public static func limitation(for shape: ProblemShape) -> String? {
    shape.points > CandidateLists.maximumPoints
      ? "it takes at most \(CandidateLists.maximumPoints) points, not \(shape.points)" : nil
  }

  public static var supportsSeededWeights: Bool { true }

  public static func requiredMemory(for shape: ProblemShape) -> ByteCount {
    var shape = shape
    shape.isSeeded = false
    // Candidates are at most a quarter of all pairs for any threshold that is worth this engine.
    let candidates =
      ByteCount(2 + 4 * GramPlane.count(usesVelocity: shape.usesVelocity)) * shape.neurons
      * (shape.points / 4 + 8)
    return shape.baseMemory + .matrix(rows: shape.points, columns: shape.points) + candidates
      + ByteCount(64) * shape.neurons
  }

  /// The bound on the length of the neuron's last step. For tests.
  package func stepLength(of neuron: Int) -> Float { states[neuron].stepLength }

  // MARK: - Steps

  public mutating func advance(outputGradient: Matrix) -> StepReport {
    var report = StepReport(firingPairs: firingPairs, neuronsMoved: 0)
    var parts = report.phases.measure("sweep") { sweep(along: outputGradient) }
    let expired = parts.flatMap(\.expired)
    report.phases.measure("anchor") { anchor(expired, &parts) }
    finish(parts)
    report.neuronsMoved = parts.reduce(0) { $0 + $1.moved }
    report.counts = OperationCounts(
      innerProducts: expired.count * points.count, nodesVisited: parts.reduce(0) { $0 + $1.candidates },
      nodesWritten: expired.count, pairsReported: firingPairs)
    return report
  }

  /// Anchors every neuron for the first time.
  private mutating func start() {
    var parts = lists.shards.map { shard in
      GramPart(
        sums: OutputSums.zeros(points: points.count, outputs: outputWeights.columns),
        expired: shard.neurons.map(Int32.init))
    }
    let shards = Tiles.neuronShards(of: states.count)
    let expectedFiring = Int(Double(points.count) * NormalDistribution.tail(Double(threshold)))
    let skin = skins.skin(firing: expectedFiring, nearSkin: SkinModel.initial)
    anchors.withView { anchors in
      states.withUnsafeMutableBufferPointer { states in
        workers.forEachShard(of: shards.count) { shard in
          for neuron in shards[shard] {
            let row = anchors.row(neuron)
            states[neuron].weightNorm = LinearAlgebra.dot(row, row, count: anchors.columns).squareRoot()
            states[neuron].nearSkin = SkinModel.initial
            states[neuron].skin = skin
          }
        }
      }
    }
    anchor(parts.flatMap(\.expired), &parts)
    finish(parts)
  }

  private mutating func finish(_ parts: [GramPart]) {
    outputs = OutputSums(
      shards: parts.map(\.sums), points: points.count, outputs: outputWeights.columns,
      scale: 1 / Float(neuronCount).squareRoot()
    ).reduced(workers: workers)
    firingPairs = parts.reduce(0) { $0 + $1.firing }
  }

  /// Advances every neuron; those whose certificate ends get their weight and velocity computed, to be anchored.
  private mutating func sweep(along outputGradient: Matrix) -> [GramPart] {
    let (points, optimizer, threshold, skins) = (points, optimizer, threshold, skins)
    let (norms, rounding, scale) = (anchoring.norms, anchoring.rounding, 1 / Float(neuronCount).squareRoot())
    let (outputWeights, gram, workers) = (outputWeights, gram, workers)
    return borrowed(outputWeights, outputGradient, gram) { outputWeights, outputGradient, gram in
      norms.withUnsafeBufferPointer { norms in
        points.withView { points in
          guard let largestNorm = norms.max(), let norms = norms.baseAddress else { return [] }
          let step = GramStep(
            gram: gram,
            gradient: PairGradient(
              outputWeights: outputWeights, outputGradient: outputGradient, outputScale: scale),
            optimizer: optimizer, threshold: threshold, norms: norms, largestNorm: largestNorm,
            rounding: rounding, skins: skins)
          return anchors.withMutableView { anchors in
            anchoredVelocities.withMutableView { velocities in
              states.withUnsafeMutableBufferPointer { states in
                lists.shards.withUnsafeMutableBufferPointer { shards in
                  let sweep = GramSweep(
                    step: step, points: points, anchors: anchors, velocities: velocities, states: states)
                  return workers.map(shards: shards.count) { sweep.run(&shards[$0]) }
                }
              }
            }
          }
        }
      }
    }
  }

  private func borrowed<Result>(
    _ a: Matrix, _ b: Matrix, _ c: Matrix, _ body: (MatrixView, MatrixView, MatrixView) -> Result
  ) -> Result {
    a.withView { a in b.withView { b in c.withView { c in body(a, b, c) } } }
  }

  // MARK: - Anchoring

  /// Anchors neurons whose weights are computed: new candidates, and their part of the outputs.
  private mutating func anchor(_ neurons: [Int32], _ parts: inout [GramPart]) {
    guard !neurons.isEmpty else { return }
    let found = candidates(of: neurons)
    let (points, threshold, norms, workers) = (points, threshold, anchoring.norms, workers)
    borrowed(outputWeights, anchoredVelocities, gram) { outputWeights, velocities, _ in
      points.withView { points in
        norms.withUnsafeBufferPointer { norms in
          states.withUnsafeMutableBufferPointer { states in
            lists.shards.withUnsafeMutableBufferPointer { shards in
              parts.withUnsafeMutableBufferPointer { parts in
                guard let norms = norms.baseAddress else { return }
                workers.forEachShard(of: shards.count) { index in
                  var cursor = found.cursor(from: parts[index].expired.first)
                  for neuron in parts[index].expired.lazy.map({ Int($0) }) {
                    let local = neuron - shards[index].neurons.lowerBound
                    cursor.next { shards[index].replace(local, points: $0, correlations: $1) }
                    shards[index].withLists { lists in
                      lists[local].start(
                        &states[neuron], velocity: velocities.rows > 0 ? velocities.row(neuron) : nil,
                        points: points)
                      lists[local].chooseNear(
                        &states[neuron], skin: states[neuron].nearSkin, threshold: threshold, norms: norms)
                      parts[index].addOutputs(
                        of: lists[local], near: states[neuron].near, outputWeights: outputWeights.row(neuron),
                        count: outputWeights.columns, threshold: threshold)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  /// The candidates of `neurons`, ascending, by tiles of matrix products.
  private func candidates(of neurons: [Int32]) -> AnchoredTiles {
    let tiles = Tiles(of: neurons.count, size: DataPoints.weightsPerTile)
    let skins = neurons.map { states[Int($0)].skin }
    let norms = neurons.map { states[Int($0)].weightNorm }
    let lists = anchors.withView { anchors in
      neurons.withUnsafeBufferPointer { neurons in
        skins.withUnsafeBufferPointer { skins in
          norms.withUnsafeBufferPointer { norms in
            workers.map(shards: tiles.count) { tile in
              var result = AnchoredLists()
              let chosen = UnsafeBufferPointer(rebasing: neurons[tiles[tile]])
              guard let skins = skins.baseAddress, let norms = norms.baseAddress else { return result }
              anchors.forEachTile(of: chosen, size: tiles.size) { _, rows in
                result = anchoring.candidates(
                  of: rows, points: points, skins: skins + tiles[tile].lowerBound,
                  weightNorms: norms + tiles[tile].lowerBound)
              }
              return result
            }
          }
        }
      }
    }
    return AnchoredTiles(neurons: neurons, tiles: tiles, lists: lists)
  }
}

/// Candidates of a list of neurons, tile by tile.
private struct AnchoredTiles {
  let neurons: [Int32]
  let tiles: Tiles
  let lists: [AnchoredLists]

  /// Walks through the neurons from one of them on.
  struct Cursor {
    let found: AnchoredTiles
    var position: Int

    mutating func next(_ body: (UnsafeBufferPointer<UInt16>, UnsafeBufferPointer<Float>) -> Void) {
      let list = found.lists[position / found.tiles.size]
      let row = position % found.tiles.size
      let range = list.offsets[row]..<list.offsets[row + 1]
      list.points.withUnsafeBufferPointer { points in
        list.correlations.withUnsafeBufferPointer { correlations in
          body(
            UnsafeBufferPointer(rebasing: points[range]), UnsafeBufferPointer(rebasing: correlations[range]))
        }
      }
      position += 1
    }
  }

  /// A cursor at `neuron`, found by bisection.
  func cursor(from neuron: Int32?) -> Cursor {
    var (low, high) = (0, neurons.count)
    while let neuron, low < high {
      let middle = (low + high) / 2
      if neurons[middle] < neuron { low = middle + 1 } else { high = middle }
    }
    return Cursor(found: self, position: low)
  }
}

// MARK: - What the engine knows in other forms

extension GramEngine {
  /// Computes w_r = w_r(t0) + kappa_r v_r(t0) + sum_i alpha_ri x_i for every neuron.
  public var network: Network {
    var weights = anchors
    let states = states
    for shard in lists.shards {
      var shard = shard
      let neurons = shard.neurons
      shard.withLists { lists in
        points.withView { points in
          anchoredVelocities.withView { velocities in
            weights.withMutableView { weights in
              for (local, neuron) in neurons.enumerated() {
                GramSweep.addDrift(
                  lists[local], state: states[neuron], points: points,
                  velocity: optimizer.usesVelocity ? velocities.row(neuron) : nil, to: weights.row(neuron),
                  count: weights.columns)
              }
            }
          }
        }
      }
    }
    return Network(hiddenWeights: weights, outputWeights: outputWeights, threshold: threshold)
  }

  public var firingSet: FiringSet {
    FiringSet(
      shards: lists.shards.map { shard in
        var shard = shard
        var result = FiringSet.Shard()
        let neurons = shard.neurons
        shard.withLists { lists in
          for (local, neuron) in neurons.enumerated() {
            let list = lists[local]
            let current = list.plane(GramPlane.current)
            let firing = (0..<Int(states[neuron].near)).filter { current[$0] > threshold }
            for k in firing.sorted(by: { list.points[$0] < list.points[$1] }) {
              result.append(point: Int(list.points[k]), correlation: current[k])
            }
            result.endRow(of: neuron)
          }
        }
        return result
      })
  }
}

extension CandidateLists.List {
  /// The planes of a list that has just been anchored: s = s(t0) and u = u(t0) = <v_r, x_j>.
  fileprivate func start(
    _ state: inout NeuronState, velocity: UnsafePointer<Float>?, points: DataPointsView
  ) {
    plane(GramPlane.current).update(from: plane(GramPlane.anchored), count: count)
    guard let velocity, state.anchoredVelocitySquared > 0 else { return }
    for k in 0..<count {
      let u = points.dot(velocity, withPoint: Int(self.points[k]))
      plane(GramPlane.velocity)[k] = u
      plane(GramPlane.anchoredVelocity)[k] = u
    }
  }
}
