import CorrelationTrees
import FireTreeCore

/// The planes of a candidate in Gram space: s(t0), s, alpha and, with momentum, u, u(t0), beta (see `GramEngine`).
enum GramPlane {
  static let anchored = 0
  static let current = 1
  static let alpha = 2
  static let velocity = 3
  static let anchoredVelocity = 4
  static let beta = 5

  static func count(usesVelocity: Bool) -> Int { usesVelocity ? 6 : 3 }
}

/// A step of one neuron in Gram space: see `GramEngine` and `NeuronState`.
struct GramStep {
  let gram: MatrixView
  let gradient: PairGradient
  let optimizer: GradientDescent
  let threshold: Float
  /// |x_i| (n), and the largest of them.
  let norms: UnsafePointer<Float>
  let largestNorm: Float
  /// Relative rounding of an inner product, so of an entry of G.
  let rounding: Float
  let skins: SkinModel

  /// Working memory of one shard, for up to n points and a few more.
  struct Buffers {
    let rows: UnsafeMutablePointer<UnsafePointer<Float>>
    let positions: UnsafeMutablePointer<Int32>
    let coefficients: UnsafeMutablePointer<Float>
    let changes: UnsafeMutablePointer<Float>
  }

  /// One unit of rounding, of two roundings in sequence.
  private static let unit: Float = 0x1p-23

  /// Advances the near candidates of one neuron; false when it is at rest.
  @inline(__always)
  func advance(
    _ list: CandidateLists.List, neuron: Int, state: inout NeuronState, buffers: Buffers
  ) -> Bool {
    let current = list.plane(GramPlane.current)
    let near = Int(state.near)
    var firing = 0
    var magnitude: Float = 0
    for q in 0..<near where current[q] > threshold {
      let point = Int(list.points[q])
      let coefficient = gradient.coefficient(neuron: neuron, point: point)
      buffers.rows[firing] = gram.row(point)
      buffers.positions[firing] = Int32(q)
      buffers.coefficients[firing] = coefficient
      magnitude += abs(coefficient)
      firing += 1
    }
    if optimizer.usesVelocity {
      guard firing > 0 || isCarried(list, state) else { return false }
    } else {
      guard firing > 0 else { return false }
    }
    combine(list, range: 0..<near, terms: firing, buffers)
    if optimizer.usesVelocity {
      applyWithVelocity(list, state: &state, firing: firing, magnitude: magnitude, buffers)
    } else {
      applyPlain(list, state: &state, firing: firing, magnitude: magnitude, buffers)
    }
    state.nearDrift += state.stepLength
    accountForRounding(&state, firing: firing, magnitude: magnitude)
    return true
  }

  /// Adds to the bounds what rounding may have done in one step.
  ///
  /// A sum of `firing` products with entries of G, each within `rounding` |x_i| |x_j| of <x_i, x_j>, changes s and,
  /// with momentum, u, whose error is carried on; s, alpha and kappa are each rounded at their own size.
  @inline(__always)
  private func accountForRounding(_ state: inout NeuronState, firing: Int, magnitude: Float) {
    let (p, q) = optimizer.weightsOfGradientAndVelocity
    let (rate, mu) = (optimizer.learningRate, optimizer.momentum.coefficient)
    let sum = (Self.unit * Float(firing + 6) + rounding) * magnitude * largestNorm
    state.velocityError = mu * state.velocityError + sum + Self.unit * state.velocitySquared.squareRoot()
    state.betaMagnitude = mu * state.betaMagnitude + magnitude
    state.alphaMagnitude += rate * (p * magnitude + q * state.betaMagnitude)
    let carried = abs(state.kappa) * state.anchoredVelocitySquared.squareRoot()
    state.error +=
      Self.unit * (state.weightNorm + state.skin + 2 * state.alphaMagnitude * largestNorm + 2 * carried)
      + rate * (p * sum + q * state.velocityError)
  }

