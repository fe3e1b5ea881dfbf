import FireTreeCore

/// What the steps of kinetic training have done at the outputs: their sum Gamma, the last ones, and with momentum the
/// velocity V (n x C each; learning rate and momentum included).
///
/// A neuron that has fired on point i in all steps since t0 has moved its coefficient of i by
/// -<a_r, Gamma_i(t) - Gamma_i(t0)> / sqrt(m), and has the velocity <a_r, V_i> / sqrt(m) along it. So what neurons have in
/// common is kept once. Sums are doubles; shards read them as floats, a single output without padding.
struct KineticImpulses: Sendable {
  let points: Int
  let outputs: Int
  let usesVelocity: Bool
  private let stride: Int
  private var sum: [Double]
  private var velocity: [Double]
  /// As floats (1 x n stride).
  private var sums: Matrix
  private var velocities: Matrix
  private var history: StepHistory
  /// What a velocity that is left alone keeps in the last step.
  private var decay: Float = 0
  /// max_i sum_c |Gamma_ic|.
  private var largestSum: Float = 0

  /// Throws a usage error when there is no memory for them.
  init(points: Int, outputs: Int, usesVelocity: Bool) throws(FireTreeError) {
    (self.points, self.outputs, self.usesVelocity) = (points, outputs, usesVelocity)
    stride = Self.stride(outputs: outputs)
    sum = try [Double](allocating: points * outputs, repeating: 0)
    velocity = try [Double](allocating: usesVelocity ? sum.count : 0, repeating: 0)
    sums = try Matrix(allocating: 1, by: points * stride)
    velocities = try Matrix(allocating: 1, by: usesVelocity ? points * stride : 0)
    history = try StepHistory(points: points, outputs: outputs, stride: stride)
  }

  /// Steps since the start.
  var now: Int { history.now }

  private static func stride(outputs: Int) -> Int { outputs == 1 ? 1 : Matrix.stride(columns: outputs) }

  /// Bytes held for so many points and outputs.
  static func requiredMemory(points: Int, outputs: Int) -> ByteCount {
    ByteCount(16 * outputs + 8 * stride(outputs: outputs)) * points
      + StepHistory.requiredMemory(points: points, stride: stride(outputs: outputs))
  }

  /// A step along `gradient` (n x C).
  mutating func add(gradient: MatrixView, rule: UpdateRule) {
    let (rate, mu) = (Double(rule.rate), Double(rule.momentum.coefficient))
    let (p, q) = rule.weightsOfGradientAndVelocity
    (decay, largestSum) = (Float(mu), 0)
    let (outputs, stride, usesVelocity) = (outputs, stride, usesVelocity)
    var steps = [Float].fixed(sum.count, repeating: 0)
    sums.withMutableView { sums in
      velocities.withMutableView { velocities in
        for i in 0..<points {
          var size = 0.0
          for c in 0..<outputs {
            let (position, g) = (i * outputs + c, Double(gradient[i, c]))
            var step = Double(p) * g
            if usesVelocity {
              velocity[position] = mu * velocity[position] + g
              step += Double(q) * velocity[position]
              velocities[0, i * stride + c] = Float(velocity[position])
            }
            step *= rate
            sum[position] += step
            sums[0, i * stride + c] = Float(sum[position])
            steps[position] = Float(step)
            size += abs(sum[position])
          }
          largestSum = max(largestSum, Float(size))
        }
      }
    }
    history.append(steps, decay: decay, carry: rule.rate * q)
  }

  /// Forgets the sum: coefficients have taken it up.
  mutating func startAnew() {
    for position in sum.indices { sum[position] = 0 }
    sums.withMutableView { $0.fill(0) }
    largestSum = 0
  }

  /// What shards read, valid during a call (n x C each).
  struct View {
    let sums: MatrixView
    /// nil without momentum.
    let velocities: MatrixView?
    let history: StepHistory.View
    let decay: Float
    let largestSum: Float
  }

  func withView<Result>(_ body: (View) -> Result) -> Result {
    Matrix.withViews(sums, velocities) { sums, velocities in
      history.withView { history in
        let rows = { (flat: MatrixView) in
          MatrixView(base: flat.base, rows: points, columns: outputs, stride: stride)
        }
        return body(
          View(
            sums: rows(sums), velocities: usesVelocity ? rows(velocities) : nil, history: history,
            decay: decay, largestSum: largestSum))
      }
    }
  }
}
