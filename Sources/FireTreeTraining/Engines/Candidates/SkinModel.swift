import CorrelationTrees
import FireTreeCore
import RealModule

/// What says that no pair outside a neuron's candidate list fires, and which candidates need not be looked at.
///
/// The list (see `CandidateLists`) is good while the drift D_r = |w_r - w_r(t0)| is within the skin. Inside it the same
/// inequality is used candidate by candidate: with P the length of the neuron's path, its steps' lengths added up,
///
///     s_j(t) <= s_j(t1) + (P(t) - P(t1)) |x_j|,
///
/// so a candidate whose correlation was last computed at t1 cannot fire while its ceiling s_j(t1) - P(t1) |x_j| lies
/// below b - P(t) |x_j|. Those above are computed afresh from the anchor, so rounding does not add up over steps.
struct Certificate: Sendable {
  var skin: Float = 0.1
  /// An upper bound of the drift since the anchor.
  var drift: Float = 0
  /// P, raised by what rounding of the sum may have taken.
  var path: Float = 0
  /// An upper bound of the length of the last step.
  var stepLength: Float = 0
  /// An upper bound of |s - <w_r, x>| / |x| for computed correlations.
  var error: Float = 0
  /// |w_r(t0)|.
  var weightNorm: Float = 0
  /// An upper bound of sum |alpha| (see `GramEngine`).
  var alphaMagnitude: Float = 0
  /// Candidates that have fired since the anchor: the first of the list (see `GramEngine`).
  var support: Int32 = 0

  /// Whether the list covers everything that fires now.
  @inline(__always)
  var holds: Bool { drift <= skin }

  /// What a ceiling is compared with the threshold at: P with every rounding.
  @inline(__always)
  var reach: Float { path + 2 * error }

  /// The path goes on by a step of at most this length.
  @inline(__always)
  mutating func step(by length: Float) {
    stepLength = length
    path = (path + length) * (1 + 0x1p-22)
  }

  /// The certificate of a neuron that has just been anchored.
  mutating func renew(weightNorm: Float, error: Float) {
    self.weightNorm = weightNorm
    self.error = error
    (drift, path, alphaMagnitude, support) = (0, 0, 0, 0)
  }
}

/// The choice of a neuron's skin.
///
/// A wide skin makes long lists, a narrow one frequent anchors. Near the threshold the density of correlations falls by
/// the hazard rate beta of the normal distribution, so k firing points make about k exp(beta sigma) candidates at the
/// skin sigma, which a step of length q uses up after sigma / q steps. With A the cost of comparing the ceilings of
/// the k candidates at skin 0 and B that of an anchor, a step costs
///
///     A exp(beta sigma) + B q / sigma,
///
/// convex with its minimum where sigma^2 exp(beta sigma) = B q / (A beta). The step length q is the neuron's last, so
/// the skin follows the drift that is seen: steps become shorter as training goes on.
package struct SkinModel: Sendable {
  /// Nanoseconds to anchor a neuron, and to compare the ceiling of a candidate.
  package let anchorCost: Float
  package let candidateCost: Float
  /// beta.
  private let growth: Float
  private let stretch: Float
  /// Lists of about four times the candidates of skin 0.
  package static let defaultStretch: Float = 1.4
  /// For tests: every skin is this one.
  package var fixed: Float?
  /// How many points a neuron of normal weights fires on, times their mean length.
  private let expectedFiring: Float

  /// `stretch` bounds the skins that are chosen: a list has at most exp(`stretch`) times the candidates of skin 0.
  package init(
    points: DataPoints, threshold: Float, candidateCost: Float = 1, stretch: Float = defaultStretch
  ) {
    (self.candidateCost, self.stretch) = (candidateCost, stretch)
    // A matrix product runs at about 80 flops a nanosecond and core.
    anchorCost = 2 * Float(points.storedElements) / 80 + 4 * Float(points.dimension)
    growth = max(threshold, 0) + 1 / max(threshold, 0.5)
    let norms = points.norms()
    expectedFiring =
      norms.reduce(0, +) * Float(NormalDistribution.firingShare(threshold: Double(threshold), norms: norms))
  }

  /// The skin of a neuron that fires on `firing` points and moves by `stepLength` a step: never less than two steps.
  package func skin(firing: Int, stepLength: Float) -> Float {
    if let fixed { return fixed }
    let k = Float(max(firing, 1))
    return max(
      min(solve(anchorCost * stepLength / (candidateCost * k * growth)), stretch / growth),
      2 * stepLength)
  }

  /// What steps of length `stepLength` cost at `skin`, in nanoseconds a step. For tests.
  package func cost(skin: Float, firing: Int, stepLength: Float) -> Float {
    let k = Float(max(firing, 1))
    return candidateCost * k * Float.exp(growth * skin) + anchorCost * stepLength / skin
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

  /// The skin before anything is known of a neuron's steps: what training is expected to move it by altogether, when it
  /// converges in a few steps. Gradients at the outputs are taken to be about 1 and to pull the same way at first. A
  /// learning rate that is not known yet (0) will be 1 / the largest eigenvalue of the tangent kernel; that is about a
  /// fortieth of the number of points that a neuron fires on, on images. `steps` is how often that step is expected to be
  /// repeated.
  func initial(network: Network, optimizer: GradientDescent, steps: Float = 6) -> Float {
    if let fixed { return fixed }
    let pull = network.outputWeights.largestMagnitude * network.outputScale
    let first = pull * (optimizer.learningRate > 0 ? optimizer.learningRate * expectedFiring : 40)
    return min(max(steps * first, 0.02), stretch / growth)
  }
}
