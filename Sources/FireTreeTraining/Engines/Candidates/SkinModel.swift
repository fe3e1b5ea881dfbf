import CorrelationTrees
import FireTreeCore
import RealModule

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

  /// The skin before anything is known of a neuron's steps: what training by steps of `rule` is expected to move it by
  /// altogether, when it converges in a few steps. Gradients at the outputs are taken to be about 1 and to pull the same
  /// way at first. `steps` is how often that step is expected to be repeated. Shapes: `outputWeights` m x C.
  func initial(outputWeights: Matrix, rule: UpdateRule, steps: Float = 6) -> Float {
    if let fixed { return fixed }
    let pull = outputWeights.largestMagnitude * Network.outputScale(neurons: outputWeights.rows)
    return min(max(steps * pull * rule.rate * expectedFiring, 0.02), stretch / growth)
  }
}
