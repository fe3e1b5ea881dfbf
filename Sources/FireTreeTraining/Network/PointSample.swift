import FireTreeCore
import RealModule

/// Some data points that stand for all of them in a sum over points such as a kernel's quadratic form, with weights.
///
/// A point of size K_ii is drawn with a probability proportional to it and gets the inverse as its weight, so that few large
/// points are not missed; points that would be drawn for certain are taken, with weight 1. For equal sizes that is a sample of
/// equal weights, n over its number. Draws are spread: one from each of as many equal parts of the sum of all sizes, at a place by
/// the generator, so that data in any order, a periodic one too, is sampled fairly. (Cochran: Sampling Techniques, 1977, sections 8
/// and 9A.) The same sample for the same sizes, everywhere.
package struct PointSample: Sendable, Equatable {
  /// Ascending; points of size 0 are never among them.
  package private(set) var points: [Int] = []
  /// Weight of each, the number of points that it stands for.
  package private(set) var weights: [Double] = []
  /// Of each, how often it was drawn; 0 for those that were taken for certain.
  private(set) var draws: [Int] = []
  /// Draws, and the points that they were from.
  private var (drawn, drawnFrom) = (0, 0)

  /// The stream of `CounterGenerator` that places are drawn from, a row a draw.
  static let stream: UInt32 = 5

  /// At most `count` of the points with these `sizes`, finite and at least 0; all, with weight 1, when there are no more.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: O(n), some times.
  package init(of sizes: [Double], atMost count: Int) throws(FireTreeError) {
    let occupied = sizes.lazy.filter { $0 > 0 }.count
    let room = min(occupied, count)
    try points.makeRoom(for: room)
    try weights.makeRoom(for: room)
    try draws.makeRoom(for: room)
    guard occupied > count else {
      for point in sizes.indices where sizes[point] > 0 { append(point, weight: 1, draws: 0) }
      return
    }
    let bound = Self.bound(of: sizes, drawing: count)
    draw(count - sizes.lazy.filter { $0 >= bound }.count, from: sizes, below: bound)
  }

  /// The size from which on points are certain: the part of the sum of the others that one draw stands for.
  private static func bound(of sizes: [Double], drawing count: Int) -> Double {
    var bound = Double.infinity
    while true {
      var (sum, certain) = (0.0, 0)
      for size in sizes {
        if size < bound { sum += size } else { certain += 1 }
      }
      let next = sum / Double(count - certain)
      // Points that become certain lower what one draw stands for; it never rises. All others are below it at the end.
      guard certain < count, next < bound, sizes.contains(where: { $0 >= next && $0 < bound }) else {
        return bound
      }
      bound = next
    }
  }

  private mutating func draw(_ count: Int, from sizes: [Double], below bound: Double) {
    let part = sizes.lazy.filter { $0 < bound }.reduce(0, +) / Double(max(count, 1))
    let generator = CounterGenerator(seed: 0, stream: Self.stream)
    func place(_ draw: Int) -> Double {
      (Double(draw) + (Double(generator.words(row: draw, block: 0)[0]) + 0.5) * 0x1p-32) * part
    }
    var (sum, next) = (0.0, 0)
    for (point, size) in sizes.enumerated() where size > 0 {
      guard size < bound else {
        append(point, weight: 1, draws: 0)
        continue
      }
      sum += size
      drawnFrom += 1
      let first = next
      while next < count, place(next) < sum { next += 1 }
      guard next > first else { continue }
      append(point, weight: Double(next - first) * part / size, draws: next - first)
    }
    drawn = next
  }

  private mutating func append(_ point: Int, weight: Double, draws count: Int) {
    points.append(point)
    weights.append(weight)
    draws.append(count)
  }

  /// Whether every point that counts is there, with weight 1.
  package var isWhole: Bool { drawn == 0 }

  /// The relative standard error of the largest eigenvalue of the weighted sample, from its eigenvector v of norm 1.
  ///
  /// The eigenvalue is lambda v_i^2 for each unit of the weight of point i (first-order perturbation), so that its estimate
  /// is a sum over draws like any other: s draws of values z_k that add up to sum v_i^2 have the error sqrt(s var(z)), times
  /// sqrt(1 - s/n) as no point is drawn in vain. Draws that are spread do no worse. 0 for a whole sample.
  func relativeError(eigenvector: Matrix) -> Double {
    guard drawn > 1 else { return 0 }
    var (sum, squares) = (0.0, 0.0)
    for (row, count) in draws.enumerated() where count > 0 {
      let share = Double(eigenvector[row, 0]) * Double(eigenvector[row, 0])
      sum += share
      squares += share * share / Double(count)
    }
    let s = Double(drawn)
    let variance = max(0, squares - sum * sum / s) / (s - 1)
    return (s * variance * max(0, 1 - s / Double(drawnFrom))).squareRoot()
  }
}
