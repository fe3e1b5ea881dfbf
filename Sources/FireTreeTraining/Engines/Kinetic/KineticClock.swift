import FireTreeCore

/// The time of kinetic training: how far the gradients have carried every point since any recent step.
///
/// With Gamma the sum of all steps' gradients at the outputs (n x C, momentum and learning rate included), a neuron's
/// coefficient of point i has moved by -<a_r, Gamma_i(t) - Gamma_i(t0)> / sqrt(m) since t0 if it fired on i all along
/// (see `KineticEngine`). Rather than to bound that movement by its speed's magnitude, the clock foretells it: with
/// D(t0) = Gamma(t0) - Gamma(t0 - 1), the direction at t0,
///
///     Gamma(t) - Gamma(t0) = P D(t0) + E,
///
/// where the progress P >= 0 makes E small (least squares). Progress moves a correlation along a line that the neuron
/// knew at t0, sign and all; only E needs a bound, and over k points it is at most the sum of the k largest |E_i| |x_i|.
/// So a neuron that was looked at in step t0 has two hands: P may go up to its deadline, and that sum up to its reserve.
///
/// A neuron's time of birth is one of the last `slots` steps; before a slot is used again its neurons are looked at.
///
/// Complexity of a step: O(slots n C). Memory: 8 slots n C bytes.
struct KineticClock: Sendable {
  /// Classes of numbers of points, for which sums of the largest errors are kept: a neuron's is rounded up.
  static let classCount = 16

  /// Steps that are remembered.
  let slots: Int
  let points: Int
  /// Floats from point to point.
  let stride: Int
  let usesVelocity: Bool
  /// |x_i| (n), an upper bound of sum_c |a_rc| / max_c |a_rc|, and of max_c |a_rc|.
  private let norms: [Float]
  private let outputWeightBound: (sum: Float, largest: Float)
  /// 1 / sqrt(m).
  private let outputScale: Float
  private let classSizes: [Int]
  private let workers: Workers

  /// Steps since the start.
  private(set) var now = 0
  /// Gamma and the sum of velocities' gradients, exact enough to be the truth (n x stride).
  private var impulse: [Double]
  private var velocity: [Double]
  private var steps: [Double]
  /// Gamma(t) and D(t) as floats, a row of n x stride for each slot; the velocity now.
  private var impulses: Matrix
  private var directions: Matrix
  private var velocities: Matrix
  /// By slot: P; what is left of a velocity of that time, and how far it has carried since; the latter's unit.
  private(set) var progress: [Float]
  private(set) var decay: [Float]
  private(set) var carry: [Float]
  private(set) var carryUnit: [Float]
  /// By slot: |carry - P carryUnit|; by slot and class: bounds of the error.
  private var extra: [Float]
  private var errors: [Float]
  /// By class: error / P^2 at the usual age.
  private var curvatures: [Float]
  /// Mean age, in steps, of the neurons whose clock ran out.
  private var usualAge = 2.0

  init(points: DataPoints, norms: [Float], outputWeights: Matrix, usesVelocity: Bool, workers: Workers) {
    let outputs = outputWeights.columns
    self.points = points.count
    stride = outputs == 1 ? 1 : Matrix.stride(columns: outputs)
    slots = max(16, min(256, (1 << 20) / max(points.count * stride, 1)))
    self.usesVelocity = usesVelocity
    self.norms = norms
    self.workers = workers
    outputScale = 1 / Float(outputWeights.rows).squareRoot()
    outputWeightBound = Self.bound(outputWeights)
    classSizes = Self.classSizes(points: points.count)
    let floats = points.count * stride
    impulse = [Double](repeating: 0, count: floats)
    steps = impulse
    velocity = [Double](repeating: 0, count: usesVelocity ? floats : 0)
    impulses = Matrix(rows: slots, columns: floats)
    directions = Matrix(rows: slots, columns: floats)
    velocities = Matrix(rows: 1, columns: usesVelocity ? floats : 0)
    progress = [Float](repeating: 0, count: slots)
    decay = [Float](repeating: 1, count: slots)
    (carry, carryUnit, extra) = (progress, progress, progress)
    errors = [Float](repeating: 0, count: slots * Self.classCount)
    curvatures = [Float](repeating: 1, count: Self.classCount)
  }

