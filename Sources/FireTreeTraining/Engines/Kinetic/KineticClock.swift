import FireTreeCore
import RealModule

/// The time of kinetic training: how far the gradients have carried every point since any recent step, and how far they
/// are going to.
///
/// With Gamma the sum of all steps' gradients at the outputs (n x C, learning rate and momentum included), a neuron's
/// coefficient of point i has moved by -<a_r, Gamma_i(t) - Gamma_i(t0)> / sqrt(m) since t0 if it fired on i all along
/// (see `KineticEngine`). Rather than to bound that movement by its speed, the clock foretells it. With the last step's
/// direction D = Gamma(t0) - Gamma(t0 - 1) and what it differs by from the one before, D',
///
///     Gamma(t) - Gamma(t0) = P D(t0) + Q D'(t0) + E,     P = t - t0,   Q = sum_{s <= P} sum_{u <= s} rho^u,
///
/// so the directions are expected to go on changing by a geometric sequence, as those of gradient descent do. A neuron
/// that is looked at in step t0 follows its correlations along P and Q, sign and all, and only E needs a bound: over the
/// points on which the neuron fires, sum_i |<a_r, E_i>| |x_i| / sqrt(m); or at most the sum of the k largest |E_i|, which
/// the clock knows for all neurons that fire on k points and were looked at in the same step.
///
/// Movement is followed at sixteen `ages`, with P and Q linear in between, so that what holds at two of them holds
/// between. Velocities that a neuron keeps from before a change of its pattern decay by themselves and are known exactly.
///
/// Complexity of a step: O(slots n C). Memory: 16 slots n C bytes.
struct KineticClock: Sendable {
  /// Classes of numbers of points, for which sums of the largest errors are kept: a neuron's is rounded up.
  static let classCount = 16
  static let ageCount = 16
  /// The bit of a bin whose neuron has watched candidates.
  static let watched: UInt16 = 1 << 15

  /// Steps that are remembered, two more than the greatest age: a slot is empty before it is used again.
  let slots: Int
  let points: Int
  /// Floats from point to point.
  let stride: Int
  let usesVelocity: Bool
  /// Ages at which neurons' movements are foretold, ascending, less than `slots`.
  let ages: [Int]
  /// |x_i| (n).
  private let norms: [Float]
  /// Whether the largest |E_ic| over outputs bounds |<a_r, E_i>|, rather than their sum; and the factor.
  private let errorBound: (byLargest: Bool, factor: Float)
  /// 1 / sqrt(m).
  private let outputScale: Float
  private let classSizes: [Int]
  private let classes: [UInt8]
  private let workers: Workers

  /// Steps since the start.
  private(set) var now = 0
  /// Gamma, the velocities' sum and the last step, exact enough to be the truth (n x stride).
  private var impulse: [Double]
  private var velocity: [Double]
  private var step: [Double]
  /// Gamma(t), D(t), D'(t) and E, a row of n x stride for each slot; the velocity now.
  private var impulses: Matrix
  private var directions: Matrix
  private var turns: Matrix
  private var residuals: Matrix
  private var velocities: Matrix
  /// By slot and age: Q (slots x 16). By slot: what is left of a velocity of that time, and how far it has carried since.
  private var turning: Matrix
  private var decay: [Float]
  private var carry: [Float]
  /// By slot: age. By slot and class: bounds of the error now.
  private var slotAges: [UInt8]
  private var errors: [Float]
  /// P, Q and the carry at the ages, for neurons that are looked at now (3 x 16); the errors to expect (classes x 16).
  private var times = Matrix(rows: 3, columns: Self.ageCount)
  private var expected = Matrix(rows: Self.classCount, columns: Self.ageCount)
  /// Mean age, in steps, of the neurons that were looked at.
  private(set) var usualAge = 2.0
  private var lastOptimizer: GradientDescent?

