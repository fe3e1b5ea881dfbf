import FireTreeCore
import TestSupport
import Testing

/// The kernels that say which neurons have to be looked at, against their plain twins, for all small sizes around the widths of
/// vectors and unrolling.
@Suite struct KineticClockKernelTests {
  @Test func projections() {
    var random = SeededGenerator(seed: 29)
    for count in 0...70 {
      let (x, y) = (random.floats(count), random.floats(count))
      let found = Kernels.projection(on: x, of: y, count: count)
      let square = y.reduce(0.0) { $0 + Double($1) * Double($1) }
      let product = zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      #expect(abs(Double(found.square) - square) <= PlainKernels.tolerance(count), "\(count)")
      #expect(abs(Double(found.product) - product) <= PlainKernels.tolerance(count), "\(count)")
    }
  }

  /// Unrelated steps, multiples of the reference, such as point the other way, and none, beside each of the eight; the bounds
  /// hold and are tight.
  @Test(arguments: 0...21) func measuringSteps(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let reference = count % 8
    var steps = random.matrix(rows: 9, columns: 8).elements
    for i in steps.indices {
      steps[i][(reference + 1) % 8] = 0.7 * steps[i][reference]
      steps[i][(reference + 2) % 8] = -0.7 * steps[i][reference]
      steps[i][(reference + 3) % 8] = steps[i][reference] + 0x1p-6 * steps[i][(reference + 4) % 8]
      steps[i][(reference + 5) % 8] = 0
    }
    if count == 20 { for i in steps.indices { steps[i][reference] = 0 } }
    let points = random.indices(count, below: 9)
    let margins = random.floats(8).map(abs)
    let rounding = Float(count + 8) * 0x1p-23
    let squares = (0..<8).map { k in Float(points.reduce(0.0) { $0 + pow(steps[Int($1)][k]) }) }
    let products = (0..<8).map { k in
      Float(points.reduce(0.0) { $0 + Double(steps[Int($1)][k]) * Double(steps[Int($1)][reference]) })
    }
    let results = margins.withUnsafeBufferPointer { margins in
      let scales = Kernels.Scales(margins: margins.baseAddress, margin: 0.01, factor: 0.3, rounding: rounding)
      return [false, true].map { isSummed in
        [Float](unsafeUninitializedCapacity: 25) { measures, initialized in
          guard let measures = measures.baseAddress else { return }
          measures[24] = .nan
          if isSummed {
            Kernels.measureProducts(
              squares: squares, products: products, reference: reference, scales, into: measures)
          } else {
            Kernels.measureSteps(
              steps.flatMap(\.self), points: points, count: count, reference: reference, scales,
              into: measures)
          }
          initialized = 25
        }
      }
    }
    for measures in results {
      #expect(measures[24].isNaN, "nothing is written behind the result")
      for k in 0..<8 {
        let (square, lost) = (Double(squares[k]), 0.01 * Double(margins[k]))
        let expected = 0.3 * square.squareRoot() + lost
        #expect(abs(Double(measures[k]) - expected) <= Double(count + 8) * 0x1p-24 * expected)
        let multiple = Double(measures[8 + k])
        let own = Double(squares[reference])
        let nearest = own > 0 ? max(Double(products[k]) / own, 0) : 0
        #expect(
          abs(multiple - nearest) <= Double(count + 8) * 0x1p-23
            * max(1, (square / max(own, 1e-30)).squareRoot()))
        // What is left of the step beside that multiple.
        let turned = points.reduce(0.0) {
          $0 + pow(steps[Int($1)][k], less: multiple * Double(steps[Int($1)][reference]))
        }
        let turn = Double(measures[16 + k])
        #expect(turn >= (0.3 * turned.squareRoot() + lost) * (1 - 1e-6), "\(count), \(k)")
        #expect(
          turn <= (0.3 * (turned + 2 * Double(rounding) * square).squareRoot() + lost) * (1 + 1e-6),
          "\(count), \(k)")
      }
    }
  }

  /// Every age, at every number modulo eight; steps that take their length, and such as take less.
  @Test(arguments: 0...8) func summingSteps(age: Int) {
    var random = SeededGenerator(seed: UInt64(30 + age))
    for now in 8..<32 {
      let measures = random.floats(24).map(abs)
      let (lengths, multiples, turns) = (
        Array(measures[..<8]), Array(measures[8..<16]), Array(measures[16...])
      )
      for taken in [0, 0.1, 1] as [Float] {
        let found = Kernels.sumSteps(measures, taken: taken, now: now, age: age)
        let expected = PlainKernels.sumSteps(
          lengths: lengths, multiples: multiples, turns: turns, taken: taken, now: now, age: age)
        let pairs = [
          (found.lengths, expected.lengths), (found.takes, expected.takes),
          (found.length, expected.length), (found.take, expected.take),
        ]
        for (sum, exact) in pairs { #expect(abs(Double(sum) - exact) <= 5e-7 * exact, "\(age), \(now)") }
      }
    }
  }

  /// One large coefficient beside many that turn round: sums one after the other are rounded as much as they can be, and what
  /// is left of their difference is still not less than the turn.
  @Test func turnsOfSumsThatRound() {
    for count in 2...60 {
      let x = (0..<count).map { $0 == 0 ? Float(1.0001) : 2.439e-4 }
      let y = x.enumerated().map { $0 == 0 ? $1 : -$1 }
      let (own, later) = (
        Kernels.projection(on: x, of: x, count: count), Kernels.projection(on: x, of: y, count: count)
      )
      let squares = [own.square, later.square] + [Float](repeating: 0, count: 6)
      let products = [own.product, later.product] + [Float](repeating: 0, count: 6)
      let measures = [Float](unsafeUninitializedCapacity: 24) { measures, initialized in
        guard let measures = measures.baseAddress else { return }
        squares.withUnsafeBufferPointer {
          Kernels.measureProducts(
            squares: squares, products: products, reference: 0,
            Kernels.Scales(
              margins: $0.baseAddress, margin: 0, factor: 1, rounding: Float(2 * count + 8) * 0x1p-23),
            into: measures)
        }
        initialized = 24
      }
      let multiple = Double(measures[9])
      let turned = zip(x, y).reduce(0.0) { $0 + pow($1.1, less: multiple * Double($1.0)) }
      #expect(Double(measures[17]) >= turned.squareRoot(), "\(count)")
    }
  }

  private func isSame(_ a: Kernels.Countdown, _ b: Kernels.Countdown) -> Bool {
    a.slack == b.slack && a.taken == b.taken && a.moment == b.moment && a.firing == b.firing
  }

  private func pow(_ x: Float, less y: Double = 0) -> Double { (Double(x) - y) * (Double(x) - y) }

  /// Countdowns of every age and around every class; which are late, and which are set anew and to what.
  @Test(arguments: Array(0...41) + [63, 64, 65, 72, 128, 1000], [true, false])
  func selectsLateCountdowns(count: Int, sets: Bool) {
    var random = SeededGenerator(seed: UInt64(2 * count + (sets ? 1 : 0)))
    let (classes, oldest, now) = (5, 8, 65_538)
    let (scale, slowness, rounding, ease): (Float, Float, Float, Float) = (0.25, 1e-2, 1e-3, 4)
    var excess = (0..<oldest * classes).map { _ in Float.random(in: 0...0.5, using: &random) }
    excess += [Float](repeating: .infinity, count: classes)
    let (multiples, ratio) = (random.floats(oldest + 1).map { abs($0) * 9 }, Float(0.7))
    let growth = random.floats(classes).map(abs)
    let countdowns = (0..<count).map { _ in
      let age = Int.random(in: 0...oldest, using: &random)
      let slack = [-.infinity, 0, .infinity, Float.random(in: 0...9, using: &random), 100, 1e30]
      return Kernels.Countdown(
        slack: slack[Int.random(in: 0..<6, using: &random)], taken: Float.random(in: 0...1, using: &random),
        moment: UInt16(truncatingIfNeeded: now - age),
        firing: [0, 1, 3, 4, 5, 900].randomElement(using: &random) ?? 0)
    }
    var changed = countdowns
    var positions = [Int32](repeating: -1, count: count + 1)
    let bounds = excess.enumerated().map {
      Kernels.Bound(excess: $1, multiple: multiples[$0 / classes])
    }
    let found = growth.withUnsafeBufferPointer { growth in
      changed.withUnsafeMutableBufferPointer { records in
        bounds.withUnsafeBufferPointer { bounds in
          guard let records = records.baseAddress else { return (count: 0, moving: 0) }
          let clock = Kernels.Clock(
            bounds: bounds.baseAddress, growth: sets ? growth.baseAddress : nil, ratio: ratio,
            classes: classes, scale: scale, factor: 1 + slowness, rounding: rounding, now: UInt32(now),
            oldest: UInt32(oldest), ease: ease)
          return Kernels.selectLate(clock, countdowns: records, count: count, into: &positions)
        }
      }
    }
    #expect(found.moving == countdowns.count { $0.firing > 0 })
    let late = Set(positions.prefix(found.count))
    #expect(late.count == found.count && positions.prefix(found.count) == late.sorted()[...])
    #expect(positions[count] == -1, "nothing is written behind the positions")
    for (k, (old, new)) in zip(countdowns, changed).enumerated() {
      let age = Int(UInt16(truncatingIfNeeded: now) &- old.moment)
      let kind = min(Int(old.firing), classes - 1)
      let (path, doubt, last) = PlainKernels.taken(
        by: old, multiple: multiples[age], excess: excess[age * classes + kind], ratio: ratio,
        growth: growth[kind], scale: scale, slowness: slowness, rounding: rounding)
      if age == oldest { #expect(late.contains(Int32(k)), "what is forgotten is late") }
      let tolerance = 1e-6 * path
      let isLate = late.contains(Int32(k))
      if abs(path - Double(old.slack)) > tolerance, !(path < Double(old.slack)) { #expect(isLate) }
      guard !isSame(new, old) else {
        // What is about to be forgotten is late, unless it is set anew, which has its conditions.
        #expect(age < oldest - 1 || isLate, "\(k): \(old)")
        guard isLate, path < Double(old.slack) - tolerance else { continue }
        let left = Double(old.slack) - path
        #expect(
          age >= oldest - 1
            && (!sets || doubt * Double(ease) > 0.99 * left || 2 * path > 0.99 * Double(old.slack)),
          "\(k): \(old), \(path)")
        continue
      }
      #expect(sets && age >= oldest - 1 && !late.contains(Int32(k)))
      #expect(Double(ease) * doubt <= 1.01 * (Double(old.slack) - path))
      #expect(new.moment == UInt16(truncatingIfNeeded: now) && new.firing == old.firing)
      // On the safe side, and not by much.
      let left = Double(old.slack) - path
      if left.isFinite { #expect(Double(new.slack) <= left && Double(new.slack) >= left * (1 - 2e-6)) }
      #expect(abs(Double(new.taken) - last) <= 1e-6 * last)
    }
  }
}