  private static func bound(_ outputWeights: Matrix) -> (sum: Float, largest: Float) {
    outputWeights.withView { view in
      var result = (sum: Float(0), largest: Float(0))
      for r in 0..<view.rows {
        var sum: Float = 0
        for c in 0..<view.columns {
          sum += abs(view[r, c])
          result.largest = max(result.largest, abs(view[r, c]))
        }
        result.sum = max(result.sum, sum)
      }
      return result
    }
  }

  private static func classSizes(points: Int) -> [Int] {
    ([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256].map { min($0, points) } + [points]).map {
      max($0, 1)
    }
  }

  /// Bytes that the clock will hold.
  static func requiredMemory(points: Int, outputs: Int) -> ByteCount {
    let stride = outputs == 1 ? 1 : Matrix.stride(columns: outputs)
    let slots = max(16, min(256, (1 << 20) / max(points * stride, 1)))
    return ByteCount(8 * slots + 24) * points * stride
  }

  // MARK: - Time goes on

  /// The step from `now` to `now + 1` along `gradient` (n x C).
  mutating func tick(gradient: MatrixView, optimizer: GradientDescent) {
    let (rate, mu) = (Double(optimizer.learningRate), Double(optimizer.momentum.coefficient))
    let (p, q) = optimizer.weightsOfGradientAndVelocity
    now += 1
    let slot = now % slots
    for i in 0..<points {
      for c in 0..<gradient.columns {
        let (position, g) = (i * stride + c, Double(gradient[i, c]))
        var step = Double(p) * g
        if usesVelocity {
          velocity[position] = mu * velocity[position] + g
          step += Double(q) * velocity[position]
        }
        impulse[position] += rate * step
        steps[position] = rate * step
      }
    }
    impulses.setRow(slot, to: impulse)
    directions.setRow(slot, to: steps)
    if usesVelocity { velocities.setRow(0, to: velocity) }
    for s in 0..<slots {
      decay[s] *= Float(mu)
      carry[s] += Float(rate) * q * decay[s]
    }
    (decay[slot], carry[slot], carryUnit[slot]) = (1, 0, Float(rate) * q * Float(mu))
    foretell()
  }

  /// P and the bounds of E for every slot.
  private mutating func foretell() {
    let (slot, slots, stride, points, workers) = (now % slots, slots, stride, points, workers)
    let byMagnitudes = outputWeightBound.sum > outputWeightBound.largest * 1.0001
    let factor = (byMagnitudes ? outputWeightBound.largest : outputWeightBound.sum) * outputScale * 1.001
    let (impulses, directions, norms, classSizes, now) = (impulses, directions, norms, classSizes, now)
    let foretold = Matrix.withViews(impulses, directions) { impulses, directions in
      norms.withUnsafeBufferPointer { norms in
        guard let norms = norms.baseAddress else { return [Foretold]() }
        return workers.map(shards: slots) { s in
          // Of slots that have not been used yet there are no neurons.
          let age = (slot - s + slots) % slots
          guard age > 0, age <= now else { return Foretold() }
          return Foretold(
            now: impulses.row(slot), then: impulses.row(s), direction: directions.row(s), norms: norms,
            points: points, stride: stride, largest: !byMagnitudes, factor: factor, classSizes: classSizes)
        }
      }
    }
    for (s, entry) in foretold.enumerated() {
      progress[s] = entry.progress
      extra[s] = abs(carry[s] - entry.progress * carryUnit[s]) * 1.001
      // The neurons of a slot that is used next are looked at.
      let isLast = s == (slot + 1) % slots && now >= slots - 1
      for k in 0..<Self.classCount {
        errors[s * Self.classCount + k] = isLast ? .infinity : entry.errors[k]
      }
    }
    estimateCurvatures(foretold, slot: slot)
  }

  /// What the error over P^2 is likely to be in the near future, from neurons of the usual age.
  private mutating func estimateCurvatures(_ foretold: [Foretold], slot: Int) {
    let age = max(1, min(now, slots - 2, Int(usualAge.rounded())))
    let entry = foretold[(slot - age + slots) % slots]
    guard entry.progress > 0 else { return }
    for k in 0..<Self.classCount {
      curvatures[k] = max(entry.errors[k] / (entry.progress * entry.progress), 1e-20)
    }
  }

  /// `count` neurons had run out at a mean age of `age` steps.
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

/// What became of the direction of one slot.
private struct Foretold {
  var progress: Float = 0
  var errors = [Float](repeating: 0, count: KineticClock.classCount)

