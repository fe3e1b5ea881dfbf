import FireTreeCore

/// The pairs of all shards that changed state in a step, in the order of their points.
///
/// One after another then changes the same row of the co-firing tensor, and the same columns of other rows, which stay in the
/// cache; in the order of neurons, each would fetch them anew. Pairs of a point are in the order of shards, and of a shard in
/// that in which they were found, whatever the threads.
struct ChangedPairs {
  /// A pair, as in `PatternChanges.Pair`, with the points of its neuron and its output weights.
  private struct Entry {
    var points: UnsafePointer<UInt16>
    var weights: UnsafePointer<Float>
    var staying: UInt16
    var group: UInt16
    var position: UInt16
    var point: UInt16
    var begins: Bool
  }

  private let entries: UnsafeMutableBufferPointer<Entry>

  /// Calls `body` with the changed pairs of `parts`, on `points` points. Complexity: O(n + number of pairs).
  static func with(_ parts: [PatternChanges], points: Int, _ body: (ChangedPairs) -> Void) {
    var starts = [Int].fixed(points + 1, repeating: 0)
    for part in parts { for pair in part.pairs { starts[Int(pair.point) + 1] += 1 } }
    for point in 0..<points { starts[point + 1] += starts[point] }
    let count = starts[points]
    Memory.demand(try Memory.ask(for: count + 1, of: Entry.self))
    withUnsafeTemporaryAllocation(of: Entry.self, capacity: count + 1) { entries in
      fill(entries, with: parts[...], &starts) {
        body(ChangedPairs(entries: UnsafeMutableBufferPointer(rebasing: entries[..<count])))
      }
    }
  }

  /// Puts the pairs of each part to where those of their point go, and calls `body` while the parts are borrowed.
  private static func fill(
    _ entries: UnsafeMutableBufferPointer<Entry>, with parts: ArraySlice<PatternChanges>,
    _ starts: inout [Int],
    _ body: () -> Void
  ) {
    guard let part = parts.first else { return body() }
    part.points.withUnsafeBufferPointer { points in
      part.weights.withUnsafeBufferPointer { weights in
        for pair in part.pairs {
          guard let points = points.baseAddress, let weights = weights.baseAddress else {
            preconditionFailure("a pair has points and weights")
          }
          let place = starts[Int(pair.point)]
          starts[Int(pair.point)] = place + 1
          entries.initializeElement(
            at: place,
            to: Entry(
              points: points + Int(pair.start), weights: weights + Int(pair.weights), staying: pair.staying,
              group: pair.group, position: pair.position, point: pair.point, begins: pair.begins))
        }
        fill(entries, with: parts.dropFirst(), &starts, body)
      }
    }
  }

  /// How many pairs ahead points are asked for.
  private static let lookAhead = 8

  /// Changes rows of the tensor: of every pair of points that both fired before, or both fire now.
  ///
  /// A pair of points is in the row of the later one, so that rows before a point are done with.
  func change(_ rows: CoFiringTensor.Rows) {
    for k in entries.indices {
      if k + Self.lookAhead < entries.count {
        let next = entries[k + Self.lookAhead]
        Kernels.prefetch(next.points, count: Int(next.staying))
      }
      if k + 1 < entries.count {
        let next = entries[k + 1]
        rows.prefetch(Int(next.point), with: next.points, count: Int(next.staying))
      }
      let entry = entries[k]
      let point = Int(entry.point)
      guard point < rows.range.upperBound else { return }
      rows.begin(entry.weights, sign: entry.begins ? 1 : -1)
      rows.add(point)
      rows.add(point, with: entry.points, count: Int(entry.staying))
      rows.add(point, with: entry.points + Int(entry.group), count: Int(entry.position))
    }
  }
}
