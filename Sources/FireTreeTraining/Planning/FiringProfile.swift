import CorrelationTrees
import FireTreeCore

/// How much of a network fires before it is trained: what the cost of an engine depends on besides its sizes.
///
/// Let k_r be the number of points on which neuron r fires, of n. Real points lie together, so neurons fire on many of
/// them or on none: E k_r^2 is then larger, and fewer neurons fire at all, than if pairs fired independently.
public struct FiringProfile: Sendable, Equatable {
  /// E k_r / n, the share of pairs that fire.
  public var share: Double
  /// E k_r^2 / n^2.
  public var squaredShare: Double
  /// P[k_r > 0], the share of neurons that fire somewhere.
  public var activeShare: Double

  public init(share: Double, squaredShare: Double, activeShare: Double) {
    self.share = share
    self.squaredShare = squaredShare
    self.activeShare = activeShare
  }

  /// How many of so many points a neuron fires on, on average over pairs that fire: E k_r^2 / E k_r.
  func companions(points: Int) -> Double { share > 0 ? squaredShare / share * Double(points) : 0 }

  /// The profile of a network that fires on nothing.
  public static let silent = FiringProfile(share: 0, squaredShare: 0, activeShare: 0)

  /// The profile of pairs that fire independently with probability `share`, over `points` points.
  public init(independent share: Double, points: Int) {
    let n = Double(max(points, 1))
    self.init(
      share: share, squaredShare: share * share + share * (1 - share) / n,
      activeShare: 1 - Self.power(1 - share, n))
  }

  /// The profile of `neurons` random neurons, w ~ N(0, I_d), on `points` at threshold b.
  ///
  /// Estimated from at most 512 neurons (fewer for a narrow network, so that the estimate costs a small part of a dense
  /// pass) and at most 1,024 points, in blocks at equal distances. The sample is the same at
  /// every call. Complexity: at most 2^19 inner products, as matrix products.
  public init(points: DataPoints, threshold: Float, neurons: Int, workers: Workers) {
    guard points.count > 0, points.dimension > 0 else {
      self = .silent
      return
    }
    let affordable = max(16, (1 << 22) / points.dimension)
    let blocks = Self.blocks(of: points.count)
    // Few points need many neurons to say anything.
    let count = min(max(32, neurons / 16, (1 << 14) / points.count), 512, affordable)
    let firing = Self.firingCounts(
      neurons: count, points: points, blocks: blocks, threshold: threshold, workers: workers)
    self.init(
      counts: firing, sample: Double(blocks.reduce(0) { $0 + $1.count }), points: Double(points.count))
  }

  /// All points in tiles, or sixteen blocks of 64.
  private static func blocks(of points: Int) -> [Range<Int>] {
    let tiles = Tiles(of: points, size: points <= 1024 ? 256 : 64)
    guard points > 1024 else { return (0..<tiles.count).map { tiles[$0] } }
    // The last tile may be a short one.
    return (0..<16).map { tiles[$0 * (tiles.count - 1) / 16] }
  }

  /// From k_r on a sample of the points.
  ///
  /// Pairs of different points fire together as often on all points as on the sample:
  /// E k (k - 1) / (n (n - 1)) is the same for both.
  private init(counts: [Int], sample: Double, points: Double) {
    let neurons = Double(counts.count)
    let sum = counts.reduce(0.0) { $0 + Double($1) }
    let together = counts.reduce(0.0) { $0 + Double($1) * Double($1 - 1) }
    share = sum / (neurons * sample)
    let pairs = sample > 1 ? together / (neurons * sample * (sample - 1)) : 0
    squaredShare = pairs * (1 - 1 / points) + share / points
    activeShare = Double(counts.count { $0 > 0 }) / neurons
  }

  /// k_r of so many random neurons on the blocks.
  private static func firingCounts(
    neurons: Int, points: DataPoints, blocks: [Range<Int>], threshold: Float, workers: Workers
  ) -> [Int] {
    let generator = CounterGenerator(seed: 0, stream: 3)
    return workers.array(over: Tiles(of: neurons, size: 64)) { tile, counts in
      Scratch.withMatrix(rows: tile.count, columns: points.dimension) { weights in
        for (slot, neuron) in tile.enumerated() {
          generator.normals(row: neuron, into: weights.row(slot), count: points.dimension)
        }
        Scratch.withMatrix(rows: weights.rows, columns: blocks.map(\.count).max() ?? 0) { scratch in
          for block in blocks {
            let result = scratch.columns(0..<block.count)
            points.correlate(weights.view, points: block, into: result)
            for r in 0..<result.rows {
              let row = result.row(r)
              counts[r] += (0..<result.columns).count { row[$0] > threshold }
            }
          }
        }
      }
    }
  }

  /// x^y for x in [0, 1] and whole y, by squaring.
  static func power(_ x: Double, _ y: Double) -> Double {
    var (result, square, rest) = (1.0, x, y)
    while rest >= 1 {
      if rest.truncatingRemainder(dividingBy: 2) >= 1 { result *= square }
      square *= square
      rest = (rest / 2).rounded(.down)
    }
    return result
  }
}
