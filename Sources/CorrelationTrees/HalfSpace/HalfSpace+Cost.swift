import FireTreeCore

/// How much a search in a tree of balls is expected to leave open.
///
/// For N points of unit norm in all directions (of weights, divided by sqrt(d)) a ball that holds a share q of them has a
/// radius of about rho = min(1, q^(1/d)), and its centre lies about sqrt(1 - rho^2) from the origin. With w ~ N(0, I_d)
/// the correlation with the centre is normal with that deviation, and |w| rho about sqrt(d) rho. So the ball is open with
/// the probability that a standard normal exceeds (b - sqrt(d) rho) / sqrt(1 - rho^2), where b is exceeded by the share
/// of pairs that fires. As d grows rho tends to 1: everything is open.
struct BallModel {
  let dimension: Double
  let count: Double
  let leafSize: Double
  let levels: Int
  /// b.
  let threshold: Double

  init(count: Int, dimension: Int, share: Double) {
    self.dimension = Double(max(dimension, 1))
    self.count = Double(count)
    let size = BallTree.leafSize(dimension: dimension)
    leafSize = Double(size)
    levels = BallTree.levels(count: count, leafSize: size)
    threshold = NormalDistribution.threshold(firingShare: min(max(share, 1e-12), 1 - 1e-12), norms: [1])
  }

  /// P[a ball that holds this share of the items is open].
  func openShare(holding share: Double) -> Double {
    let radius = min(1, Powers.power(share, 1 / dimension))
    let spread = (1 - radius * radius).squareRoot()
    let distance = threshold - dimension.squareRoot() * radius
    return spread > 0 ? NormalDistribution.tail(distance / spread) : (distance > 0 ? 0 : 1)
  }

  /// Items that a query multiplies.
  var openItems: Double { count * openShare(holding: min(1, leafSize / max(count, 1))) }

  /// Balls that a query looks at: the root and the children of open ones.
  var openBalls: Double {
    (0..<levels).reduce(1.0) { sum, level in
      let nodes = Double(sign: .plus, exponent: level, significand: 1)
      return sum + 2 * nodes * openShare(holding: 1 / nodes)
    }
  }

  /// Passes over the items, each a distance or a product, that building takes.
  var passes: Double { 6 * Double(levels + 1) * count }
}

extension HalfSpaceData {
  /// Updates write nothing but weights.
  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    (0, 0)
  }

  public static func expectedProducts(
    of work: DetectorWork, neurons: Int, points: Int, dimension: Int, share: Double
  ) -> ExpectedProducts {
    let (m, n) = (Double(neurons), Double(points))
    let model = BallModel(count: points, dimension: dimension, share: share)
    switch work {
    case .updating: return ExpectedProducts(pairs: 0)
    case .building:
      // Layers hold about n^(1/3) points each in the plane.
      return ExpectedProducts(
        pairs: 0, pointVectors: dimension == 2 ? 8 * n * Powers.power(n, 2 / 3) : model.passes)
    case .querying:
      guard dimension != 2 else {
        return ExpectedProducts(pairs: 0, weightVectors: 24 * m * (1 + share * n))
      }
      return ExpectedProducts(pairs: m * model.openItems, weightVectors: m * model.openBalls)
    }
  }
}

extension HalfSpaceWeights {
  /// What is written are the balls above the updated weights.
  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    (0, 0)
  }

  public static func expectedProducts(
    of work: DetectorWork, neurons: Int, points: Int, dimension: Int, share: Double
  ) -> ExpectedProducts {
    let model = BallModel(count: neurons, dimension: dimension, share: share)
    switch work {
    case .building: return ExpectedProducts(pairs: 0, weightVectors: model.passes)
    case .updating(let updated):
      return ExpectedProducts(pairs: 0, weightVectors: updated * Double(model.levels + 1))
    case .querying:
      let n = Double(points)
      return ExpectedProducts(pairs: n * model.openItems, pointVectors: n * model.openBalls)
    }
  }
}
