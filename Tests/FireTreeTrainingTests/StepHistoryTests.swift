import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// What the history says of the steps after an earlier one, against sums over its definition: multiples of the earlier, and
/// for k points the length of the k largest differences from them, added up.
@Suite struct StepHistoryTests {
  /// Steps of `points` x `outputs` numbers whose sizes differ by orders of magnitude, and some of which are 0.
  private func steps(_ count: Int, points: Int, outputs: Int, _ random: inout SeededGenerator) -> [[Float]] {
    (0..<count).map { _ in
      (0..<points * outputs).map { _ in
        let size = [0, 1e-6, 1e-3, 1, 1, 100][Int.random(in: 0..<6, using: &random)] as Float
        return size * Float.random(in: -1...1, using: &random)
      }
    }
  }

  /// sum_c |a_ic - rho b_ic| of every point, the largest first.
  private func differences(_ a: [Float], _ b: [Float], rho: Double, outputs: Int) -> [Double] {
    stride(from: 0, to: a.count, by: outputs).map { i in
      (i..<i + outputs).reduce(0.0) { $0 + abs(Double(a[$1]) - rho * Double(b[$1])) }
    }.sorted(by: >)
  }

  /// <a, b> / |b|^2, as a float from 0 to 2.
  private func ratio(_ a: [Float], _ b: [Float]) -> Double {
    let square = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    let product = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    return square > 0 ? Double(Float(min(max(product / square, 0), 2))) : 0
  }

  private func excess(_ history: StepHistory, age: Int, firing: Int) -> Float {
    history.withView { $0.bounds[age * StepHistory.classes + min(firing, StepHistory.classes - 1)].excess }
  }

  private func multiple(_ history: StepHistory, age: Int) -> Float {
    history.withView { $0.bounds[age * StepHistory.classes].multiple }
  }

  /// The length of the difference from the nearest multiple of the step before, in lengths of the step.
  private func checkTurn(_ history: StepHistory, _ new: [Float], _ old: [Float], outputs: Int) {
    let length = { (values: [Double]) in values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let zeros = [Float](repeating: 0, count: new.count)
    let difference = length(differences(new, old, rho: ratio(new, old), outputs: outputs))
    let size = length(differences(new, zeros, rho: 0, outputs: outputs))
    let turn = history.withView { Double($0.turn) }
    #expect(size == 0 || abs(turn - min(difference / size, 1)) <= 1e-4)
  }

  /// More points than are told apart, as many, and fewer.
  @Test(arguments: [1, 5, 63, 64, 200], [1, 3]) func boundsHoldAndAreTight(points: Int, outputs: Int) throws {
    var random = SeededGenerator(seed: UInt64(points * 10 + outputs))
    let stride = outputs == 1 ? 1 : Matrix.stride(columns: outputs)
    var history = try StepHistory(points: points, outputs: outputs, stride: stride)
    let steps =
      [[Float](repeating: 0, count: points * outputs)]
      + steps(20, points: points, outputs: outputs, &random)
    for now in 1..<steps.count {
      history.append(steps[now], decay: 0, carry: 0)
      checkTurn(history, steps[now], steps[now - 1], outputs: outputs)
      for age in 0..<min(StepHistory.capacity, now + 1) {
        let old = steps[now - age]
        let ratios = (now - age..<now).map { ratio(steps[$0 + 1], old) }
        #expect(abs(Double(multiple(history, age: age)) - ratios.reduce(0, +)) <= 1e-5)
        for firing in 0...points {
          let largest = firing < StepHistory.classes - 1 ? firing : points
          let lengths = zip(now - age..<now, ratios).map { t, rho in
            let squares = differences(steps[t + 1], old, rho: rho, outputs: outputs).map { $0 * $0 }
            return squares.prefix(largest).reduce(0, +).squareRoot()
          }
          let exact = lengths.reduce(0, +)
          if age == StepHistory.capacity - 1, let last = lengths.last, let rho = ratios.last {
            let kind = min(firing, StepHistory.classes - 1)
            let (growth, last32) = history.withView { (Double($0.growth[kind]), Double($0.ratio)) }
            #expect(growth >= last * (1 - 1e-6) && growth <= last * 1.12 + 1e-30 && abs(last32 - rho) <= 1e-6)
          }
          let bound = Double(excess(history, age: age, firing: firing))
          // Bins are a quarter of an octave of squares at most; roundings are those of sums of floats.
          #expect(bound >= exact * (1 - 1e-6) && bound <= exact * 1.12 + 1e-30, "\(now), \(age), \(firing)")
        }
      }
    }
  }

  /// The paths of neurons that fire on some of the points, whatever their output weights, are within the bounds: of steps
  /// that fall together, of unrelated ones, and with velocities.
  @Test(arguments: [0, 0.9, 1.2] as [Float], [0, 0.25] as [Float])
  func pathsAreBounded(decay: Float, carry: Float) throws {
    let (points, outputs) = (40, 2)
    var random = SeededGenerator(seed: UInt64(100 * decay + 10 * carry))
    var history = try StepHistory(points: points, outputs: outputs, stride: Matrix.stride(columns: outputs))
    var all = [[Float](repeating: 0, count: points * outputs)]
    for now in 1...30 {
      let noise = steps(1, points: points, outputs: outputs, &random)[0]
      let step = now == 1 ? noise : zip(all[now - 1], noise).map { decay * $0 + 0.01 * $1 }
      all.append(step)
      history.append(step, decay: carry > 0 ? 0.5 : 0, carry: carry)
      #expect(
        carry == 0
          || (0..<min(now, StepHistory.capacity)).allSatisfy { multiple(history, age: $0) == Float($0) })
      for firing in [1, 2, 7, 40] {
        let chosen = (0..<points).shuffled(using: &random).prefix(firing)
        let weights = (0..<outputs).map { _ in Double.random(in: -1...1, using: &random) }
        let length = { (t: Int) in
          chosen.reduce(0.0) { sum, i in
            let c = (0..<outputs).reduce(0.0) { $0 + weights[$1] * Double(all[t][i * outputs + $1]) }
            return sum + c * c
          }.squareRoot()
        }
        for age in 1..<min(StepHistory.capacity, now) {
          let path = (now - age + 1...now).reduce(0.0) { $0 + length($1) }
          let bound =
            Double(multiple(history, age: age)) * length(now - age)
            + Double(excess(history, age: age, firing: firing))
          #expect(path <= bound * (1 + 1e-6), "\(now), \(age), \(firing)")
        }
      }
    }
  }

