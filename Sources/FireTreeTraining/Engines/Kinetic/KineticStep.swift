import CorrelationTrees
import FireTreeCore

/// Which neurons have to be looked at, and a look at one of them: see `KineticEngine`.
///
/// A step moves a neuron by sum_i c_i x_i over its support R, the points on which it has fired since its anchor, and so
/// the correlation with point j by sum_i c_i G_ij. By Cauchy-Schwarz, in the space of coefficients,
///
///     |s_j(t) - s_j(t1)| <= (P(t) - P(t1)) h_j,    P = sum over steps of |c|,    h_j^2 = sum over i in R of G_ij^2.
///
/// P is the neuron's *clock*, h_j the candidate's *reach*. A candidate that was computed at t1 keeps its state until the
/// clock passes its *limit*, P(t1) + |s_j(t1) - b| / h_j; a neuron whose clock has not come to the least of its limits
/// need not be looked at, whatever its pattern has done meanwhile. A point that joins the support widens all reaches
/// (`KineticStep.join`). The neuron itself moves by at most |c| times the square root of the largest eigenvalue of G over
/// R, for which stands its Frobenius norm; so the drift is measured only when the clock says that the skin may be spent.
///
/// Clocks take every candidate to approach the threshold as fast as the inequality allows. A look also finds how fast those
/// that it computes do, when the neuron goes on as in its last step, and so when the next look is due (`schedule`).
struct KineticStep {
  let gram: MatrixView
  /// a_r (m x C), a single output without padding, and the largest of them.
  let outputWeights: MatrixView
  let largestWeight: Float
  let impulses: KineticImpulses.View
  /// 1 / sqrt(m).
  let outputScale: Float
  let threshold: Float
  /// |x_i| (n), and the largest of them.
  let norms: UnsafePointer<Float>
  let largestNorm: Float
  /// Relative rounding of an inner product, so of an entry of G.
  let rounding: Float

  /// One unit of rounding, of two roundings in sequence.
  static let unit: Float = 0x1p-23
  /// Reaches are never less than this times the largest norm, so that what is left of a limit says how far it is.
  private static let leastReach: Float = 1e-3

  var usesVelocity: Bool { impulses.velocities != nil }