  init(points: DataPoints, norms: [Float], outputWeights: Matrix, usesVelocity: Bool, workers: Workers) {
    let outputs = outputWeights.columns
    self.points = points.count
    stride = Self.stride(outputs: outputs)
    slots = Self.slots(points: points.count, outputs: outputs)
    ages = Self.ages(upTo: slots - 2)
    self.usesVelocity = usesVelocity
    self.norms = norms
    self.workers = workers
    outputScale = 1 / Float(outputWeights.rows).squareRoot()
    errorBound = Self.errorBound(outputWeights)
    let sizes =
      ([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256].map { min($0, points.count) }
        + [points.count])
    classSizes = sizes
    classes = (0...points.count).map { firing in UInt8(sizes.firstIndex { $0 >= firing } ?? 0) }
    let floats = points.count * stride
    impulse = [Double](repeating: 0, count: floats)
    step = impulse
    velocity = [Double](repeating: 0, count: usesVelocity ? floats : 0)
    impulses = Matrix(rows: slots, columns: floats)
    (directions, turns, residuals) = (impulses, impulses, impulses)
    velocities = Matrix(rows: 1, columns: usesVelocity ? floats : 0)
    turning = Matrix(rows: slots, columns: Self.ageCount)
    decay = [Float](repeating: 1, count: slots)
    carry = [Float](repeating: 0, count: slots)
    slotAges = [UInt8](repeating: 0, count: slots)
    errors = [Float](repeating: 0, count: slots * Self.classCount)
  }

  private static func stride(outputs: Int) -> Int { outputs == 1 ? 1 : Matrix.stride(columns: outputs) }

  private static func slots(points: Int, outputs: Int) -> Int {
    max(18, min(66, (1 << 20) / max(points * stride(outputs: outputs), 1)))
  }

  /// One by one at first, then ever farther apart.
  private static func ages(upTo last: Int) -> [Int] {
    var ages = Array(1...8)
    for k in 1...8 {
      ages.append(max(ages[ages.count - 1] + 1, Int(8 * Double.pow(Double(last) / 8, Double(k) / 8))))
    }
    return ages.map { min($0, last) }
  }

  private static func errorBound(_ outputWeights: Matrix) -> (byLargest: Bool, factor: Float) {
    outputWeights.withView { view in
      var (most, largest) = (Float(0), Float(0))
      for r in 0..<view.rows {
        var sum: Float = 0
        for c in 0..<view.columns {
          sum += abs(view[r, c])
          largest = max(largest, abs(view[r, c]))
        }
        most = max(most, sum)
      }
      return most <= largest ? (true, most) : (false, largest)
    }
  }

  /// Bytes that the clock will hold.
  static func requiredMemory(points: Int, outputs: Int) -> ByteCount {
    ByteCount(16 * slots(points: points, outputs: outputs) + 24) * points * stride(outputs: outputs)
  }

  // MARK: - Time goes on

  /// The step from `now` to `now + 1` along `gradient` (n x C).
  mutating func tick(gradient: MatrixView, optimizer: GradientDescent) {
    let (rate, mu) = (Double(optimizer.learningRate), Double(optimizer.momentum.coefficient))
    let (p, q) = optimizer.weightsOfGradientAndVelocity
    now += 1
    let slot = now % slots
    var turn = step
    for i in 0..<points {
      for c in 0..<gradient.columns {
        let (position, g) = (i * stride + c, Double(gradient[i, c]))
        var change = Double(p) * g
        if usesVelocity {
          velocity[position] = mu * velocity[position] + g
          change += Double(q) * velocity[position]
        }
        change *= rate
        impulse[position] += change
        turn[position] = change - step[position]
        step[position] = change
      }
    }
    let previousTurn = turns.row((now - 1) % slots)
    impulses.setRow(slot, to: impulse)
    directions.setRow(slot, to: step)
    turns.setRow(slot, to: turn)
    if usesVelocity { velocities.setRow(0, to: velocity) }
    for s in 0..<slots {
      decay[s] *= Float(mu)
      carry[s] += Float(rate) * q * decay[s]
      slotAges[s] = UInt8((slot - s + slots) % slots)
    }
    (decay[slot], carry[slot]) = (1, 0)
    setTimes(ratio: Self.ratio(turn, previousTurn), carryUnit: Float(rate) * q, decay: Float(mu), slot: slot)
    foretell(forgets: lastOptimizer.map { $0 != optimizer } ?? false)
    lastOptimizer = optimizer
  }

