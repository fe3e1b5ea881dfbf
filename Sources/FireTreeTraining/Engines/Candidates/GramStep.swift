import CorrelationTrees
import FireTreeCore

/// The planes of a candidate in Gram space (see `GramEngine`). Candidates of the support have alpha where the others
/// have their ceiling, and with momentum beta; those of all have s(t0) and u(t0).
enum GramPlane {
  static let ceiling = CandidatePlane.ceiling
  static let alpha = CandidatePlane.ceiling
  static let current = CandidatePlane.current
  static let anchored = 2
  static let beta = 3
  static let anchoredVelocity = 4

  static func count(usesVelocity: Bool) -> Int { usesVelocity ? 5 : 3 }
}

/// What momentum adds to a neuron's certificate in Gram space: v_r = decay v_r(t0) + ..., w_r = w_r(t0) + kappa
/// v_r(t0) + ...
struct MomentumState: Sendable {
  /// An upper bound of |v_r(t0)|.
  var anchoredNorm: Float = 0
  var decay: Float = 1
  var kappa: Float = 0
  /// Upper bounds of |u - <v_r(t0), x>| / |x| for the anchored u, and of sum |beta|, the anchored part included.
  var error: Float = 0
  var betaMagnitude: Float = 0
}

/// A step of one neuron in Gram space: see `GramEngine` and `Certificate`.
struct GramStep {
  let gram: MatrixView
  /// a_r (m x C) and g_i (n x C).
  let outputWeights: MatrixView
  let outputGradient: MatrixView
  /// 1 / sqrt(m).
  let outputScale: Float
  let rule: UpdateRule
  let threshold: Float
  /// |x_i| (n), and the largest of them.
  let norms: UnsafePointer<Float>
  let largestNorm: Float
  /// Relative rounding of an inner product, so of an entry of G.
  let rounding: Float

  /// One unit of rounding, of two roundings in sequence.
  private static let unit: Float = 0x1p-23

  /// The first candidates of the list are those that have fired since the anchor, so all that have a coefficient and
  /// all that fire. Advances them by one step and brings the certificate up to date; false when the neuron is at rest.
  @inline(__always)
  func advance(
    _ list: CandidateLists.List, neuron: Int, certificate: inout Certificate,
    momentum: UnsafeMutablePointer<MomentumState>?, _ workspace: CandidateWorkspace
  ) -> Bool {
    let support = Int(certificate.support)
    guard
      var stepMagnitude = moveCoefficients(
        list, neuron: neuron, support: support, &certificate, momentum, workspace)
    else { return false }
    // s_j = s_j(t0) + kappa u_j(t0) + sum_i alpha_i G_ij for the support.
    Kernels.combineSymmetric(
      of: gram, list.points, coefficients: list.plane(GramPlane.alpha), count: support,
      into: workspace.changes)
    let kappa = momentum?.pointee.kappa ?? 0
    let alpha = list.plane(GramPlane.alpha)
    // |w(t+1) - w(t)|^2 and |w - w(t0)|^2, from what they do to the correlations of the points they consist of.
    var squares = (step: Float(0), drift: Float(0))
    if let momentum, kappa != 0 {
      let anchoredVelocity = list.plane(GramPlane.anchoredVelocity)
      for k in 0..<support { workspace.changes[k] += kappa * anchoredVelocity[k] }
      let kappaStep =
        rule.rate * rule.weightsOfGradientAndVelocity.1 * momentum.pointee.decay
      let squared = momentum.pointee.anchoredNorm * momentum.pointee.anchoredNorm
      for k in 0..<support {
        squares.drift += kappa * alpha[k] * anchoredVelocity[k]
        squares.step -= kappaStep * workspace.steps[k] * anchoredVelocity[k]
      }
      squares.drift += kappa * kappa * squared
      squares.step += kappaStep * kappaStep * squared
      stepMagnitude += kappaStep * momentum.pointee.anchoredNorm / max(largestNorm, 1e-30)
    }
    Kernels.advanceCurrent(
      list.plane(GramPlane.current), anchored: list.plane(GramPlane.anchored), changes: workspace.changes,
      steps: workspace.steps, alpha: alpha, count: support, squares: &squares)
    certify(&certificate, momentum, squares: squares, stepMagnitude: stepMagnitude)
    return true
  }

