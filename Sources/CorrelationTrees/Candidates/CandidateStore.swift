import FireTreeCore

/// The candidates of all neurons, with what certifies them: the one owner of lists, anchors and certificates.
///
/// | part | what it holds of a neuron | who writes it |
/// |---|---|---|
/// | `lists` | its candidates: points, and planes of an engine's own (`CandidateLists`) | anchoring, the engine's steps |
/// | `weights` | w_r(t0), v_r(t0) at its anchor (`WeightsAtAnchor`) | `WeightsAtAnchor.View.moveAnchor` |
/// | `certificates` | skin, drift and path since the anchor (`Certificate`) | the engine's steps, anchoring |
///
/// Invariant, which `checkInvariants` recomputes: a list holds every point whose correlation at the anchor exceeds
/// b - skin |x|, so that no other point fires while the drift is within the skin.
package struct CandidateStore: Sendable {
  package var lists: CandidateLists
  /// One a neuron; nothing for an engine that keeps skin and drift with its own state of a neuron.
  package var certificates: [Certificate]
  /// nil for an engine that moves the weights themselves: then their rows are handed to `anchor`.
  package var weights: WeightsAtAnchor?
  package let anchoring: Anchoring
  /// The points that one list can number; see `CandidateLists`.
  package let blocks: Tiles
  package let workers: Workers

  /// Empty lists of neurons that are still to be anchored. Throws a usage error when there is no memory for them.
  /// Precondition: what `CandidateLists` requires.
  package init(
    neurons: Int, planes: Int, weights: consuming WeightsAtAnchor?, anchoring: Anchoring,
    keepsCertificates: Bool = true, pointsPerBlock: Int = CandidateLists.maximumPoints, workers: Workers
  ) throws(FireTreeError) {
    precondition(
      pointsPerBlock <= CandidateLists.maximumPoints, "\(pointsPerBlock) points do not fit 16-bit indices")
    blocks = Tiles(of: anchoring.norms.count, size: pointsPerBlock)
    lists = try CandidateLists(neurons: neurons, planes: planes, blocks: max(blocks.count, 1))
    certificates = try [Certificate](allocating: keepsCertificates ? neurons : 0, repeating: Certificate())
    self.weights = weights
    self.anchoring = anchoring
    self.workers = workers
  }

  // MARK: - Access

  /// Everything in borrowed memory, valid during a call; shards touch what belongs to their neurons.
  package struct Access {
    package let shards: UnsafeMutableBufferPointer<CandidateLists.Shard>
    /// nil where an engine keeps its own.
    package let certificates: UnsafeMutablePointer<Certificate>?
    /// nil where there are none, or they were not asked for.
    package let weights: WeightsAtAnchor.View?
  }

  /// Calls `body` with access to lists and certificates, and to the weights at the anchors when `includingWeights`. Whoever
  /// else holds weights that are not asked for does not make them be copied.
  package mutating func withAccess<Result>(
    includingWeights: Bool = false, _ body: (Access) -> Result
  ) -> Result {
    guard includingWeights, var own = weights.take() else { return withLists(weights: nil, body) }
    defer { weights = own }
    return own.withView { withLists(weights: $0, body) }
  }

  private mutating func withLists<Result>(
    weights: WeightsAtAnchor.View?, _ body: (Access) -> Result
  ) -> Result {
    certificates.withUnsafeMutableBufferPointer { certificates in
      lists.shards.withUnsafeMutableBufferPointer { shards in
        body(Access(shards: shards, certificates: certificates.baseAddress, weights: weights))
      }
    }
  }

  // MARK: - Anchoring

  /// Neurons that are anchored in one round, so that what is held between finding their candidates and putting them into
  /// lists does not grow with their number.
  private static let neuronsPerRound = 1 << 16

  /// Finds the candidates of `neurons`, ascending, by tiles of matrix products, and calls `install(store, found)` to put them
  /// into their lists, in rounds. `skins` has one element a neuron.
  ///
  /// `rows(chosen, body)` calls `body` with the weights of the chosen neurons, one below the other; without it they are the
  /// anchored ones. Complexity: 2 n d flops a neuron.
  package mutating func anchor(
    _ neurons: [Int32], skins: [Float],
    rows: ((UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void)? = nil,
    install: (inout CandidateStore, AnchoredTiles) -> Void
  ) {
    precondition(neurons.count == skins.count, "a skin for every neuron")
    let rounds = Tiles(of: neurons.count, size: Self.neuronsPerRound)
    for round in 0..<rounds.count {
      let (chosen, skins) = (Array(neurons[rounds[round]]), Array(skins[rounds[round]]))
      let found =
        if let rows {
          anchoring.candidates(of: chosen, skins: skins, blocks: blocks, workers: workers, rows: rows)
        } else {
          anchoring.candidates(of: chosen, skins: skins, blocks: blocks, workers: workers) { chosen, body in
            guard let weights else { preconditionFailure("no weights at the anchors: hand their rows over") }
            weights.withRows(of: chosen, body)
          }
        }
      makeRoom(like: found)
      install(&self, found)
    }
  }

  /// What looks at all neurons for the first time without making all weights, when these are still those of a seed or, with the
  /// Gram matrix of the points, structured ones that these points have moved; nil where that spares nothing.
  ///
  /// Throws a usage error when there is no memory for it.
  package func firstPass(
    over weights: HiddenWeights, points: DataPoints, gram: Matrix? = nil, skin: Float
  ) throws(FireTreeError) -> FirstPass? {
    guard case .seeded(let weights) = weights,
      weights.initial.start == .paired || weights.initial.distribution == .hadamard,
      weights.initial.structured?.transformsFit(norm: anchoring.largestNorm) ?? true
    else { return nil }
    var moved: MovedWeights?
    if !weights.isInitial {
      guard let gram, weights.initial.distribution == .hadamard, blocks.count == 1, weights.points == points
      else { return nil }
      moved = try MovedWeights(weights, gram: gram, workers: workers)
    }
    return try FirstPass(
      weights.initial, anchoring: anchoring, points: points, blocks: blocks, skin: skin, moved: moved,
      workers: workers)
  }

  /// Anchors every neuron for the first time: by `pass` or, without one, as `anchor` does.
  package mutating func anchorAll(
    by pass: FirstPass?, skin: Float,
    rows: ((UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void)? = nil,
    install: (inout CandidateStore, AnchoredTiles) -> Void
  ) {
    let count = lists.neuronCount
    guard let pass else {
      return anchor(
        .ascending(count), skins: .fixed(count, repeating: skin), rows: rows, install: install)
    }
    let rounds = Tiles(of: count, size: FirstPass.neuronsPerRound)
    for round in 0..<rounds.count {
      let found = pass.candidates(of: rounds[round])
      makeRoom(like: found)
      install(&self, found)
    }
  }

  /// Makes room for all lists, when all are empty still, as if those that are not found yet will be like those that are.
  private mutating func makeRoom(like found: AnchoredTiles) {
    guard let first = lists.shards.first, found.neurons.count > 0, lists.shards.allSatisfy(\.isEmpty) else {
      return
    }
    let words = found.words { first.words(for: $0) }
    for shard in lists.shards.indices {
      lists.shards[shard].makeRoom(wordsPerNeuron: Double(words) / Double(found.neurons.count))
    }
  }

  /// The pairs that fire: candidates whose correlation in plane `current` exceeds the threshold.
  package func firingSet(current plane: Int) -> FiringSet {
    let threshold = anchoring.threshold
    return FiringSet(
      shards: lists.shards.map { shard in
        var result = FiringSet.Shard()
        shard.readLists { lists in
          for (local, neuron) in shard.neurons.enumerated() {
            for block in 0..<blocks.count {
              let list = lists[local, block: block]
              let current = list.plane(plane)
              let firing = (0..<list.count).filter { current[$0] > threshold }
              for k in firing.sorted(by: { list.points[$0] < list.points[$1] }) {
                result.append(
                  point: blocks[block].lowerBound + Int(list.points[k]), correlation: current[k])
              }
            }
            result.endRow(of: neuron)
          }
        }
        return result
      })
  }
}