  /// `changes[q] = sum_t coefficients[t] rows[t][point of q]` for the candidates in `range`.
  @inline(__always)
  private func combine(_ list: CandidateLists.List, range: Range<Int>, terms: Int, _ buffers: Buffers) {
    let (rows, coefficients, changes, points) = (
      buffers.rows, buffers.coefficients, buffers.changes, list.points
    )
    var q = range.lowerBound
    let last = range.upperBound - 1
    // Four candidates at a time: four independent sums hide the latency of additions.
    while q <= last {
      let a = Int(points[q]), b = Int(points[min(q + 1, last)])
      let c = Int(points[min(q + 2, last)]), d = Int(points[min(q + 3, last)])
      var sum = SIMD4<Float>()
      for t in 0..<terms {
        let row = rows[t]
        sum += coefficients[t] * SIMD4(row[a], row[b], row[c], row[d])
      }
      UnsafeMutableRawPointer(changes + q).storeBytes(of: sum, as: SIMD4<Float>.self)
      q += 4
    }
  }

  @inline(__always)
  private func applyPlain(
    _ list: CandidateLists.List, state: inout NeuronState, firing: Int, magnitude: Float, _ buffers: Buffers
  ) {
    let rate = optimizer.learningRate
    let (current, alpha) = (list.plane(GramPlane.current), list.plane(GramPlane.alpha))
    var squared: Float = 0
    for t in 0..<firing {
      let q = Int(buffers.positions[t])
      alpha[q] -= rate * buffers.coefficients[t]
      squared += buffers.coefficients[t] * buffers.changes[q]
    }
    for q in 0..<Int(state.near) { current[q] -= rate * buffers.changes[q] }
    state.stepLength =
      rate * raised(squared, of: magnitude * magnitude * largestNorm * largestNorm, terms: firing)
  }

  @inline(__always)
  private func applyWithVelocity(
    _ list: CandidateLists.List, state: inout NeuronState, firing: Int, magnitude: Float, _ buffers: Buffers
  ) {
    let (rate, mu) = (optimizer.learningRate, optimizer.momentum.coefficient)
    let (p, q) = optimizer.weightsOfGradientAndVelocity
    let (current, alpha) = (list.plane(GramPlane.current), list.plane(GramPlane.alpha))
    let (velocity, beta) = (list.plane(GramPlane.velocity), list.plane(GramPlane.beta))
    // <g, g> and <g, v> with the old velocity, from the firing points.
    var (own, crossing) = (Float(0), Float(0))
    for t in 0..<firing {
      let k = Int(buffers.positions[t])
      own += buffers.coefficients[t] * buffers.changes[k]
      crossing += buffers.coefficients[t] * velocity[k]
    }
    for k in 0..<list.count { beta[k] *= mu }
    for t in 0..<firing {
      let k = Int(buffers.positions[t])
      beta[k] += buffers.coefficients[t]
      alpha[k] -= rate * p * buffers.coefficients[t]
    }
    for k in 0..<list.count { alpha[k] -= rate * q * beta[k] }
    state.decay *= mu
    state.kappa -= rate * q * state.decay
    for k in 0..<Int(state.near) {
      velocity[k] = mu * velocity[k] + buffers.changes[k]
      current[k] -= rate * (p * buffers.changes[k] + q * velocity[k])
    }
    // |v|^2 of the new velocity, then |p g + q v|^2.
    let reach = magnitude * largestNorm
    let speed = state.velocitySquared.squareRoot()
    let scale = (mu * speed + reach) * (mu * speed + reach)
    state.velocitySquared = square(
      raised(mu * mu * state.velocitySquared + 2 * mu * crossing + own, of: scale, terms: firing))
    let gradientWithVelocity = mu * crossing + own
    state.stepLength =
      rate
      * raised(
        p * p * own + 2 * p * q * gradientWithVelocity + q * q * state.velocitySquared, of: 4 * scale,
        terms: firing)
  }

  private func square(_ x: Float) -> Float { x * x }

  /// sqrt(x), raised by what rounding may have taken from x, a sum of so many terms of total size `scale`.
  @inline(__always)
  private func raised(_ x: Float, of scale: Float, terms: Int) -> Float {
    (max(x, 0) + Self.unit * Float(terms + 8) * scale).squareRoot()
  }

