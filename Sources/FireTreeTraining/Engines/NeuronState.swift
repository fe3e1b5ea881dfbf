import CorrelationTrees
import FireTreeCore
import RealModule

/// What a candidate engine keeps of a neuron besides its candidates.
struct NeuronState: Sendable {
  /// How far the weight may drift from its anchor before points outside the list could fire.
  var skin: Float = 0
  /// |w_r - w_r(t0)|, rounding included.
  var drift: Float = 0
  /// An upper bound of |s - <w_r, x>| / |x| over the candidates: what rounding has done since the anchor.
  var error: Float = 0
  /// |w_r(t0)|.
  var weightNorm: Float = 0
  /// |v_r(t0)|^2, and v_r = decay v_r(t0) + ..., w_r = w_r(t0) + kappa v_r(t0) + ...
  var velocitySquared: Float = 0
  var decay: Float = 1
  var kappa: Float = 0
  /// Steps since the anchor.
  var age: Int32 = 0

  /// Whether the certificate no longer holds. The bound on `error` keeps tracked correlations close to exact ones.
  var isExpired: Bool { !(drift + error <= skin) || error > 1e-3 }
}

/// The choice of a neuron's skin.
///
/// A wide skin makes long lists, a narrow one frequent anchoring. With k firing points, hazard rate beta of the normal
/// distribution at the threshold and drift rate q, a skin sigma costs per step about
///
///     A exp(beta sigma) + B q / sigma,      A = sweep cost of k candidates, B = cost of anchoring once,
///
/// which is convex; the minimum is where A beta sigma^2 exp(beta sigma) = B q.
struct SkinModel: Sendable {
  /// Nanoseconds to anchor a neuron, to advance a candidate, and for a firing point to act on a candidate.
  let anchorCost: Float
  let candidateCost: Float
  let pairCost: Float
  /// The growth of the number of candidates with the skin, relative: the hazard rate of N(0, 1) at b, about b + 1 / b.
  let growth: Float

  init(points: DataPoints, threshold: Float, pairCost: Float) {
    // A product runs at about 80 flops a nanosecond and core.
    anchorCost = 2 * Float(points.storedElements) / 80 + 4 * Float(points.dimension)
    candidateCost = 4
    self.pairCost = pairCost
    growth = max(threshold, 0) + 1 / max(threshold, 0.5)
  }

  /// The skin of least cost for a neuron that fires on `firing` points and drifts by `rate` a step.
  func skin(firing: Int, rate: Float) -> Float {
    let sweep = Float(max(firing, 1)) * (candidateCost + pairCost * Float(firing)) * growth
    let target = anchorCost * max(rate, 1e-7) / sweep
    // sigma^2 exp(growth sigma) = target, by bisection in the logarithm of sigma.
    var (low, high) = (Float(1e-4), Float(4))
    for _ in 0..<12 {
      let middle = (low * high).squareRoot()
      if middle * middle * Float.exp(growth * middle) < target { low = middle } else { high = middle }
    }
    return (low * high).squareRoot()
  }

  /// The skin before anything is known of a neuron's drift.
  static let initial: Float = 0.15
}
