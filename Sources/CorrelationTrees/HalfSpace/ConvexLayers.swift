import FireTreeCore

/// Half-plane reporting by convex layers (Chazelle, Guibas, Lee 1985, "The power of geometric duality"): the convex
/// hull of the points, the hull of the rest, and so on, like the skins of an onion.
///
///        o-------o
///       / o--o    \        A half-plane that misses a layer misses all inside it. One that meets a layer holds the
///      o  |   o    o       layer's extreme point in its direction, which a binary search over the edges finds, and
///       \ o--o    /        a stretch of the boundary around it: walk both ways until the half-plane ends.
///        o-------o
///
/// Turns and directions are decided without rounding (`ExactSign`); what is reported are *candidates*, with a margin for
/// the rounding of computed correlations. A query takes a binary search a layer it meets, and each but the last yields a
/// point: O((1 + k) log n) for k candidates. (Fractional cascading, left out here, makes that O(k + log n).)
///
/// Layers are weakly convex: points on an edge belong to the layer, equal points share a place. Points with a coordinate
/// that is not finite are candidates of every query. Memory: at most 48 bytes a point. Building: O(n log n), and O(n) a
/// layer.
package struct ConvexLayers: Sendable {
  /// Places of all layers, from the outside in: a layer counter-clockwise from its leftmost point, first its lower chain,
  /// up to the rightmost point.
  private var places: [SIMD2<Float>] = []
  /// The first item at each place.
  private var items: [Int32] = []
  /// The next item at the same place, by item; -1 for the last.
  private var twins: [Int32]
  private var layers: [Layer] = []
  /// Items with coordinates that are not finite.
  private var loose: [Int32] = []

  private struct Layer {
    var start: Int32
    var count: Int32
    /// Places of the lower chain, the rightmost point included.
    var lowerCount: Int32
    /// An upper bound of the norms, here and further in.
    var norm: Double
  }

  /// Precondition: the points lie in the plane.
  package init(of points: DataPoints) {
    precondition(points.dimension == 2, "points of \(points.dimension) dimensions in a plane")
    Memory.demand(try Memory.ask(for: ByteCount(128) * points.count))
    twins = .fixed(points.count, repeating: -1)
    let all = (0..<points.count).map { index in
      let point = points.point(index)
      return (place: SIMD2(point[0], point[1]), item: Int32(index))
    }
    loose = all.filter { !$0.place.isFinite }.map(\.item)
    peel(distinct(all.filter(\.place.isFinite)))
  }

  package var layerCount: Int { layers.count }
  var memoryBytes: Int {
    places.count * MemoryLayout<SIMD2<Float>>.stride + (items.count + twins.count + loose.count)
      * MemoryLayout<Int32>.stride + layers.count * MemoryLayout<Layer>.stride
  }

  static func requiredMemory(count: Int) -> ByteCount { ByteCount(48) * count }
}

extension SIMD2<Float> {
  fileprivate var isFinite: Bool { x.isFinite && y.isFinite }
  fileprivate var wide: SIMD2<Double> { SIMD2<Double>(Double(x), Double(y)) }
}

// MARK: - Peeling

extension ConvexLayers {
  private typealias Place = (place: SIMD2<Float>, item: Int32)

  /// Sorts from left to right and from below to above; chains equal points.
  private mutating func distinct(_ all: [Place]) -> [Place] {
    let sorted = all.sorted { ($0.place.x, $0.place.y, $0.item) < ($1.place.x, $1.place.y, $1.item) }
    var result: [Place] = []
    var last = 0
    for entry in sorted {
      if let first = result.last, first.place == entry.place {
        twins[last] = entry.item
      } else {
        result.append(entry)
      }
      last = Int(entry.item)
    }
    return result
  }

  /// Takes one hull after the other from the sorted places.
  private mutating func peel(_ all: [Place]) {
    var rest = all
    while !rest.isEmpty {
      let lower = Self.chain(rest, turning: 1), upper = Self.chain(rest, turning: -1)
      var isTaken = [Bool].fixed(rest.count, repeating: false)
      let start = places.count
      func take(_ index: Int) {
        isTaken[index] = true
        places.append(rest[index].place)
        items.append(rest[index].item)
      }
      for index in lower { take(index) }
      for index in upper.reversed() where !isTaken[index] { take(index) }
      let norm = places[start...].reduce(0.0) { largest, place in
        max(largest, withUnsafePointer(to: place) { Self.norm($0) })
      }
      layers.append(
        Layer(
          start: Int32(start), count: Int32(places.count - start), lowerCount: Int32(lower.count), norm: norm)
      )
      rest = zip(rest, isTaken).lazy.filter { !$1 }.map(\.0)
    }
  }