  /// Computes the correlations of the other candidates whose ceilings are too high, and takes those that fire into
  /// the support. Returns how many were computed.
  @inline(__always)
  func lookAtUncertain(
    _ list: CandidateLists.List, certificate: inout Certificate,
    momentum: UnsafeMutablePointer<MomentumState>?, _ workspace: CandidateWorkspace
  ) -> Int {
    let support = Int(certificate.support)
    let count = Kernels.selectUncertain(
      ceilings: list.plane(GramPlane.ceiling) + support, points: list.points + support, norms: norms,
      count: list.count - support, reach: certificate.reach, largestNorm: largestNorm, threshold: threshold,
      into: workspace.positions)
    guard count > 0 else { return 0 }
    for t in 0..<count {
      workspace.positions[t] += UInt16(truncatingIfNeeded: support)
      workspace.columns[t] = list.points[Int(workspace.positions[t])]
    }
    combine(workspace.columns, count: count, list, terms: support, workspace)
    let kappa = momentum?.pointee.kappa ?? 0
    let (current, anchored, ceiling) = (
      list.plane(GramPlane.current), list.plane(GramPlane.anchored), list.plane(GramPlane.ceiling)
    )
    var next = support
    // Positions ascend, so what is exchanged with the end of the support has been dealt with.
    for t in 0..<count {
      let position = Int(workspace.positions[t])
      var s = anchored[position] + workspace.changes[t]
      if kappa != 0 { s += kappa * list.plane(GramPlane.anchoredVelocity)[position] }
      ceiling[position] = s - certificate.path * norms[Int(list.points[position])]
      if s > threshold {
        current[position] = s
        list.plane(GramPlane.alpha)[position] = 0
        list.exchange(position, next)
        next += 1
      }
    }
    certificate.support = Int32(next)
    return count
  }

  /// `changes[q] = sum_t alpha_t G[point t, columns[q]]` over the first `terms` candidates.
  @inline(__always)
  private func combine(
    _ columns: UnsafePointer<UInt16>, count: Int, _ list: CandidateLists.List, terms: Int,
    _ workspace: CandidateWorkspace
  ) {
    Kernels.multiplyRows(
      of: gram, columns, count: count, columns: list.points, coefficients: list.plane(GramPlane.alpha),
      terms: terms, into: workspace.changes)
  }

  /// Raises the step's length and the drift by what rounding may have taken from their squares.
  @inline(__always)
  private func certify(
    _ certificate: inout Certificate, _ momentum: UnsafeMutablePointer<MomentumState>?,
    squares: (step: Float, drift: Float), stepMagnitude: Float
  ) {
    let carried = momentum.map { abs($0.pointee.kappa) * ($0.pointee.anchoredNorm + $0.pointee.error) } ?? 0
    let reach = certificate.alphaMagnitude * largestNorm + carried
    // Sums over the support with entries of G, each within `rounding` of <x_i, x_j>, and the sums that take them up.
    let relative = Self.unit * Float(certificate.support + 8) + rounding
    let sum = relative * reach + (momentum.map { abs($0.pointee.kappa) * $0.pointee.error } ?? 0)
    let correlation = Self.unit * (certificate.weightNorm + certificate.skin + reach)
    let step = stepMagnitude * largestNorm * (1 + relative)
    let length = (max(squares.step, 0) + step * (4 * (sum + correlation) + relative * step)).squareRoot()
    certificate.step(by: min(length, step))
    certificate.drift = (max(squares.drift, 0) + 2 * reach * (sum + relative * reach)).squareRoot()
    // What transforms have rounded is in the anchored correlations, and so the same in every number that is compared here.
    certificate.error = rounding * (certificate.weightNorm + 1) + sum + correlation
  }
}

// MARK: - Coefficients

