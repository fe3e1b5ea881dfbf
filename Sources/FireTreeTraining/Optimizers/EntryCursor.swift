import FireTreeCore

/// Goes through the entries of a row of combinations, ascending.
struct EntryCursor {
  private let shard: PointCombinations.Shard
  private var rest: Range<Int>

  init(_ shard: PointCombinations.Shard, row: Int) {
    (self.shard, rest) = (shard, shard.entries(of: row))
  }

  /// That of the next entry; the largest number after the last.
  var point: Int { rest.isEmpty ? .max : Int(shard.points[rest.lowerBound]) }

  /// The coefficient of the next entry, which is passed, when it belongs to `point`; else 0.
  mutating func take(_ point: Int) -> Float {
    guard self.point == point else { return 0 }
    defer { rest = rest.dropFirst() }
    return shard.coefficients[rest.lowerBound]
  }
}
