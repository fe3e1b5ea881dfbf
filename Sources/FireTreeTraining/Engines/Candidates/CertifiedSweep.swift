import CorrelationTrees
import FireTreeCore
import RealModule

/// The planes that the candidates of the Gram and the weight engine both have; see `CandidateLists`.
enum CandidatePlane {
  /// s(t1) - P(t1) |x|, see `Certificate`.
  static let ceiling = 0
  /// s, of candidates that fire; at most b otherwise.
  static let current = 1
}

/// What the sweep over one shard leaves.
struct SweepPart {
  /// Neurons whose certificate ended, ascending; they are anchored before the step is over.
  var expired: [Int32] = []
  var firing = 0
  var moved = 0
  /// Candidates that were looked at.
  var candidates = 0

  /// Adds what a neuron contributes to the outputs' sums: its first `count` candidates, as far as they fire. `base` is the
  /// first point of the list's block.
  @inline(__always)
  mutating func addOutputs(
    of list: CandidateLists.List, first count: Int, base: Int = 0, outputWeights: UnsafePointer<Float>,
    outputs: Int, threshold: Float, to sums: UnsafeMutablePointer<Double>
  ) {
    let stride = OutputSums.stride(outputs: outputs)
    firing += Kernels.addExcess(
      to: sums + base * stride, stride: stride, weights: outputWeights, columns: outputs,
      points: list.points, values: list.plane(CandidatePlane.current), count: count,
      threshold: threshold)
  }
}

extension CandidateStore {
  /// Bytes that lists and certificates will hold: a skin makes at most exp(`stretch`) times as many candidates as points
  /// fire (`SkinModel`), and the lists have room to grow.
  static func requiredMemory(
    for shape: ProblemShape, bytesPerCandidate: Int, stretch: Float = SkinModel.defaultStretch
  ) -> ByteCount {
    let candidates = min(
      Double(shape.points), Double(Float.exp(stretch)) * shape.firing.share * Double(shape.points))
    let lists = Tiles(of: shape.points, size: CandidateLists.maximumPoints).count
    return ByteCount(bytesPerCandidate) * shape.neurons * Int(1.6 * candidates + 4)
      + ByteCount(MemoryLayout<Certificate>.stride + 48 + 40 * lists) * shape.neurons
  }

  /// Anchors every neuron for the first time, with this skin (`CandidateStore.anchorAll`); returns a part for each shard.
  /// `start` as in `anchor`.
  mutating func anchorAll(
    by pass: FirstPass?, skin: Float, outputWeights: Matrix, sums: inout OutputSums,
    rows: ((UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void)? = nil,
    start: (Int, Int, CandidateLists.List, inout Certificate) -> Void
  ) -> [SweepPart] {
    for neuron in certificates.indices { certificates[neuron].skin = skin }
    var parts = lists.shards.map { _ in SweepPart() }
    anchorAll(by: pass, skin: skin, rows: rows) { store, found in
      store.install(found, &parts, outputWeights: outputWeights, sums: &sums, start: start)
    }
    return parts
  }

  /// Anchors the expired neurons of `parts`: finds their candidates, renews their certificates, and adds their outputs.
  ///
  /// `start(shard, neuron, list, certificate)` fills the engine's own planes of each list. `rows` as in `anchor`.
  /// Complexity: 2 n d flops a neuron.
  mutating func anchor(
    _ parts: inout [SweepPart], outputWeights: Matrix, sums: inout OutputSums,
    rows: ((UnsafeBufferPointer<Int32>, (MatrixView) -> Void) -> Void)? = nil,
    start: (Int, Int, CandidateLists.List, inout Certificate) -> Void
  ) {
    let expired = [Int32].fixed(joining: parts.map(\.expired))
    var skins = [Float].fixed(expired.count, repeating: 0)
    for (k, neuron) in expired.enumerated() { skins[k] = certificates[Int(neuron)].skin }
    anchor(expired, skins: skins, rows: rows) { store, found in
      store.install(found, &parts, outputWeights: outputWeights, sums: &sums, start: start)
    }
  }

  /// Puts candidates into their lists.
  private mutating func install(
    _ found: AnchoredTiles, _ parts: inout [SweepPart], outputWeights: Matrix, sums: inout OutputSums,
    start: (Int, Int, CandidateLists.List, inout Certificate) -> Void
  ) {
    let (anchoring, blocks) = (anchoring, blocks)
    withAccess { access in
      guard let certificates = access.certificates else { return }
      parts.withUnsafeMutableBufferPointer { parts in
        outputWeights.withView { outputWeights in
          sums.collectPairs(shards: access.shards.count) { index, adder in
            for position in found.positions(of: access.shards[index].neurons) {
              let neuron = Int(found.neurons[position])
              let local = neuron - access.shards[index].neurons.lowerBound
              let weightNorm = found.weightNorm(at: position)
              certificates[neuron].renew(
                weightNorm: weightNorm, error: anchoring.error(weightNorm: weightNorm))
              for block in 0..<blocks.count {
                found.withCandidates(at: position, block: block) {
                  access.shards[index].replace(local, block: block, points: $0, correlations: $1)
                }
                access.shards[index].withLists { lists in
                  let list = lists[local, block: block]
                  list.plane(CandidatePlane.current).update(
                    from: list.plane(CandidatePlane.ceiling), count: list.count)
                  start(index, neuron, list, &certificates[neuron])
                  parts[index].firing += adder.addPairs(
                    of: list, base: blocks[block].lowerBound, outputWeights: outputWeights.row(neuron),
                    threshold: anchoring.threshold)
                }
              }
            }
          }
        }
      }
    }
  }
}

extension OutputSums.Adder {
  /// Adds the candidates of a list that fire; returns how many they are.
  fileprivate func addPairs(
    of list: CandidateLists.List, base: Int, outputWeights: UnsafePointer<Float>, threshold: Float
  ) -> Int {
    let current = list.plane(CandidatePlane.current)
    var firing = 0
    for k in 0..<list.count where current[k] > threshold {
      add(current[k] - threshold, times: outputWeights, point: base + Int(list.points[k]))
      firing += 1
    }
    return firing
  }
}
