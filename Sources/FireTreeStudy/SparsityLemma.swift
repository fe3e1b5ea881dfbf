import FireTree
import RealModule

/// How many pairs can fire while no weight is far from where it started.
///
/// Lemma. Let w_r(0) ~ N(0, I_d) be independent and |w_r(t) - w_r(0)| <= R for every r. Pair (r, i) fires at t only if
/// <w_r(0), x_i> > b - R |x_i|. So at most 2 m P_i neurons fire on point i, P_i = P[N(0, 1) > b / |x_i| - R], for all n
/// points at once with a probability of at least 1 - sum_i exp(-m P_i / 3).
///
/// Proof. <w_r(t), x_i> <= <w_r(0), x_i> + R |x_i| by Cauchy-Schwarz, which is the first part. For one i the events
/// <w_r(0), x_i> > b - R |x_i| are independent of probability P_i, so Chernoff's bound gives the second.
///
/// For points of norm 1 and R <= 1/b, exp(-(b - R)^2 / 2) <= e exp(-b^2 / 2): the share that fires keeps its order,
/// m^(-1/5) at b = sqrt(0.4 ln m). That is the radius up to which the analyses of arXiv 2211.14227 and 2110.04622
/// count on sparsity; the lemma stands there as sparsity after initialization and during training.
public enum SparsityLemma {
  /// 1 / b, how far a weight may move; infinite for b <= 0, where nothing is sparse.
  public static func radius(threshold: Float) -> Double {
    threshold > 0 ? 1 / Double(threshold) : .infinity
  }

  /// The mean of P_i over points of these norms: the share of pairs that is expected to be able to fire after no weight
  /// has moved by more than `movement`. Complexity: O(n).
  public static func share(threshold: Float, norms: [Float], movement: Double) -> Double {
    let sum = norms.reduce(0.0) { sum, norm in
      let norm = Double(norm)
      guard norm > 0 else { return sum + (threshold < 0 ? 1 : 0) }
      return sum + NormalDistribution.tail(Double(threshold) / norm - movement)
    }
    return sum / Double(max(norms.count, 1))
  }

  /// The bound of exp(-m P / 3) for all points on the chance that some point has more than twice its share.
  public static func failureProbability(
    threshold: Float, norms: [Float], movement: Double, neurons: Int
  ) -> Double {
    min(
      1,
      norms.reduce(0.0) { sum, norm in
        let share = Self.share(threshold: threshold, norms: [norm], movement: movement)
        return sum + Double.exp(-Double(neurons) * share / 3)
      })
  }
}