  /// By what factor directions' changes go on: <D', before> / <before, before>, at most 1 in magnitude.
  private static func ratio(_ turn: [Double], _ before: [Float]) -> Double {
    var (along, square) = (0.0, 0.0)
    for (k, value) in before.prefix(turn.count).enumerated() {
      along += turn[k] * Double(value)
      square += Double(value) * Double(value)
    }
    let ratio = along / square
    return ratio.isFinite ? max(-1, min(1, ratio)) : 0
  }

  private mutating func setTimes(ratio: Double, carryUnit: Float, decay: Float, slot: Int) {
    var (age, turned, power, left, carried) = (0, 0.0, 1.0, Float(1), Float(0))
    var q = 0.0
    for (k, target) in ages.enumerated() {
      while age < target {
        power *= ratio
        turned += power
        q += turned
        left *= decay
        carried += carryUnit * left
        age += 1
      }
      times[0, k] = Float(age)
      times[1, k] = Float(q)
      times[2, k] = carried
      turning[slot, k] = Float(q)
    }
  }

  /// Q of a slot at any age, linear between the `ages`.
  private func turned(slot: Int, age: Int) -> Float {
    guard let k = ages.firstIndex(where: { $0 >= age }) else { return 0 }
    let (before, value) = (k > 0 ? ages[k - 1] : 0, k > 0 ? turning[slot, k - 1] : 0)
    guard ages[k] > before else { return turning[slot, k] }
    return value + (turning[slot, k] - value) * Float(age - before) / Float(ages[k] - before)
  }

  /// E and its bounds for every slot. When the clock `forgets`, nothing that was foretold is good for anything.
  private mutating func foretell(forgets: Bool) {
    let (slot, slots, stride, points, norms) = (now % slots, slots, stride, points, norms)
    let turned = (0..<slots).map { self.turned(slot: $0, age: Int(slotAges[$0])) }
    let (scale, bound, classSizes, now) = (outputScale * 1.001, errorBound, classSizes, now)
    let (impulses, directions, turns) = (impulses, directions, turns)
    let sums = Matrix.withViews(impulses, directions, turns) { impulses, directions, turns in
      residuals.withMutableView { residuals in
        norms.withUnsafeBufferPointer { norms in
          workers.map(shards: slots) { s in
            // Of slots that have not been used yet there are no neurons.
            let age = (slot - s + slots) % slots
            guard age > 0, age <= now, let norms = norms.baseAddress else {
              return [Float](repeating: 0, count: Self.classCount)
            }
            return withUnsafeTemporaryAllocation(of: Float.self, capacity: points + 2 * Self.classCount) {
              guard let sizes = $0.baseAddress else { return [] }
              Kernels.residuals(
                impulses.row(slot), minus: impulses.row(s), direction: directions.row(s),
                change: turns.row(s),
                times: (Float(age), turned[s]), scale: scale, norms: norms, count: points, stride: stride,
                largest: bound.byLargest, into: residuals.row(s), sizes: sizes)
              return Self.largestSums(sizes, points: points, classSizes: classSizes, factor: bound.factor)
            }
          }
        }
      }
    }
    for (s, sums) in sums.enumerated() {
      for k in 0..<Self.classCount { errors[s * Self.classCount + k] = forgets ? .infinity : sums[k] }
    }
    for (k, age) in ages.enumerated() {
      for group in 0..<Self.classCount {
        expected[group, k] =
          age <= now ? errors[(slot - age + slots) % slots * Self.classCount + group] : .infinity
      }
    }
  }