  private static func norm(_ place: UnsafePointer<SIMD2<Float>>) -> Double {
    place.withMemoryRebound(to: Float.self, capacity: 2) { DataPointsView.norm(of: $0, count: 2) }
  }

  /// The lower hull (turning left, 1) or the upper hull (right, -1) from left to right, points on edges included.
  private static func chain(_ sorted: [Place], turning: Int) -> [Int] {
    var chain: [Int] = []
    for (index, entry) in sorted.enumerated() {
      while chain.count >= 2,
        ExactSign.turn(
          sorted[chain[chain.count - 2]].place.wide, sorted[chain[chain.count - 1]].place.wide,
          entry.place.wide)
          == -turning
      {
        chain.removeLast()
      }
      chain.append(index)
    }
    return chain
  }
}

// MARK: - Queries

extension ConvexLayers {
  /// The points whose computed correlation with the query (x, y) may reach `bound`, ascending, and how many places were
  /// looked at.
  package func candidates(
    x: Float, y: Float, atLeast bound: Float, limits: CorrelationBound
  ) -> (points: [Int32], visited: Int) {
    let query = SIMD2(x, y)
    guard query.isFinite else { return (.ascending(twins.count), twins.count) }
    let norm = withUnsafePointer(to: query) { Self.norm($0) }
    var found = loose
    var visited = loose.count
    for layer in layers {
      // Not reaching this, a correlation is below the bound however it is computed.
      let limit = Double(bound) - limits.margin(norm, layer.norm)
      let isMet = walk(layer, query: query.wide, limit: limit, found: &found, visited: &visited)
      guard isMet else { break }
    }
    return (found.sorted(), visited)
  }

  /// Reports a layer's places that reach `limit`; false when there is none.
  private func walk(
    _ layer: Layer, query: SIMD2<Double>, limit: Double, found: inout [Int32], visited: inout Int
  ) -> Bool {
    let count = Int(layer.count), start = Int(layer.start)
    let extreme = extreme(of: layer, along: query, visited: &visited)
    // Around the layer values fall on both sides of the extreme point. The place that ends the first walk is not seen again.
    var ahead = 0
    while ahead < count {
      visited += 1
      guard report(start + (extreme + ahead) % count, query, limit, &found) else { break }
      ahead += 1
    }
    var back = 1
    while ahead > 0, ahead + back < count {
      visited += 1
      guard report(start + (extreme + count - back) % count, query, limit, &found) else { break }
      back += 1
    }
    return ahead > 0
  }

  /// Appends the items at a place if they may reach the limit.
  private func report(_ place: Int, _ query: SIMD2<Double>, _ limit: Double, _ found: inout [Int32]) -> Bool {
    let point = places[place].wide
    // A limit that is not a number excludes nothing.
    guard !(query.x * point.x + query.y * point.y < limit) else { return false }
    var item = items[place]
    while item >= 0 {
      found.append(item)
      item = twins[Int(item)]
    }
    return true
  }

  /// The position in the layer of a place with the largest inner product with `query`.
  ///
  /// Along the upper chain, for a query that looks up, the edges first go along the query and then against it; along the
  /// lower chain for one that looks down or level. Complexity: O(log count).
  private func extreme(of layer: Layer, along query: SIMD2<Double>, visited: inout Int) -> Int {
    let count = Int(layer.count), lower = Int(layer.lowerCount), isUp = query.y > 0
    func position(_ k: Int) -> Int {
      guard isUp else { return k }
      return k == 0 ? 0 : count - k >= lower ? count - k : lower - 1
    }
    func place(_ k: Int) -> SIMD2<Double> { places[Int(layer.start) + position(k)].wide }
    // The upper chain: the leftmost place, those behind the lower chain in reverse, the rightmost.
    var (low, high) = (0, isUp ? min(count - lower + 1, count - 1) : lower - 1)
    while low < high {
      let middle = (low + high) / 2
      visited += 1
      if ExactSign.advance(query, from: place(middle), to: place(middle + 1)) > 0 {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return position(low)
  }

  /// Checks that layers hold each other and turn to the left. Complexity: O(n log n), and O(n) a layer.
  package func checkInvariants(of points: DataPoints) {
    var seen = Set(loose)
    for first in items {
      var item = first
      while item >= 0 {
        precondition(seen.insert(item).inserted, "item \(item) has two places")
        item = twins[Int(item)]
      }
    }
    precondition(seen.count == points.count)
    for layer in layers {
      let start = Int(layer.start), count = Int(layer.count)
      for k in 0..<count {
        let (a, b) = (places[start + k].wide, places[start + (k + 1) % count].wide)
        precondition(
          count < 3 || places[start...].allSatisfy { ExactSign.turn(a, b, $0.wide) >= 0 },
          "a place lies outside a layer that should hold it")
      }
    }
  }
}
