import CorrelationTrees
import FireTreeCore
import RealModule

/// What the Gram engine keeps of a neuron besides its candidates.
///
/// Two certificates stand one inside the other. The outer one is that of `CandidateLists`: no point outside the list
/// fires while the drift since the anchor is within `skin`. The inner one says the same of the list itself: the first
/// `near` candidates are followed every step, and none of the others fires while the drift since the last look at
/// them is within `nearSkin`. Looking at them again takes no weight, only the Gram matrix.
struct NeuronState: Sendable {
  /// How far the weight may drift from its anchor.
  var skin: Float = 0
  /// How far it may drift from where the list was last looked through, and how far it has, step lengths added up.
  var nearSkin: Float = 0
  var nearDrift: Float = 0
  /// Length of the last step.
  var stepLength: Float = 0
  /// An upper bound of |s - <w_r, x>| / |x| over the candidates: what rounding has done since the anchor.
  var error: Float = 0
  /// The same bound for u = <v_r, x>, and upper bounds of sum |alpha| and sum |beta| (see `GramEngine`).
  var velocityError: Float = 0
  var alphaMagnitude: Float = 0
  var betaMagnitude: Float = 0
  /// |w_r(t0)|.
  var weightNorm: Float = 0
  /// |v_r|^2 now, and at the anchor; v_r = decay v_r(t0) + ..., w_r = w_r(t0) + kappa v_r(t0) + ...
  var velocitySquared: Float = 0
  var anchoredVelocitySquared: Float = 0
  var decay: Float = 1
  var kappa: Float = 0
  /// Candidates that are followed every step: the first of the list.
  var near: Int32 = 0

  /// Rounding beyond this forces an anchor, so that tracked correlations stay close to exact ones.
  static let largestError: Float = 1e-3
}

/// The choice of a neuron's two skins.
///
/// A wide skin makes many candidates, a narrow one frequent renewal. With k firing points and the hazard rate beta of
/// the normal distribution at the threshold, a skin sigma costs per step about
///
///     A exp(beta sigma) + B q / sigma
///
/// where A is the cost of the candidates at skin 0, B that of one renewal, and q the length of a step. This is convex
/// with its minimum where sigma^2 exp(beta sigma) = B q / (A beta). For the near candidates a renewal looks through the
/// list; for the list it anchors the neuron, and the candidates' cost is that of looking them through.
struct SkinModel: Sendable {
  /// Nanoseconds to anchor a neuron, to follow a candidate, and for a firing point to act on a candidate.
  private let anchorCost: Float
  private let candidateCost: Float = 3
  private let pairCost: Float = 1
  private let growth: Float

  init(points: DataPoints, threshold: Float) {
    // A matrix product runs at about 80 flops a nanosecond and core.
    anchorCost = 2 * Float(points.storedElements) / 80 + 4 * Float(points.dimension)
    growth = max(threshold, 0) + 1 / max(threshold, 0.5)
  }

  /// The near skin of a neuron that fires on `firing` points and has `count` candidates, `support` of which have moved
  /// it, for steps of length `stepLength`.
  func nearSkin(firing: Int, support: Int, count: Int, stepLength: Float) -> Float {
    let k = Float(max(firing, 1))
    let renewal = Float(count) * (candidateCost + pairCost * Float(support)) + 50
    return solve(renewal * stepLength / (k * (candidateCost + pairCost * k) * growth))
  }

  /// The skin of a neuron that fires on `firing` points, whose list is looked through every `nearSkin` of drift: at
  /// least twice that, as the near certificate stands inside this one.
  func skin(firing: Int, nearSkin: Float) -> Float {
    let k = Float(max(firing, 1))
    let sweep = k * (candidateCost + pairCost * k) * growth
    // Candidates also cost memory: not more than about four times those at skin 0.
    return max(min(solve(anchorCost * nearSkin / sweep), 1.4 / growth), 2 * nearSkin)
  }

  /// sigma with sigma^2 exp(growth sigma) = target, to a few per cent, by bisection of its logarithm.
  private func solve(_ target: Float) -> Float {
    var (low, high) = (Float(1e-4), Float(4))
    for _ in 0..<9 {
      let middle = (low * high).squareRoot()
      if middle * middle * Float.exp(growth * middle) < target { low = middle } else { high = middle }
    }
    return (low * high).squareRoot()
  }

  /// The near skin before anything is known of a neuron's steps.
  static let initial: Float = 0.05
}
