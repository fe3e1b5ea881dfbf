import FireTreeCore

extension CandidateStore {
  /// Checks the store from top to bottom and stops the program when it is broken. For tests.
  ///
  /// `rows(neurons, body)` calls `body` with the weights of `neurons` as they are now; `skin(neuron)` says what skin the
  /// neuron has, and `firing` which pairs (neuron, point) the engine takes to fire. Checked is, for every neuron: points
  /// of a list are distinct and within their block; every point that fires beyond rounding is a candidate, and so is every
  /// point whose correlation at the anchor exceeds b - skin |x| beyond rounding; the drift since the anchor, recomputed from
  /// both rows, is within the skin, and within what the certificate says. Complexity: O(n m d).
  package func checkInvariants(
    points: DataPoints, rows: (Range<Int>, (MatrixView) -> Void) -> Void, skin: (Int) -> Float,
    firing: Set<SIMD2<Int>>
  ) {
    for shard in lists.shards {
      for neuron in shard.neurons {
        let (own, skin) = (candidates(of: neuron, in: shard), skin(neuron))
        rows(neuron..<neuron + 1) { now in
          checkFiring(of: neuron, now, points: points, candidates: own, firing: firing)
          withAnchor(of: neuron) { anchor in
            checkAnchor(of: neuron, anchor, points: points, candidates: own, skin: skin)
            checkDrift(of: neuron, from: anchor, to: now, skin: skin)
          }
        }
      }
    }
  }

  /// The candidates of a neuron as points, checked for what every list keeps.
  private func candidates(of neuron: Int, in shard: CandidateLists.Shard) -> Set<Int> {
    var result: Set<Int> = []
    shard.readLists { lists in
      for block in 0..<blocks.count {
        let list = lists[neuron - shard.neurons.lowerBound, block: block]
        for k in 0..<list.count {
          precondition(
            Int(list.points[k]) < blocks[block].count, "neuron \(neuron): a point beyond its block")
          let isNew = result.insert(blocks[block].lowerBound + Int(list.points[k])).inserted
          precondition(isNew, "neuron \(neuron): point \(list.points[k]) is in its list twice")
        }
      }
    }
    return result
  }

  private func withAnchor(of neuron: Int, _ body: (MatrixView) -> Void) {
    guard let weights else { return }
    withUnsafePointer(to: Int32(neuron)) {
      weights.withRows(of: UnsafeBufferPointer(start: $0, count: 1), body)
    }
  }

  private func checkFiring(
    of neuron: Int, _ row: MatrixView, points: DataPoints, candidates: Set<Int>, firing: Set<SIMD2<Int>>
  ) {
    let (norm, threshold) = (Self.norm(row), anchoring.threshold)
    for point in 0..<points.count {
      let excess = points.withView { $0.dot(row.row(0), withPoint: point) } - threshold
      let margin = 4 * anchoring.error(weightNorm: norm) * anchoring.norms[point]
      let fires = firing.contains(SIMD2(neuron, point))
      precondition(!fires || candidates.contains(point), "neuron \(neuron) fires on \(point), no candidate")
      precondition(
        abs(excess) <= margin || fires == (excess > 0),
        "neuron \(neuron), point \(point): s - b is \(excess), and \(fires ? "it fires" : "it does not fire")"
      )
    }
  }

  private func checkAnchor(
    of neuron: Int, _ row: MatrixView, points: DataPoints, candidates: Set<Int>, skin: Float
  ) {
    let margin = 4 * anchoring.error(weightNorm: Self.norm(row))
    for point in 0..<points.count where !candidates.contains(point) {
      let s = points.withView { $0.dot(row.row(0), withPoint: point) }
      precondition(
        s <= anchoring.threshold - (skin - margin) * anchoring.norms[point],
        "neuron \(neuron): point \(point) was within the skin and is no candidate")
    }
  }

  private func checkDrift(of neuron: Int, from anchor: MatrixView, to now: MatrixView, skin: Float) {
    var (square, size) = (0.0, 0.0)
    for j in 0..<now.columns {
      let difference = Double(now[0, j]) - Double(anchor[0, j])
      square += difference * difference
      size += Double(now[0, j]) * Double(now[0, j])
    }
    // Adding up a row rounds each of its elements.
    let drift = Float(square.squareRoot()) - 0x1p-20 * Float(size.squareRoot()) - 1e-6
    precondition(drift <= skin, "neuron \(neuron) has drifted by \(drift), its skin is \(skin)")
    guard !certificates.isEmpty else { return }
    precondition(
      drift <= certificates[neuron].drift * (1 + 1e-5),
      "neuron \(neuron) has drifted by \(drift), its certificate says \(certificates[neuron].drift)")
  }

  private static func norm(_ row: MatrixView) -> Float {
    LinearAlgebra.dot(row.row(0), row.row(0), count: row.columns).squareRoot()
  }
}