  /// Bounds of the sums of the k largest sizes. For any cut c that sum is at most k c + sum_i max(v_i - c, 0), and equal
  /// to it when c is the k-th largest; a cut for every class is taken from a sample.
  private static func largestSums(
    _ sizes: UnsafeMutablePointer<Float>, points: Int, classSizes: [Int], factor: Float
  ) -> [Float] {
    let (cuts, sums) = (sizes + points, sizes + points + classCount)
    var sample = Swift.stride(from: 0, to: points, by: max(1, points / 128)).map { sizes[$0] }
    sample.sort(by: >)
    for (k, size) in classSizes.enumerated() {
      cuts[k] = size >= points ? 0 : sample[min(sample.count - 1, size * sample.count / points)]
    }
    Kernels.excessSums(of: sizes, count: points, cuts: cuts, cutCount: classCount, into: sums)
    return classSizes.enumerated().map { factor * 1.001 * (Float($1) * cuts[$0] + sums[$0]) }
  }

  /// `count` neurons were looked at, at a mean age of `age` steps.
  mutating func note(age: Double, count: Int) {
    if count > 0 { usualAge += 0.2 * (age - usualAge) }
  }
}

extension Matrix {
  fileprivate mutating func setRow(_ row: Int, to values: [Double]) {
    withMutableView { view in
      for (c, value) in values.enumerated() { view.row(row)[c] = Float(value) }
    }
  }
}

extension KineticClock {
  /// What shards read of the clock, valid during a call.
  struct View {
    let slot: Int
    let stride: Int
    let impulses: MatrixView
    let directions: MatrixView
    let turns: MatrixView
    let residuals: MatrixView
    /// nil without momentum.
    let velocity: UnsafePointer<Float>?
    let decay: UnsafePointer<Float>
    let carry: UnsafePointer<Float>
    let slotAges: UnsafePointer<UInt8>
    let errors: UnsafePointer<Float>
    let times: MatrixView
    let expected: MatrixView
    let classes: UnsafePointer<UInt8>
    let ages: [Int]
    /// The position in `ages` up to which it is worth to follow candidates.
    let horizon: Int
    /// Steps since the start.
    let now: Int

    /// The bin of a neuron that is looked at now and fires on `firing` points.
    @inline(__always)
    func bin(firing: Int) -> UInt16 { UInt16(slot * KineticClock.classCount + Int(classes[firing])) }

    @inline(__always)
    func slot(of bin: UInt16) -> Int { Int(bin & ~KineticClock.watched) / KineticClock.classCount }

    /// The bound of the errors of a bin's neurons now.
    @inline(__always)
    func error(of bin: UInt16) -> Float { errors[Int(bin & ~KineticClock.watched)] }
  }

  /// Calls `body` with the clock as it is.
  func withView<Result>(_ body: (View) -> Result) -> Result {
    let horizon = ages.firstIndex { Double($0) >= max(4, 3 * usualAge) } ?? Self.ageCount - 1
    return Self.withViews([impulses, directions, turns, residuals, velocities, times, expected]) { views in
      decay.withUnsafeBufferPointer { decay in
        carry.withUnsafeBufferPointer { carry in
          slotAges.withUnsafeBufferPointer { slotAges in
            errors.withUnsafeBufferPointer { errors in
              classes.withUnsafeBufferPointer { classes in
                guard let decay = decay.baseAddress, let carry = carry.baseAddress,
                  let slotAges = slotAges.baseAddress, let errors = errors.baseAddress,
                  let classes = classes.baseAddress
                else { preconditionFailure("never empty") }
                return body(
                  View(
                    slot: now % slots, stride: stride, impulses: views[0], directions: views[1],
                    turns: views[2], residuals: views[3], velocity: usesVelocity ? views[4].row(0) : nil,
                    decay: decay, carry: carry, slotAges: slotAges, errors: errors, times: views[5],
                    expected: views[6], classes: classes, ages: ages, horizon: horizon,
                    now: now))
              }
            }
          }
        }
      }
    }
  }

  private static func withViews<Result>(
    _ matrices: [Matrix], _ views: [MatrixView] = [], _ body: ([MatrixView]) -> Result
  ) -> Result {
    guard views.count < matrices.count else { return body(views) }
    return matrices[views.count].withView { withViews(matrices, views + [$0], body) }
  }
}
