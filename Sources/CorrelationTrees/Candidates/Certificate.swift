/// What says that no pair outside a neuron's candidate list fires, and which candidates need not be looked at.
///
/// The list (see `CandidateLists`) is good while the drift D_r = |w_r - w_r(t0)| is within the skin. Inside it the same
/// inequality is used candidate by candidate: with P the length of the neuron's path, its steps' lengths added up,
///
///     s_j(t) <= s_j(t1) + (P(t) - P(t1)) |x_j|,
///
/// so a candidate whose correlation was last computed at t1 cannot fire while its ceiling s_j(t1) - P(t1) |x_j| lies
/// below b - P(t) |x_j|. Those above are computed afresh from the anchor, so rounding does not add up over steps.
package struct Certificate: Sendable {
  package var skin: Float = 0.1
  /// An upper bound of the drift since the anchor.
  package var drift: Float = 0
  /// P, raised by what rounding of the sum may have taken.
  package var path: Float = 0
  /// An upper bound of the length of the last step.
  package var stepLength: Float = 0
  /// An upper bound of |s - <w_r, x>| / |x| for computed correlations.
  package var error: Float = 0
  /// |w_r(t0)|.
  package var weightNorm: Float = 0
  /// An upper bound of sum |alpha| (see `GramEngine` in FireTreeTraining).
  package var alphaMagnitude: Float = 0
  /// Candidates that have fired since the anchor: the first of the list (see `GramEngine` in FireTreeTraining).
  package var support: Int32 = 0

  package init() {}

  /// Whether the list covers everything that fires now.
  @inline(__always)
  package var holds: Bool { drift <= skin }

  /// What a ceiling is compared with the threshold at: P with every rounding.
  @inline(__always)
  package var reach: Float { path + 2 * error }

  /// The path goes on by a step of at most this length.
  @inline(__always)
  package mutating func step(by length: Float) {
    stepLength = length
    path = (path + length) * (1 + 0x1p-22)
  }

  /// The certificate of a neuron that has just been anchored.
  package mutating func renew(weightNorm: Float, error: Float) {
    self.weightNorm = weightNorm
    self.error = error
    (drift, path, alphaMagnitude, support) = (0, 0, 0, 0)
  }
}
