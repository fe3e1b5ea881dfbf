import FireTree

/// What a detector took on one instance of a study.
package struct DetectorTiming: Sendable {
  package let kind: DetectorKind
  /// Seconds to build it, the least of several times.
  package var build = Double.nan
  /// Seconds to report all pairs, the least of several times.
  package var query = Double.nan
  /// What that query looked at.
  package var counts = OperationCounts()
  /// Seconds to change one weight, on average.
  package var update = Double.nan
  /// Seconds to report the neurons of one point, on average.
  package var pointQuery = Double.nan
  /// Seconds to report the points of one neuron, on average.
  package var neuronQuery = Double.nan
  package var memory = 0
  package var comparison = FiringAudit()

  /// Measures `kind` on one instance and compares all its pairs with those of a dense pass, before and after updates.
  ///
  /// `changed` are weights that neurons get in turn. Throws a failure when they differ beyond rounding.
  package init(
    _ kind: DetectorKind, weights: Matrix, changed: Matrix, points: DataPoints, bound: Float, workers: Workers
  ) throws {
    self.kind = kind
    let clock = ContinuousClock()
    var detector = try kind.type.init(weights: weights, points: points, workers: workers)
    build = try Self.least { try kind.type.init(weights: weights, points: points, workers: workers) }
    memory = detector.memoryBytes
    var answer = detector.firingSet(atLeast: bound, workers: workers)
    query = Self.least { detector.firingSet(atLeast: bound, workers: workers) }
    counts = answer.counts
    // What reaches the bound exceeds the number before it.
    let compare = { (found: FiringSet, weights: Matrix) in
      FiringAudit(
        of: found, neurons: weights.rows, points: points, threshold: bound.nextDown, workers: workers
      ) { neurons, body in weights.withView { body($0.rows(neurons)) } }
    }
    comparison += compare(answer.set, weights)
    let single = min(32, points.count, weights.rows)
    pointQuery =
      clock.measure { for i in 0..<single { _ = detector.neurons(of: i, atLeast: bound) } }.seconds
      / Double(single)
    neuronQuery =
      clock.measure { for r in 0..<single { _ = detector.points(of: r, atLeast: bound) } }.seconds
      / Double(single)
    var moved = weights
    let rows = (0..<changed.rows).map { changed.row($0) }
    update =
      clock.measure { for (r, row) in rows.enumerated() { detector.update(r, to: row) } }.seconds
      / Double(max(rows.count, 1))
    for (r, row) in rows.enumerated() {
      for (column, value) in row.enumerated() { moved[r, column] = value }
    }
    answer = detector.firingSet(atLeast: bound, workers: workers)
    comparison += compare(answer.set, moved)
    guard comparison.missed == 0 && comparison.extra == 0 else {
      throw FireTreeError.failure(
        "detector \(kind.rawValue) with n = \(points.count), m = \(weights.rows), d = \(points.dimension): "
          + "\(comparison.missed) pairs missed, \(comparison.extra) extra")
    }
  }

  /// The least time of at most five calls, of those that begin within 0.3 s.
  private static func least<Result>(_ body: () throws -> Result) rethrows -> Double {
    let clock = ContinuousClock()
    var times: [Double] = []
    while times.isEmpty || times.count < 5 && times.reduce(0, +) < 0.3 {
      times.append(try clock.measure { _ = try body() }.seconds)
    }
    return times.min() ?? .nan
  }

  package static let columns = [
    "detector", "build_seconds", "query_seconds", "point_query_seconds", "neuron_query_seconds",
    "update_seconds", "nodes_visited", "inner_products", "pairs_reported", "memory_bytes", "pairs_compared",
    "pairs_firing", "ties",
  ]

  /// The fields of `columns`.
  package var fields: [String] {
    [kind.rawValue] + [build, query, pointQuery, neuronQuery, update].map { "\($0)" }
      + [
        counts.nodesVisited, counts.innerProducts, counts.pairsReported, memory, comparison.compared,
        comparison.firing, comparison.ties,
      ].map { "\($0)" }
  }
}