  /// Whether momentum still moves the neuron; a velocity below 1e-30 counts as none.
  private func isCarried(_ list: CandidateLists.List, _ state: NeuronState) -> Bool {
    if state.decay * state.anchoredVelocitySquared.squareRoot() >= 1e-30 { return true }
    let beta = list.plane(GramPlane.beta)
    return (0..<list.count).contains { abs(beta[$0]) >= 1e-30 }
  }
}

// MARK: - The near candidates

extension GramStep {
  /// Whether the near candidates must be chosen anew before the next step.
  @inline(__always)
  func needsLook(_ state: NeuronState) -> Bool { !(state.nearDrift + state.error <= state.nearSkin) }

  /// Looks through the whole list: computes the correlations of the far candidates and chooses the near ones anew.
  ///
  /// Returns false when the neuron must be anchored instead. Complexity: O(support times count).
  func look(_ list: CandidateLists.List, state: inout NeuronState, buffers: Buffers) -> Bool {
    let (current, anchored, alpha) = (
      list.plane(GramPlane.current), list.plane(GramPlane.anchored), list.plane(GramPlane.alpha)
    )
    let near = Int(state.near)
    let support = combineFar(list, plane: GramPlane.alpha, near: near, buffers)
    for k in near..<list.count { current[k] = anchored[k] + buffers.changes[k] }
    var (squared, magnitude, firing) = (Float(0), Float(0), 0)
    if optimizer.usesVelocity {
      let anchoredVelocity = list.plane(GramPlane.anchoredVelocity)
      for k in near..<list.count { current[k] += state.kappa * anchoredVelocity[k] }
      for k in 0..<list.count { squared += state.kappa * alpha[k] * anchoredVelocity[k] }
      squared += state.kappa * state.kappa * state.anchoredVelocitySquared
      magnitude = abs(state.kappa) * state.anchoredVelocitySquared.squareRoot() / max(largestNorm, 1e-30)
      _ = combineFar(list, plane: GramPlane.beta, near: near, buffers)
      let velocity = list.plane(GramPlane.velocity)
      for k in near..<list.count { velocity[k] = state.decay * anchoredVelocity[k] + buffers.changes[k] }
      state.velocityError += Self.unit * Float(support + 8) * state.betaMagnitude * largestNorm
    }
    for k in 0..<list.count {
      squared += alpha[k] * (current[k] - anchored[k])
      magnitude += abs(alpha[k])
      if current[k] > threshold { firing += 1 }
    }
    let reach = magnitude * largestNorm
    let drift =
      (max(squared, 0) + reach
      * (2 * state.error + Self.unit * (2 * state.weightNorm + Float(list.count + 8) * reach))).squareRoot()
    // The far correlations are sums of their own, with their own rounding.
    state.error += Self.unit * (state.weightNorm + Float(support + 8) * reach)
    let wanted = skins.nearSkin(
      firing: firing, support: support, count: list.count, stepLength: state.stepLength)
    let skin = min(wanted, state.skin - drift)
    guard skin > state.error + 1.5 * state.stepLength, state.error < NeuronState.largestError else {
      return false
    }
    list.chooseNear(&state, skin: skin, threshold: threshold, norms: norms)
    return true
  }

  /// `changes[q] = sum_i plane_i G_(i, j)` over the far candidates; returns the number of terms.
  private func combineFar(_ list: CandidateLists.List, plane: Int, near: Int, _ buffers: Buffers) -> Int {
    let values = list.plane(plane)
    var terms = 0
    for k in 0..<list.count where values[k] != 0 {
      buffers.rows[terms] = gram.row(Int(list.points[k]))
      buffers.coefficients[terms] = values[k]
      terms += 1
    }
    combine(list, range: near..<list.count, terms: terms, buffers)
    return terms
  }
}

extension CandidateLists.List {
  /// The candidates within `skin` of firing become the near ones.
  @inline(__always)
  func chooseNear(
    _ state: inout NeuronState, skin: Float, threshold: Float, norms: UnsafePointer<Float>
  ) {
    let current = plane(GramPlane.current)
    let points = points
    state.near = Int32(partition { current[$0] + skin * norms[Int(points[$0])] > threshold })
    state.nearSkin = skin
    state.nearDrift = 0
  }
}