  init() {}

  init(
    now: UnsafePointer<Float>, then: UnsafePointer<Float>, direction: UnsafePointer<Float>,
    norms: UnsafePointer<Float>, points: Int, stride: Int, largest: Bool, factor: Float, classSizes: [Int]
  ) {
    let (along, square) = Kernels.project(now, minus: then, on: direction, count: points * stride)
    if square > 0, along > 0, (along / square).isFinite { progress = Float(along / square) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: points + 2 * KineticClock.classCount) { values in
      guard let values = values.baseAddress else { return }
      Kernels.residuals(
        now, minus: then, along: direction, progress: progress, norms: norms, count: points, stride: stride,
        largest: largest, into: values)
      setErrors(values, points: points, classSizes: classSizes, factor: factor)
    }
  }

  /// Bounds of the sums of the k largest values. For any cut c that sum is at most k c + sum_i max(v_i - c, 0), and
  /// equal to it when c is the k-th largest; a cut for every class is taken from a sample.
  private mutating func setErrors(
    _ values: UnsafeMutablePointer<Float>, points: Int, classSizes: [Int], factor: Float
  ) {
    let (cuts, sums) = (values + points, values + points + KineticClock.classCount)
    let sampleStride = max(1, points / 128)
    var sample = Swift.stride(from: 0, to: points, by: sampleStride).map { values[$0] }
    sample.sort(by: >)
    for (k, size) in classSizes.enumerated() {
      cuts[k] = size >= points ? 0 : sample[min(sample.count - 1, size * sample.count / points)]
    }
    Kernels.excessSums(
      of: values, count: points, cuts: cuts, cutCount: KineticClock.classCount, into: sums)
    for (k, size) in classSizes.enumerated() { errors[k] = factor * (Float(size) * cuts[k] + sums[k]) }
  }
}

extension KineticClock {
  /// What shards read of the clock, valid during a call.
  struct View {
    let slot: Int
    let stride: Int
    let impulses: MatrixView
    let directions: MatrixView
    /// nil without momentum.
    let velocity: UnsafePointer<Float>?
    let progress: UnsafePointer<Float>
    let decay: UnsafePointer<Float>
    let carry: UnsafePointer<Float>
    let carryUnit: UnsafePointer<Float>
    let extra: UnsafePointer<Float>
    let errors: UnsafePointer<Float>
    let curvatures: UnsafePointer<Float>
    let classes: UnsafePointer<UInt8>
    let slots: Int

    /// The bin of a neuron that is looked at now and fires on `firing` points.
    @inline(__always)
    func bin(firing: Int) -> UInt16 { UInt16(slot * KineticClock.classCount + Int(classes[firing])) }

    /// How many steps ago the neurons of a bin were looked at.
    @inline(__always)
    func age(of bin: UInt16) -> Int { (slot - Int(bin) / KineticClock.classCount + slots) % slots }
  }

  /// Calls `body` with the clock as it is.
  func withView<Result>(_ body: (View) -> Result) -> Result {
    let classes = (0...points).map { firing in
      UInt8(classSizes.firstIndex { $0 >= firing } ?? Self.classCount - 1)
    }
    return Matrix.withViews(impulses, directions, velocities) { impulses, directions, velocities in
      Self.withPointers([progress, decay, carry, carryUnit, extra, errors, curvatures]) { p in
        classes.withUnsafeBufferPointer { classes in
          guard let classes = classes.baseAddress else { preconditionFailure("never empty") }
          return body(
            View(
              slot: now % slots, stride: stride, impulses: impulses, directions: directions,
              velocity: usesVelocity ? velocities.row(0) : nil, progress: p[0], decay: p[1], carry: p[2],
              carryUnit: p[3], extra: p[4], errors: p[5], curvatures: p[6], classes: classes, slots: slots))
        }
      }
    }
  }

  private static func withPointers<Result>(
    _ arrays: [[Float]], _ pointers: [UnsafePointer<Float>] = [], _ body: ([UnsafePointer<Float>]) -> Result
  ) -> Result {
    guard pointers.count < arrays.count else { return body(pointers) }
    return arrays[pointers.count].withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { preconditionFailure("never empty") }
      return withPointers(arrays, pointers + [base], body)
    }
  }
}
