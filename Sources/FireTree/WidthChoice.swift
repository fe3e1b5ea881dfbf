/// The choice of a width, so that nobody has to make it: the smallest of 1, 2 and 5 times powers of ten at which ridge regression on
/// the tangent kernel of the network's start has an error within one standard error of that on the limit kernel.
///
/// By leave-one-out on at most 1,000 of the points that tuning looks at, with the tuned threshold, constant and ridge. Of widths that
/// training can afford: a number of operations bounds them, not seconds, so that the same data and seed give the same width
/// everywhere. Where none is wide enough the largest is taken.
public struct WidthChoice: Sendable, Equatable {
  /// m.
  public let neurons: Int
  /// The error at that width, and that of the limit kernel.
  public let error: ErrorEstimate
  public let limit: ErrorEstimate
  /// Whether the error is within one standard error of the limit's.
  public let isWideEnough: Bool

  public static let pointsAtMost = 1_000
  /// n m (d + 100) is at most this.
  static let mostOperations = 2e11
  static let smallest = 100

  /// 1, 2 and 5 times powers of ten from `smallest` on, as far as `points` of `dimension` inputs can afford; one at least.
  static func widths(points: Int, dimension: Int) -> [Int] {
    let most = mostOperations / (Double(max(points, 1)) * (Double(dimension) + 100))
    var (widths, unit): ([Int], Int) = ([smallest], smallest)
    while true {
      for factor in [1, 2, 5] where unit * factor > smallest {
        guard Double(unit * factor) <= most, unit * factor <= 1_000_000_000 else { return widths }
        widths.append(unit * factor)
      }
      unit *= 10
    }
  }

  /// For networks of `configuration` on `points`, of which there are `total` in the training; `targets` are theirs (n x C).
  ///
  /// Throws a usage error when there is no memory for it, a failure where the limit kernel has no regression with this ridge.
  /// Complexity: 2 n m d flops for the width m, with the at most `pointsAtMost` points, and a regression for each width.
  init(
    points: DataPoints, targets: Matrix, total: Int, threshold: Float, ridge: Double,
    distribution: InitialWeights.Distribution, configuration: TrainingConfiguration
  ) throws(FireTreeError) {
    let workers = configuration.workers
    func error(_ kernel: LimitKernel) throws(FireTreeError) -> ErrorEstimate? {
      try RidgePath(of: kernel, targets: targets, ridge: ridge > 0 ? ridge : nil).best?.error
    }
    guard let limit = try error(LimitKernel(points: points, threshold: threshold, workers: workers)) else {
      throw .failure("the ridge \(ridge) leaves the limit kernel not positive definite within rounding")
    }
    let widths = Self.widths(points: total, dimension: points.dimension)
    let initial = InitialWeights(
      seed: configuration.seed, rows: widths.last ?? Self.smallest, columns: points.dimension,
      distribution: distribution, start: configuration.start)
    var kernel = try FiniteKernel(initial, points: points, threshold: threshold, workers: workers)
    var (found, isWideEnough): ((Int, ErrorEstimate)?, Bool) = (nil, false)
    for width in widths where !isWideEnough {
      try kernel.grow(to: width)
      guard let own = try error(kernel.kernel()) else { continue }
      found = (width, own)
      isWideEnough = own.mean <= limit.mean + limit.standardError
    }
    (neurons, self.error) = found ?? (widths.last ?? Self.smallest, limit)
    (self.limit, self.isWideEnough) = (limit, isWideEnough)
  }

  /// One line.
  var note: String {
    "neurons: \(neurons) (leave-one-out error \(Float(error.mean)), that of the limit kernel \(Float(limit.mean)) +- "
      + "\(Float(limit.standardError))\(isWideEnough ? "" : "; wider ones would take too long"))"
  }
}