  /// a_r (C).
  func ownWeights(of neuron: Int) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(start: outputWeights.row(neuron), count: outputWeights.columns)
  }

  /// A limit for a candidate of this reach that is `distance` from the threshold.
  @inline(__always)
  private func limit(_ distance: Float, reach: Float, path: Double) -> Float {
    guard distance > 0 else { return -.infinity }
    return KineticNeuron.floatBelow(path + Double(distance / reach) * (1 - 1e-6))
  }

  /// Asks for a neuron that is about to be read, and its output weights.
  @inline(__always)
  func prefetch(_ neuron: Int, of neurons: KineticNeurons.View) {
    neurons.prefetch(neuron)
    Kernels.prefetch(outputWeights.row(neuron), count: outputWeights.columns)
  }

  // MARK: - A neuron as it is now

  /// The coefficients of the support as they are now into `workspace.terms.coefficients`, and what Gamma has in them into
  /// `workspace.shares`; returns the sum of the magnitudes of what they consist of.
  @inline(__always)
  func settle(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) -> Float {
    let (firing, support) = (Int(state.firing), Int(state.support))
    let (alpha, coefficients) = (list.plane(KineticPlane.alpha), workspace.terms.coefficients)
    var magnitude: Float
    if outputWeights.columns == 1 {
      magnitude = Kernels.settle(
        sums: impulses.sums.base, weight: outputWeights.row(neuron)[0] * -outputScale, points: list.points,
        alpha: alpha, firing: firing, support: support, shares: workspace.shares,
        coefficients: coefficients)
    } else {
      Kernels.shortProducts(
        outputWeights.row(neuron), with: impulses.sums, rows: list.points, count: firing,
        scale: -outputScale, into: workspace.shares)
      magnitude = Kernels.sumCoefficients(
        alpha: alpha, shares: workspace.shares, firing: firing, support: support, into: coefficients)
    }
    guard usesVelocity, state.carry != 0 else { return magnitude }
    let residue = list.plane(KineticPlane.residue)
    for k in 0..<support {
      let carried = state.carry * residue[k]
      coefficients[k] -= carried
      magnitude += abs(carried)
    }
    return magnitude
  }

  /// A bound of the error of a correlation that is computed from the anchor, per length of the point.
  ///
  /// Correlations are those of the anchor, with the rounding that they have, moved by products with the entries of G,
  /// with the rounding that these have. What is left is that of sums, of coefficients, and of what a decay has carried.
  @inline(__always)
  func error(_ magnitude: Float, _ state: KineticNeuron) -> Float {
    let decayed = !usesVelocity ? 0 : 2 / (1 - impulses.decay)
    // Of a single output a share is one product, and counted in the magnitude.
    let shares =
      outputWeights.columns == 1
      ? magnitude : largestWeight * outputScale * impulses.largestSum * Float(state.firing)
    let sums =
      (Float(state.support + 8) + decayed) * magnitude + Float(outputWeights.columns + 4) * shares
    return Self.unit * sums * largestNorm
  }

  /// What a pair's state depends on, and how far it may move before it has to be computed again: its distance from the
  /// threshold, less what rounding may have of it. A tie, which is nearer than that, has either state, and keeps the one it
  /// was found in until it has moved by as much again, but by no more than half of what an inner product near b may be
  /// rounded by.
  ///
  /// What adding the movement to the anchored correlation rounds is a part of the threshold, or else of the distance.
  @inline(__always)
  var pairs: Kernels.Pairs {
    Kernels.Pairs(
      gram: gram.base, stride: gram.stride, norms: norms, threshold: threshold,
      rounding: 2 * Self.unit * abs(threshold), tie: 0.25 * rounding * abs(threshold))
  }

  /// The same for a candidate that was computed as `s`; `error` is that of the neuron.
  @inline(__always)
  private func distance(_ s: Float, of point: UInt16, error: Float) -> Float {
    let pairs = pairs
    let rounding = error * norms[Int(point)] + pairs.rounding
    return max(abs(s - threshold) - rounding, min(rounding, pairs.tie))
  }

  /// |w - w(t0)|, and when it has to be measured again; false when the skin is spent.
  func measureDrift(
    _ list: CandidateLists.List, _ state: inout KineticNeuron, error: Float, _ workspace: KineticWorkspace
  ) -> Bool {
    let (support, coefficients) = (Int(state.support), workspace.terms.coefficients)
    Kernels.combineSymmetric(
      of: gram, list.points, coefficients: coefficients, count: support, into: workspace.values)
    var (square, size) = (0.0, 0.0)
    for k in 0..<support {
      square += Double(coefficients[k]) * Double(workspace.values[k])
      size += Double(abs(coefficients[k]) * largestNorm)
    }
    let relative = Double(Self.unit * Float(support + 8) + rounding)
    let drift = Float((max(square, 0) + 2 * relative * size * size).squareRoot() * (1 + 1e-6)) + error
    guard drift < state.skin else {
      let anchored = list.plane(KineticPlane.anchored)
      for k in 0..<support { workspace.values[k] += anchored[k] }
      return false
    }
    state.driftDue = limit(state.skin - drift, reach: speed(of: state), path: state.path)
    return true
  }

  /// How far a neuron moves at most while its clock moves by 1.
  @inline(__always)
  func speed(of state: KineticNeuron) -> Float {
    let inflation = 1 + Self.unit * Float(state.support + 16) + rounding
    return max(state.spread.squareRoot().squareRoot() * inflation, 1e-30)
  }

  /// Writes the coefficients that `settle` computed into the list of a neuron that is about to leave it, and those of its
  /// velocity into the workspace.
  func commit(
    _ list: CandidateLists.List, neuron: Int, _ state: KineticNeuron, _ workspace: KineticWorkspace
  ) {
    list.plane(KineticPlane.alpha).update(from: workspace.terms.coefficients, count: Int(state.support))
    gatherVelocity(list, state, workspace, neuron: neuron)
  }

  /// Makes the coefficients what they are now, without anything from Gamma, which is about to start anew.
  func rebase(
    _ list: CandidateLists.List, neuron: Int, _ neurons: KineticNeurons.View, _ workspace: KineticWorkspace
  ) {
    var (state, countdown) = (neurons[neuron].neuron, neurons.countdowns[neuron])
    _ = advance(&state, &countdown, list.points, neuron: neuron)
    let magnitude = settle(list, neuron: neuron, state, workspace)
    list.plane(KineticPlane.alpha).update(from: workspace.terms.coefficients, count: Int(state.support))
    if usesVelocity {
      let residue = list.plane(KineticPlane.residue)
      for k in 0..<Int(state.support) { residue[k] *= state.decay }
      rate(list, &state)
    }
    let rounded = error(magnitude, state) / max(largestNorm, 1e-30)
    state.path += Double(rounded)
    countdown.slack = KineticNeuron.floatBelow(Double(countdown.slack) - Double(rounded))
    state.room = countdown.slack
    (neurons[neuron].neuron, neurons.countdowns[neuron]) = (state, countdown)
  }

  // MARK: - Start

  /// Starts the clock of a neuron that has just been anchored: of its list the anchored correlations are known, the
  /// coefficients and residues.
  func start(
    _ list: CandidateLists.List, neuron: Int, _ state: inout KineticNeuron,
    _ countdown: inout KineticCountdown,
    _ workspace: KineticWorkspace
  ) {
    let (support, points) = (Int(state.support), list.points)
    let (limits, reaches) = (list.plane(KineticPlane.limit), list.plane(KineticPlane.reach))
    let (anchored, least) = (list.plane(KineticPlane.anchored), max(Self.leastReach * largestNorm, 1e-30))
    Kernels.squareSums(of: gram, points, terms: support, columns: points, count: list.count, into: reaches)
    state.path = 0
    state.spread = 0
    for k in 0..<support { state.spread += reaches[k] }
    state.driftDue = limit(state.skin, reach: speed(of: state), path: 0)
    let alpha = list.plane(KineticPlane.alpha)
    let error = error((0..<support).reduce(Float(0)) { $0 + 2 * abs(alpha[$1]) }, state)
    var first = Float.infinity
    for k in 0..<list.count {
      reaches[k] = max(reaches[k].squareRoot() * (1 + Self.unit * Float(support + 6)), least)
      limits[k] = limit(distance(anchored[k], of: points[k], error: error), reach: reaches[k], path: 0)
      first = min(first, limits[k])
    }
    rate(list, &state)
    schedule(
      &state, &countdown, least: first, length: length(of: state, points, neuron: neuron, workspace))
  }

  /// The length of the vector of residues, of which nothing has decayed yet.
  func rate(_ list: CandidateLists.List, _ state: inout KineticNeuron) {
    (state.decay, state.carry, state.residue) = (1, 0, 0)
    guard usesVelocity else { return }
    let residue = list.plane(KineticPlane.residue)
    var square = 0.0
    for k in 0..<Int(state.support) { square += Double(residue[k]) * Double(residue[k]) }
    state.residue = Float(square.squareRoot()) * (1 + 1e-6)
  }
}
