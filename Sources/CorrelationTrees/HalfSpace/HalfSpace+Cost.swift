import FireTreeCore
import RealModule

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
    let radius = min(1, Double.pow(share, 1 / dimension))
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

/// What a search takes beside inner products, fitted to measured queries.
private enum HalfSpaceCost {
  /// No number is stored that a query could look at or an update write. But a reported pair goes from its leaf into the
  /// order of neurons, which takes as long as so many looks.
  static let reportedPair = 9.0
  /// A product with the few vectors of a leaf, in products of whole tiles.
  static let narrowness = 2.2
  /// A place on a convex layer, in products with single vectors.
  static let place = 5.0

  static func accesses(
    neurons: Int, points: Int, share: Double
  ) -> (visited: Double, written: Double) {
    (reportedPair * share * Double(neurons) * Double(points), 0)
  }
}

extension HalfSpaceData {
  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    HalfSpaceCost.accesses(neurons: neurons, points: points, share: share)
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
        pairs: 0, pointVectors: dimension == 2 ? 8 * n * Double.pow(n, 2 / 3) : model.passes)
    case .querying:
      guard dimension != 2 else {
        return ExpectedProducts(pairs: 0, weightVectors: HalfSpaceCost.place * m * (1 + share * n))
      }
      return ExpectedProducts(
        pairs: HalfSpaceCost.narrowness * m * model.openItems, weightVectors: m * model.openBalls)
    }
  }
}

extension HalfSpaceWeights {
  public static func expectedAccesses(
    neurons: Int, points: Int, share: Double, updated: Double
  ) -> (visited: Double, written: Double) {
    HalfSpaceCost.accesses(neurons: neurons, points: points, share: share)
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
      return ExpectedProducts(
        pairs: HalfSpaceCost.narrowness * n * model.openItems, pointVectors: n * model.openBalls)
    }
  }
}