extension GramStep {
  /// alpha of the support after the step, with its changes in `workspace.steps`; returns the sum of their magnitudes, nil
  /// when the neuron is at rest.
  ///
  /// gamma_i = <a_r, g_i> / sqrt(m) for the points that fire.
  @inline(__always)
  private func moveCoefficients(
    _ list: CandidateLists.List, neuron: Int, support: Int, _ certificate: inout Certificate,
    _ momentum: UnsafeMutablePointer<MomentumState>?, _ workspace: CandidateWorkspace
  ) -> Float? {
    Kernels.shortProducts(
      outputWeights.row(neuron), with: outputGradient, rows: list.points, count: support, scale: outputScale,
      into: workspace.coefficients)
    guard let momentum else {
      let magnitude = Kernels.stepCoefficients(
        where: list.plane(GramPlane.current), above: threshold, gradients: workspace.coefficients,
        count: support, rate: rule.rate, steps: workspace.steps,
        alpha: list.plane(GramPlane.alpha))
      certificate.alphaMagnitude += magnitude
      return magnitude > 0 ? magnitude : nil
    }
    return moveCoefficients(list, support: support, &certificate, momentum, workspace)
  }

  private func moveCoefficients(
    _ list: CandidateLists.List, support: Int, _ certificate: inout Certificate,
    _ momentum: UnsafeMutablePointer<MomentumState>, _ workspace: CandidateWorkspace
  ) -> Float? {
    let current = list.plane(GramPlane.current)
    var magnitude: Float = 0
    for k in 0..<support {
      let gamma = current[k] > threshold ? workspace.coefficients[k] : 0
      workspace.coefficients[k] = gamma
      magnitude += abs(gamma)
    }
    guard magnitude > 0 || momentum.pointee.betaMagnitude > 1e-30 else { return nil }
    let (alpha, beta) = (list.plane(GramPlane.alpha), list.plane(GramPlane.beta))
    let (rate, mu) = (rule.rate, rule.momentum.coefficient)
    let (p, q) = rule.weightsOfGradientAndVelocity
    var stepMagnitude: Float = 0
    for k in 0..<support {
      beta[k] = mu * beta[k] + workspace.coefficients[k]
      workspace.steps[k] = -rate * (p * workspace.coefficients[k] + q * beta[k])
      alpha[k] += workspace.steps[k]
      stepMagnitude += abs(workspace.steps[k])
    }
    momentum.pointee.decay *= mu
    momentum.pointee.kappa -= rate * q * momentum.pointee.decay
    momentum.pointee.betaMagnitude = mu * momentum.pointee.betaMagnitude + magnitude
    certificate.alphaMagnitude += rate * (p * magnitude + q * momentum.pointee.betaMagnitude)
    return stepMagnitude
  }

  /// The planes of a list that has just been anchored, of which the other planes are 0: the candidates that fire come
  /// first. With momentum `terms` coefficients of v(t0) are in `workspace.rows` and `workspace.coefficients`.
  func start(
    _ list: CandidateLists.List, certificate: inout Certificate,
    momentum: UnsafeMutablePointer<MomentumState>?, terms: Int, _ workspace: CandidateWorkspace
  ) {
    let current = list.plane(GramPlane.current)
    list.plane(GramPlane.anchored).update(from: current, count: list.count)
    var next = 0
    for k in 0..<list.count where current[k] > threshold {
      list.plane(GramPlane.alpha)[k] = 0
      list.exchange(k, next)
      next += 1
    }
    certificate.support = Int32(next)
    guard let momentum else { return }
    // u_j(t0) = sum_i beta_i(t0) G_ij
    Kernels.multiplyRows(
      of: gram, list.points, count: list.count, columns: workspace.rows, coefficients: workspace.coefficients,
      terms: terms, into: list.plane(GramPlane.anchoredVelocity))
    var magnitude: Float = 0
    for t in 0..<terms { magnitude += abs(workspace.coefficients[t]) }
    momentum.pointee = MomentumState(
      anchoredNorm: velocityNorm(terms: terms, magnitude: magnitude, workspace), decay: 1, kappa: 0,
      error: (Self.unit * Float(terms + 6) + rounding) * magnitude * largestNorm, betaMagnitude: magnitude)
  }

  /// An upper bound of |v(t0)|.
  private func velocityNorm(terms: Int, magnitude: Float, _ workspace: CandidateWorkspace) -> Float {
    Kernels.multiplyRows(
      of: gram, workspace.rows, count: terms, columns: workspace.rows, coefficients: workspace.coefficients,
      terms: terms, into: workspace.changes)
    var squared: Float = 0
    for t in 0..<terms { squared += workspace.coefficients[t] * workspace.changes[t] }
    let scale = magnitude * largestNorm
    return (max(squared, 0) + (2 * Self.unit * Float(terms + 8) + rounding) * scale * scale).squareRoot()
  }
}