  /// Clocks have to be moved before the steps they stand at are forgotten, and when a velocity may carry more than it did.
  @Test func unknownStepsHaveNoBound() throws {
    var history = try StepHistory(points: 3, outputs: 1, stride: 1)
    for now in 1...12 {
      history.append([1, 2, 3], decay: 0.9, carry: 0.5)
      if now >= StepHistory.capacity {
        #expect(excess(history, age: StepHistory.capacity, firing: 0) == .infinity)
      }
      // A velocity may have been there before the first step.
      #expect(excess(history, age: 1, firing: 3).isFinite == (now > 1))
    }
    history.append([1, 2, 3], decay: 0.9, carry: 0.25)
    #expect(excess(history, age: 5, firing: 3).isFinite)
    history.append([1, 2, 3], decay: 0.9, carry: 0.5)
    #expect((1...StepHistory.capacity).allSatisfy { excess(history, age: $0, firing: 0) == .infinity })
    history.append([1, 2, 3], decay: 0.9, carry: 0.5)
    #expect(excess(history, age: 1, firing: 3) == 0 && excess(history, age: 2, firing: 3) == .infinity)
  }
  /// Every step that is kept, the last among them, is read as it was appended.
  @Test(arguments: [1, 3, 20]) func stepsAreKept(outputs: Int) throws {
    var random = SeededGenerator(seed: UInt64(outputs))
    let stride = outputs == 1 ? 1 : Matrix.stride(columns: outputs)
    var history = try StepHistory(points: 5, outputs: outputs, stride: stride)
    let steps = steps(20, points: 5, outputs: outputs, &random)
    for (k, step) in steps.enumerated() {
      history.append(step, decay: 0, carry: 0)
      history.withView { view in
        for old in max(0, k + 1 - StepHistory.capacity)...k {
          let rows = view.rows(old + 1, points: 5, outputs: outputs)
          let kept = (0..<5).flatMap { i in (0..<outputs).map { rows[i, $0] } }
          #expect(kept == steps[old], "step \(old) after \(k)")
        }
      }
    }
  }
}
