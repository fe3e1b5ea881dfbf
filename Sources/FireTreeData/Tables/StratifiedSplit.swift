import FireTreeCore

/// A data set cut in two at random, in each of which every class, or every part of the range of a number, has its share.
///
///     let split = try StratifiedSplit(of: target, holdingOut: 0.25, seed: 0)
///     let (training, heldOut) = (features.chosen(split.training), features.chosen(split.heldOut))
///
/// The same seed and target give the same split, everywhere.
public struct StratifiedSplit: Sendable, Equatable {
  /// Numbers of the points in each part, ascending.
  public let training: [Int]
  public let heldOut: [Int]

  /// Holds out this share of the points, at least one, rounded to the nearest number.
  ///
  /// Each class, and each twentieth of the points in the order of a number that is learned, gives its share, rounded; one point of
  /// each stays in training, so that there may be nothing to hold out. Throws a usage error when there is no memory for it.
  /// Precondition: a share above 0 and below 1. Complexity: O(n log n).
  public init(of target: Target, holdingOut share: Double, seed: UInt64) throws(FireTreeError) {
    precondition(share > 0 && share < 1, "a share of \(share) held out")
    let strata = try Strata(of: target)
    let count = max(1, Int((share * Double(target.count)).rounded()))
    let counts = strata.shares(of: count) { 0...($0 - 1) }
    heldOut = try strata.drawn(counts, CounterGenerator(seed: seed, stream: 7))
    var isHeldOut = try [Bool](allocating: target.count, repeating: false)
    for point in heldOut { isHeldOut[point] = true }
    var rest: [Int] = []
    try rest.makeRoom(for: target.count - heldOut.count)
    for point in isHeldOut.indices where !isHeldOut[point] { rest.append(point) }
    training = rest
  }

  /// At most `count` points, ascending, that stand for all: every class and part has its share, and one point at least where there are
  /// no more classes than that. All points where there are no more.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: O(n log n).
  public static func sample(of target: Target, atMost count: Int, seed: UInt64) throws(FireTreeError) -> [Int]
  {
    precondition(count >= 0, "a sample of \(count) points")
    let strata = try Strata(of: target)
    let least = strata.groups.count <= count ? 1 : 0
    let counts = strata.shares(of: min(count, target.count)) { min(least, $0)...$0 }
    return try strata.drawn(counts, CounterGenerator(seed: seed, stream: 6))
  }
}

/// Points in groups: by class, or by the order of a number.
private struct Strata {
  /// Numbers of the points in each; none is empty.
  private(set) var groups: [[Int]] = []

  /// Groups in the order of a number, and points in each at least.
  private static let (parts, leastPoints) = (20, 8)

  init(of target: Target) throws(FireTreeError) {
    switch target {
    case .classes(let names, let indices):
      var sizes = try [Int](allocating: names.count, repeating: 0)
      for index in indices { sizes[Int(index)] += 1 }
      groups = try Array(allocating: names.count, repeating: [])
      for (index, size) in sizes.enumerated() { try groups[index].makeRoom(for: size) }
      for (point, index) in indices.enumerated() { groups[Int(index)].append(point) }
      groups.removeAll(where: \.isEmpty)
    case .values(let values):
      try Memory.ask(for: 2 * values.count, of: Int.self)
      let order = values.indices.sorted {
        let isBelow = values[$0].isTotallyOrdered(belowOrEqualTo: values[$1])
        return isBelow && values[$1].isTotallyOrdered(belowOrEqualTo: values[$0]) ? $0 < $1 : isBelow
      }
      let tiles = Tiles(of: order.count, count: min(Self.parts, max(1, order.count / Self.leastPoints)))
      for tile in 0..<tiles.count { groups.append(Array(order[tiles[tile]])) }
    }
  }

  /// How many points of each group are among `count`: in proportion to its size, by largest remainder, within the bounds for a size.
  func shares(of count: Int, within bounds: (_ size: Int) -> ClosedRange<Int>) -> [Int] {
    let total = groups.reduce(0) { $0 + $1.count }
    var counts = groups.map { group in
      let range = bounds(group.count)
      return min(max(count * group.count / total, range.lowerBound), range.upperBound)
    }
    var missing = count - counts.reduce(0, +)
    // What a group is short of its share, first the largest.
    let byRemainder = groups.indices.sorted {
      let (a, b) = (count * groups[$0].count % total, count * groups[$1].count % total)
      return a == b ? $0 < $1 : a > b
    }
    while missing != 0 {
      let step = missing.signum()
      var isChanged = false
      for group in missing > 0 ? byRemainder : byRemainder.reversed()
      where missing != 0 && bounds(groups[group].count).contains(counts[group] + step) {
        counts[group] += step
        missing -= step
        isChanged = true
      }
      guard isChanged else { break }
    }
    return counts
  }

  /// So many points of each group, ascending: the first of a random order (Fisher, Yates 1938).
  func drawn(_ counts: [Int], _ generator: CounterGenerator) throws(FireTreeError) -> [Int] {
    var result: [Int] = []
    try result.makeRoom(for: counts.reduce(0, +))
    for (row, (group, count)) in zip(groups, counts).enumerated() {
      var points = group
      for k in 0..<count where count < points.count {
        let word = generator.words(row: row, block: UInt32(truncatingIfNeeded: k))[0]
        points.swapAt(k, k + Int((UInt64(word) * UInt64(points.count - k)) >> 32))
      }
      result += points[0..<count]
    }
    return result.sorted()
  }
}
