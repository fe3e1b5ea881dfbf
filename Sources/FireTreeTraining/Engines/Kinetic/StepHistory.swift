import FireTreeCore

/// The last steps of kinetic training, and how far the latest are from what a neuron knows of an earlier one.
///
/// A neuron's step is c, its coefficients, with c_i = -<a_r, step_i> / sqrt(m) where it fires. Those after step t' are, with
/// any numbers rho_s, multiples of it and what they turn from it, c(s) = rho_s c(t') + (c(s) - rho_s c(t')). The turns of a
/// neuron that fires on k points are at most max |a| / sqrt(m) times as long as the k largest
/// |step_i(s) - rho_s step_i(t')|_1: the same for all neurons that fire on so many. Gradients change slowly, and much of what
/// they change is that they fall together, so rho_s is the factor that makes the differences shortest; where velocities carry
/// on, which fall as they will, it is 1. So of most neurons it is known without looking at their points that they need not be
/// looked at yet (`KineticStep.schedule`). The countdowns of the others are moved over all steps since, for which these are
/// kept. Of neurons for which the bound is a small part of what is left it is taken for the truth when step t' is about to be
/// forgotten, and for what step t takes what it says of that: their countdowns need not be moved for as long as
/// that goes.
package struct StepHistory: Sendable {
  /// Steps that are kept: no countdown is of a step before them.
  package static let capacity = 8
  /// Numbers of points that bounds are distinguished by; the last stands for all larger ones.
  package static let classes = 64

  /// Floats from the same number of one output to that of the next point: steps of a point are side by side.
  private let stride: Int
  private let points: Int
  private let outputs: Int
  /// Of point i, step t and output c at (8 i + t mod 8) stride + c.
  private var steps: Matrix
  /// The last step once more, by itself: of each look's neuron the coefficients of that are made.
  private var latest: Matrix
  /// Of `classes` numbers of points for each age, t - t', the sum over the differences above, without max |a| / sqrt(m), and
  /// the sum of rho_s, which is the same for all; infinite where step t' is kept no longer.
  private var bounds: [Kernels.Bound]
  /// What else is known of the steps, in rows of `classes`: see `Row`.
  private var tables: Matrix
  /// Of the last step and the greatest age that counts: rho.
  private var ratio: Float = 1
  /// What the last step turned by from the one before: the difference above of all points, in lengths of the step.
  private var turn: Float = 1

  /// The rows of `tables`.
  private enum Row {
    /// By number of points, what the last step differs by from rho times the step of the greatest age that counts.
    static let growth = 0
    /// Of each kept step what the largest |step_i|_1 is, and with momentum how far left velocities carry and what they keep.
    static let largest = 1
    static let carries = 2
    static let decays = 3
    static let count = 4
  }

  /// The number of the last step.
  private(set) var now = 0

  /// Throws a usage error when there is no memory for them.
  package init(points: Int, outputs: Int, stride: Int) throws(FireTreeError) {
    (self.points, self.outputs, self.stride) = (points, outputs, stride)
    steps = try Matrix(allocating: 1, by: points * Self.capacity * stride)
    latest = try Matrix(allocating: 1, by: points * stride)
    tables = Matrix(rows: Row.count, columns: Self.classes)
    bounds = [Kernels.Bound](
      repeating: Kernels.Bound(excess: .infinity, multiple: 0), count: (Self.capacity + 1) * Self.classes)
    for k in 0..<Self.classes {
      tables[Row.growth, k] = .infinity
      bounds[k].excess = 0
    }
  }

  /// Bytes held for so many points.
  static func requiredMemory(points: Int, stride: Int) -> ByteCount {
    ByteCount(4 * (capacity + 1) * stride) * points
  }

  /// The next step (n x C), with what a velocity that is left alone keeps in it and how far that carries.
  package mutating func append(_ step: [Float], decay: Float, carry: Float) {
    let (last, slot) = (now % Self.capacity, (now + 1) % Self.capacity)
    // Velocities that are left carry less with every step, as long as these do not change. Of the first step nothing is
    // known before it: a neuron may bring its velocity from an earlier training.
    let isSteady = carry <= tables[Row.carries, last] && decay <= 1
    now += 1
    (tables[Row.decays, slot], tables[Row.carries, slot]) = (decay, carry)
    var largest: Float = 0
    var square = 0.0
    steps.withMutableView { steps in
      latest.withMutableView { latest in
        let (all, last) = (steps.row(0), latest.row(0))
        for i in 0..<points {
          var size: Float = 0
          for c in 0..<outputs {
            let value = step[i * outputs + c]
            all[(Self.capacity * i + slot) * stride + c] = value
            last[i * stride + c] = value
            size += abs(value)
          }
          largest = max(largest, size)
          square += Double(size) * Double(size)
        }
      }
    }
    turn = 1
    tables[Row.largest, slot] = largest
    for age in Swift.stride(from: Self.capacity, through: 1, by: -1) {
      let row = age * Self.classes
      guard age < Self.capacity, age <= now, isSteady else {
        for k in 0..<Self.classes { bounds[row + k].excess = .infinity }
        continue
      }
      let old = (now - age) % Self.capacity
      let rho = carry == 0 ? bestRatio(of: slot, to: old) : 1
      let lengths = lengthsOfLargest(differences(of: slot, from: rho, times: old))
      for k in 0..<Self.classes {
        let before = bounds[row - Self.classes + k]
        bounds[row + k] = Kernels.Bound(
          excess: before.excess + lengths[k], multiple: before.multiple + rho)
      }
      if age == 1, square > 0 { turn = min(lengths[Self.classes - 1] / Float(square.squareRoot()), 1) }
      guard age == Self.capacity - 1 else { continue }
      ratio = rho
      for k in 0..<Self.classes { tables[Row.growth, k] = lengths[k] }
    }
  }

  /// Calls `body` with the elements of two steps of every point.
  private func forEachPoint(
    _ old: Int, _ new: Int, _ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void
  ) {
    steps.withView { steps in
      let base = steps.row(0)
      for i in 0..<points {
        body(base + (Self.capacity * i + old) * stride, base + (Self.capacity * i + new) * stride)
      }
    }
  }

  /// The number that, times the old step, comes nearest to the new one; not negative.
  private func bestRatio(of new: Int, to old: Int) -> Float {
    var (product, square) = (0.0, 0.0)
    forEachPoint(old, new) { old, new in
      for c in 0..<outputs {
        product += Double(old[c]) * Double(new[c])
        square += Double(old[c]) * Double(old[c])
      }
    }
    return square > 0 ? Float(min(max(product / square, 0), 2)) : 0
  }

  /// |step_i - ratio step_i'|_1^2 of every point.
  private func differences(of new: Int, from ratio: Float, times old: Int) -> [Float] {
    var result: [Float] = []
    result.fixRoom(for: points)
    forEachPoint(old, new) { old, new in
      var size = 0.0
      for c in 0..<outputs { size += abs(Double(new[c]) - Double(ratio) * Double(old[c])) }
      result.append(Float(size * size))
    }
    return result
  }

  /// For k = 0, 1, ... the square root of the sum of the k largest `squares`, at least; for the last class that of all.
  ///
  /// Squares are sorted into four bins an octave. Complexity: O(n).
  private func lengthsOfLargest(_ squares: [Float]) -> [Float] {
    // The sign of a float, its exponent and two bits more.
    let shift: UInt32 = 21
    var counts = [Int32](repeating: 0, count: 1 << 10)
    var sums = [Double](repeating: 0, count: 1 << 10)
    for square in squares {
      let bin = Int(square.bitPattern >> shift) & 0x3FF
      counts[bin] += 1
      sums[bin] += Double(square)
    }
    var lengths = [Float](repeating: 0, count: Self.classes)
    var (sum, taken) = (0.0, 0)
    for bin in counts.indices.reversed() where counts[bin] > 0 {
      let edge = Double(Float(bitPattern: UInt32(bin + 1) << shift))
      let last = min(taken + Int(counts[bin]), Self.classes - 2)
      if taken < last {
        for k in taken + 1...last {
          lengths[k] = Self.root(sum + min(sums[bin], Double(k - taken) * edge))
        }
      }
      sum += sums[bin]
      taken += Int(counts[bin])
    }
    for k in min(taken + 1, Self.classes - 1)..<Self.classes { lengths[k] = Self.root(sum) }
    return lengths
  }

  /// The square root, raised by what differences and sums may have been rounded by.
  private static func root(_ sum: Double) -> Float { Float(sum.squareRoot()) * (1 + 1e-5) }

  /// What shards read, valid during a call.
  package struct View {
    let steps: UnsafePointer<Float>
    private let latest: UnsafePointer<Float>
    private let stride: Int
    package let bounds: UnsafePointer<Kernels.Bound>
    package let ratio: Float
    package let growth: UnsafePointer<Float>
    package let turn: Float
    let largest: UnsafePointer<Float>
    let carries: UnsafePointer<Float>
    let decays: UnsafePointer<Float>
    let now: Int

    fileprivate init(
      _ history: StepHistory, steps: MatrixView, latest: MatrixView, tables: MatrixView,
      bounds: UnsafePointer<Kernels.Bound>
    ) {
      (self.steps, self.latest, stride) = (steps.row(0), latest.row(0), history.stride)
      (self.bounds, ratio, turn, now) = (bounds, history.ratio, history.turn, history.now)
      (growth, largest) = (tables.row(Row.growth), tables.row(Row.largest))
      (carries, decays) = (tables.row(Row.carries), tables.row(Row.decays))
    }

    /// Step `t` as rows of all points (n x C).
    package func rows(_ t: Int, points: Int, outputs: Int) -> MatrixView {
      t == now
        ? MatrixView(base: latest, rows: points, columns: outputs, stride: stride)
        : MatrixView(
          base: steps + t % capacity * stride, rows: points, columns: outputs, stride: capacity * stride)
    }
  }

  package func withView<Result>(_ body: (View) -> Result) -> Result {
    Matrix.withViews(steps, latest, tables) { steps, latest, tables in
      bounds.withUnsafeBufferPointer { bounds in
        guard let bounds = bounds.baseAddress else { preconditionFailure("there is a bound for every age") }
        return body(View(self, steps: steps, latest: latest, tables: tables, bounds: bounds))
      }
    }
  }
}
