import FireTreeCore
import TestSupport
import Testing

/// The kernels of kinetic training against their plain twins, for all small sizes around the widths of vectors and
/// unrolling.
///
/// A sum of k products of numbers of at most 1 in magnitude is within k gamma_k of the exact one in any order
/// (`tolerance`); kernels on doubles are given whole numbers and compared bit by bit.
@Suite struct KineticKernelTests {
  private func tolerance(_ terms: Int, largest: Double = 1) -> Double {
    Double(terms + 1) * Double(terms + 4) * 0x1p-24 * largest
  }

  private func indices(_ count: Int, below bound: Int, _ random: inout SeededGenerator) -> [UInt16] {
    (0..<count).map { _ in UInt16.random(in: 0..<UInt16(bound), using: &random) }
  }

  private func floats(_ count: Int, _ random: inout SeededGenerator) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
  }

  private func wholes(_ count: Int, _ random: inout SeededGenerator) -> [Double] {
    (0..<count).map { _ in Double(Int.random(in: -9...9, using: &random)) }
  }

  /// Calls `body` with numbers as a matrix of one column, kept without padding.
  private func withColumn<Result>(_ column: [Float], _ body: (MatrixView) -> Result) -> Result {
    Matrix([column]).withView {
      body(MatrixView(base: $0.row(0), rows: column.count, columns: 1, stride: 1))
    }
  }

  @Test func projections() {
    var random = SeededGenerator(seed: 29)
    for count in 0...70 {
      let (x, y) = (floats(count, &random), floats(count, &random))
      let found = Kernels.projection(on: x, of: y, count: count)
      let square = y.reduce(0.0) { $0 + Double($1) * Double($1) }
      let product = zip(x, y).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      #expect(abs(Double(found.square) - square) <= tolerance(count), "\(count)")
      #expect(abs(Double(found.product) - product) <= tolerance(count), "\(count)")
    }
  }

  @Test(arguments: [1, 8, 16]) func gathering(stride: Int) {
    var random = SeededGenerator(seed: UInt64(stride))
    let column = floats(19 * stride, &random)
    for count in 0...21 {
      let points = indices(count, below: 19, &random)
      var result = [Float](repeating: .nan, count: count + 1)
      Kernels.gather(column, stride: stride, points: points, count: count, factor: -0.3, into: &result)
      #expect(Array(result.dropLast()) == points.map { -0.3 * column[Int($0) * stride] }, "\(count)")
      #expect(result[count].isNaN, "nothing is written behind the result")
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
    let points = indices(count, below: 9, &random)
    let margins = floats(8, &random).map(abs)
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

  private func pow(_ x: Float, less y: Double = 0) -> Double { (Double(x) - y) * (Double(x) - y) }

  /// Countdowns of every age and around every class; which are late, and which are set anew and to what.
  @Test(arguments: Array(0...41) + [1000], [true, false])
  func selectsLateCountdowns(count: Int, sets: Bool) {
    var random = SeededGenerator(seed: UInt64(2 * count + (sets ? 1 : 0)))
    let (classes, oldest, now) = (5, 8, 65_538)
    let (scale, slowness, rounding, ease): (Float, Float, Float, Float) = (0.25, 1e-2, 1e-3, 4)
    var excess = (0..<oldest * classes).map { _ in Float.random(in: 0...0.5, using: &random) }
    excess += [Float](repeating: .infinity, count: classes)
    let (multiples, ratio) = (floats(oldest + 1, &random).map { abs($0) * 9 }, Float(0.7))
    let growth = floats(classes, &random).map(abs)
    let countdowns = (0..<count).map { _ in
      let age = Int.random(in: 0...oldest, using: &random)
      let slack = [-.infinity, 0, .infinity, Float.random(in: 0...9, using: &random), 100, 1e30]
      return PlainKernels.Countdown(
        slack: slack[Int.random(in: 0..<6, using: &random)], taken: Float.random(in: 0...1, using: &random),
        moment: UInt16(truncatingIfNeeded: now - age),
        firing: [0, 1, 3, 4, 5, 900].randomElement(using: &random) ?? 0)
    }
    var changed = countdowns
    var positions = [Int32](repeating: -1, count: count + 1)
    let padded = [multiples, excess, growth].map {
      $0 + [Float](repeating: .nan, count: excess.count - $0.count)
    }
    let tables = Matrix(padded)
    let found = tables.withView { tables in
      changed.withUnsafeMutableBytes { records in
        guard let records = records.baseAddress else { return (count: 0, moving: 0) }
        let clock = Kernels.Clock(
          multiples: tables.row(0), excess: tables.row(1), growth: sets ? tables.row(2) : nil, ratio: ratio,
          classes: classes, scale: scale, factor: 1 + slowness, rounding: rounding, now: UInt32(now),
          oldest: UInt32(oldest), ease: ease)
        return Kernels.selectLate(clock, countdowns: records, count: count, into: &positions)
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
      guard new != old else {
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

  @Test func productsWithASingleColumn() {
    var random = SeededGenerator(seed: 21)
    for count in 0...21 {
      let (column, number) = (floats(19, &random), floats(1, &random))
      let rows = indices(count, below: 19, &random)
      var result = [Float](repeating: .nan, count: count + 1)
      withColumn(column) {
        Kernels.shortProducts(number, with: $0, rows: rows, count: count, scale: -0.3, into: &result)
      }
      let expected = PlainKernels.products(
        number, with: Matrix(column.map { [$0] }), rows: rows.map(Int.init), scale: -0.3)
      for t in 0..<count { #expect(abs(Double(result[t]) - expected[t]) <= tolerance(1), "\(count)") }
      #expect(result[count].isNaN, "nothing is written behind the result")
    }
  }

  /// Every number of points that fire, of every support; sums of two numbers are those of doubles, rounded.
  @Test func sumsOfCoefficients() {
    var random = SeededGenerator(seed: 22)
    for support in 0...40 {
      for firing in 0...support {
        let alpha = floats(support, &random), shares = floats(firing, &random)
        var result = [Float](repeating: .nan, count: support + 1)
        let magnitude = Kernels.sumCoefficients(
          alpha: alpha, shares: shares, firing: firing, support: support, into: &result)
        let expected = PlainKernels.sumCoefficients(alpha: alpha, shares: shares)
        let rounded = expected.coefficients.map { Float($0) }
        #expect(Array(result.dropLast()) == rounded, "\(firing) of \(support)")
        #expect(abs(Double(magnitude) - expected.magnitude) <= tolerance(support + firing))
        #expect(result[support].isNaN, "nothing is written behind the result")
      }
    }
  }

  /// Every number of points that fire, of every support; sums of two numbers are those of doubles, rounded.
  @Test func settlingCoefficients() {
    var random = SeededGenerator(seed: 28)
    for support in 0...40 {
      for firing in 0...support {
        let (padded, weight) = ((support + 7) / 8 * 8, Float.random(in: -1...1, using: &random))
        let (alpha, sums) = (floats(support, &random), floats(19, &random))
        // Points behind those that fire are read, and do not matter.
        let points = indices(padded, below: 19, &random)
        var shares = [Float](repeating: .nan, count: support + 17)
        var result = [Float](repeating: .nan, count: padded + 1)
        let zeros = [Float](repeating: 0, count: padded - support)
        let magnitude = Kernels.settle(
          sums: sums, weight: weight, points: points, alpha: alpha + zeros, firing: firing, support: support,
          shares: &shares, coefficients: &result)
        let expected = points.prefix(firing).map { weight * sums[Int($0)] }
        #expect(shares.prefix(support) == (expected + [Float](repeating: 0, count: support - firing))[...])
        let plain = PlainKernels.sumCoefficients(alpha: alpha, shares: expected)
        #expect(
          result.dropLast() == (plain.coefficients.map { Float($0) } + zeros)[...], "\(firing) of \(support)")
        #expect(abs(Double(magnitude) - plain.magnitude) <= tolerance(support + firing))
        #expect(result[padded].isNaN && shares[support + 16].isNaN, "nothing is written behind the results")
      }
    }
  }

  /// Limits that equal the bound are chosen, those of -infinity always, and those of infinity by an infinite bound alone.
  /// Groups of eight, and of sixty-four, of which all, some or none are.
  @Test(arguments: Array(0...41) + [63, 64, 65, 71, 72, 127, 128, 130, 200])
  func computingTheDue(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let levels: [Float] = [-.infinity, 0, 0.5, 1 - 0x1p-24, 1, 1 + 0x1p-23, 2, .infinity]
    let gram = random.matrix(rows: 37, columns: 37)
    for twelfths in [0, 1, 6, 12] {
      for path in [0, 0.25, 1, 1 + 0x1p-30, 3, .infinity] as [Double] {
        let limits = (0..<count).map { _ -> Float in
          Int.random(in: 0..<12, using: &random) < twelfths
            ? levels[Int.random(in: 0..<8, using: &random)] : Float.random(in: 4...9, using: &random)
        }
        let terms = Int.random(in: 0...min(count, 21), using: &random)
        compute(
          ComputedList(
            points: indices(count, below: 37, &random), limits: limits,
            anchored: floats(count, &random), reaches: floats(count, &random).map { abs($0) + 0x1p-10 },
            coefficients: floats(terms, &random), heading: floats(terms, &random),
            firing: Int.random(in: 0...count, using: &random)),
          gram: gram, norms: floats(37, &random).map(abs), path: path,
          isHeaded: Bool.random(using: &random), ahead: [0, 0.5, 4][Int.random(in: 0..<3, using: &random)],
          enough: [0, 3, 1000][Int.random(in: 0..<3, using: &random)])
      }
    }
  }

  private struct ComputedList {
    let points: [UInt16]
    let limits: [Float]
    let anchored: [Float]
    let reaches: [Float]
    let coefficients: [Float]
    let heading: [Float]
    let firing: Int
  }

  private static let (threshold, rounding, tie): (Float, Float, Float) = (0.1, 0x1p-12, 0x1p-9)
  private static let (error, length, margin): (Float, Float, Float) = (0x1p-8, 3, 0x1p-7)

  /// Computes what is chosen, and checks it.
  private func compute(
    _ list: ComputedList, gram: Matrix, norms: [Float], path: Double, isHeaded: Bool, ahead: Float,
    enough: Int
  ) {
    let (count, terms) = (list.limits.count, list.coefficients.count)
    var positions = [UInt16](repeating: .max, count: count + 1)
    var values = [Float](repeating: .nan, count: count + 4)
    var limits = list.limits + [.nan]
    var choice = Kernels.Choice()
    let found = gram.withView { view in
      norms.withUnsafeBufferPointer { norms in
        withCandidates(list, &limits) { candidates, heading in
          let pairs = Kernels.Pairs(
            gram: view.base, stride: view.stride, norms: norms.baseAddress, threshold: Self.threshold,
            rounding: Self.rounding, tie: Self.tie)
          choice = Kernels.chooseDue(
            list.limits, count: count, path: path, ahead: ahead, enough: enough, into: &positions)
          var heading = heading
          if !isHeaded { heading.coefficients = nil }
          return Kernels.computeDue(
            pairs, heading: heading, candidates, choice, positions: positions, firing: list.firing,
            coefficients: list.coefficients, terms: terms, path: path, error: Self.error, values: &values)
        }
      }
    }
    let chosen = PlainKernels.chosen(list.limits, path: path, ahead: ahead, enough: enough)
    #expect(positions.prefix(choice.count).map(Int.init) == chosen, "\(count), path \(path)")
    let others = list.limits.indices.filter { !chosen.contains($0) }
    #expect(choice.least == others.map { list.limits[$0] }.min() ?? .infinity)
    for position in others { #expect(limits[position] == list.limits[position]) }
    #expect(found.least == limits.dropLast().min() ?? .infinity, "\(count), path \(path)")
    #expect(positions[count] == .max && limits[count].isNaN, "nothing is written behind the results")
    check(list, chosen, values, limits, found, gram: gram, norms: norms, path: path, isHeaded: isHeaded)
  }

  private func withCandidates<Result>(
    _ list: ComputedList, _ limits: inout [Float], _ body: (Kernels.List, Kernels.Heading) -> Result
  ) -> Result {
    list.points.withUnsafeBufferPointer { points in
      list.anchored.withUnsafeBufferPointer { anchored in
        list.reaches.withUnsafeBufferPointer { reaches in
          list.heading.withUnsafeBufferPointer { heading in
            limits.withUnsafeMutableBufferPointer { limits in
              body(
                Kernels.List(
                  points: points.baseAddress, anchored: anchored.baseAddress,
                  reaches: reaches.baseAddress, limits: limits.baseAddress),
                Kernels.Heading(
                  coefficients: heading.baseAddress, length: Self.length, margin: Self.margin))
            }
          }
        }
      }
    }
  }

  /// Values, limits, states and pace of the chosen candidates, on the safe side, and not by much.
  private func check(
    _ list: ComputedList, _ chosen: [Int], _ values: [Float], _ limits: [Float], _ found: Kernels.Look,
    gram: Matrix, norms: [Float], path: Double, isHeaded: Bool
  ) {
    let (count, terms) = (list.limits.count, list.coefficients.count)
    let (rows, columns) = (chosen.map { list.points[$0] }, Array(list.points.prefix(terms)))
    let expected = PlainKernels.multiplyRows(
      of: gram, rows, columns: columns, coefficients: list.coefficients)
    let speeds = PlainKernels.multiplyRows(of: gram, rows, columns: columns, coefficients: list.heading)
    let others = list.limits.indices.filter { !chosen.contains($0) }.map { Double(list.limits[$0]) }
    var (changed, slowest, fastest) = (false, 0.0, 0.0)
    for limit in others {
      (slowest, fastest) = (
        max(slowest, Double(Self.length) / (limit - path)), max(fastest, Double(Self.length) / (limit - path))
      )
    }
    for (q, position) in chosen.enumerated() {
      let (s, reach, fires) = (values[q], list.reaches[position], position < list.firing)
      let off = tolerance(terms + 2, largest: 3)
      #expect(abs(Double(s) - Double(list.anchored[position]) - expected[q]) <= off)
      changed = changed || (s > Self.threshold) != fires
      let movement = PlainKernels.movement(
        allowedAt: s, threshold: Self.threshold,
        rounding: Self.error * norms[Int(list.points[position])] + Self.rounding, tie: Self.tie, reach: reach)
      let limit = Double(limits[position])
      #expect(limit <= path + movement, "\(count), path \(path)")
      #expect(limit >= path + movement * (1 - 2e-6) - (path + movement) * 0x1p-23 || path == .infinity)
      let speed = max(fires ? -speeds[q] : speeds[q], 0)
      let least = isHeaded ? max(speed - off, 0) / Double(reach) + Double(Self.margin) : Double(Self.length)
      let most = isHeaded ? (speed + off) / Double(reach) + Double(Self.margin) : Double(Self.length)
      (slowest, fastest) = (max(slowest, least / movement), max(fastest, most / movement))
    }
    #expect((found.changed != 0) == changed)
    guard path.isFinite, found.least > -.infinity else { return }
    #expect(
      Double(found.pace) >= slowest * (1 - 1e-5) && Double(found.pace) <= fastest * (1 + 1e-5), "\(count)")
  }

  /// Ties have no more room than they are given, and none without; limits are rounded down.
  @Test func limitsOfTies() {
    for (s, tie) in [(0.5, 0x1p-9), (0.5, 0), (0.5 + 0x1p-20, 0x1p-30), (.nan, 0x1p-9)] as [(Float, Float)] {
      var (values, limit) = ([0, 0, 0, 0] as [Float], [1] as [Float])
      let list = ComputedList(
        points: [0], limits: limit, anchored: [s], reaches: [0.5], coefficients: [0], heading: [0], firing: 1)
      let found = Matrix([[1]]).withView { gram in
        [1 as Float].withUnsafeBufferPointer { norms in
          withCandidates(list, &limit) {
            Kernels.computeDue(
              Kernels.Pairs(
                gram: gram.base, stride: gram.stride, norms: norms.baseAddress, threshold: 0.5,
                rounding: 0x1p-12, tie: tie),
              heading: $1, $0, Kernels.Choice(count: 1, least: .infinity), positions: [0], firing: 1,
              coefficients: [0], terms: 0, path: 1, error: 0, values: &values)
          }
        }
      }
      #expect(found.least == limit[0])
      let room = 2 * Double(min(tie, 0x1p-12))
      if room == 0 { #expect(limit[0] == -.infinity) }
      if room > 0 { #expect(limit[0] >= 1 && Double(limit[0]) <= 1 + room) }
      #expect((found.changed != 0) == !(s > 0.5))
    }
  }

  @Test func sumsOfSquares() {
    var random = SeededGenerator(seed: 24)
    let matrix = random.matrix(rows: 37, columns: 41)
    for count in 0...20 {
      for terms in 0...20 {
        let rows = indices(terms, below: 37, &random), columns = indices(count, below: 41, &random)
        var result = [Float](repeating: .nan, count: count + 1)
        matrix.withView {
          Kernels.squareSums(of: $0, rows, terms: terms, columns: columns, count: count, into: &result)
        }
        let expected = PlainKernels.squareSums(of: matrix, rows, columns: columns)
        for q in 0..<count {
          #expect(abs(Double(result[q]) - expected[q]) <= tolerance(terms), "\(count) x \(terms)")
        }
        #expect(result[count].isNaN, "nothing is written behind the result")
      }
    }
  }

  /// Reaches are not shorter than the exact ones and limits not farther, both by little; limits that are due stay.
  @Test(arguments: [0, 0x1p-10, 1, 1000] as [Float]) func wideningReaches(path: Float) {
    var random = SeededGenerator(seed: 25)
    var moved = 0
    // Entries of 0 too, and small ones.
    let sizes: [Float] = [0, 0x1p-12, 1, 1]
    for count in 0...40 {
      let row = floats(20, &random).enumerated().map { $1 * sizes[$0 % 4] }
      let points = indices(count, below: 20, &random)
      let reaches = (0..<count).map { _ in Float.random(in: 0x1p-10...2, using: &random) }
      let limits = (0..<count).map { _ -> Float in
        switch Int.random(in: 0..<6, using: &random) {
        case 0: -.infinity
        case 1: path * (1 - 0x1p-24)
        case 2: path
        case 3: path * (1 + 0x1p-23)
        case 4: path + Float.random(in: 0...0x1p-8, using: &random)
        default: path + Float.random(in: 0...9, using: &random)
        }
      }
      var newReaches = reaches + [.nan], newLimits = limits + [.nan]
      let least = Kernels.widenReaches(
        by: row, points: points, count: count, path: path, reaches: &newReaches, limits: &newLimits)
      let expected = PlainKernels.widenReaches(
        by: row, points: points, path: path, reaches: reaches, limits: limits)
      for q in 0..<count {
        let (reach, limit) = (Double(newReaches[q]), Double(newLimits[q]))
        #expect(reach >= expected[q].reach && reach <= expected[q].reach * (1 + 0x1p-20), "\(count)")
        guard limits[q] > path else {
          #expect(newLimits[q] == limits[q], "\(count)")
          continue
        }
        let lowest = expected[q].limit - Double(limits[q]) * 0x1p-19
        #expect(limit <= expected[q].limit && limit >= lowest, "\(count)")
        moved += 1
      }
      #expect(least == newLimits.dropLast().min() ?? .infinity, "\(count)")
      #expect(newReaches[count].isNaN && newLimits[count].isNaN, "nothing is written behind the result")
    }
    #expect(moved > 200)
  }

  /// The rows of one worker, or none, between those of others.
  @Test(arguments: [0..<13, 0..<5, 4..<9, 9..<13, 6..<6]) func countingPairs(rows: Range<Int>) {
    var random = SeededGenerator(seed: 27)
    // Two numbers lie between rows.
    let starts = (0...13).map { $0 * ($0 + 1) / 2 + 2 * $0 }
    for count in 0...20 {
      let point = Int.random(in: 0..<13, using: &random), others = indices(count, below: 13, &random)
      let before = (0..<13).map { wholes($0 + 1, &random).map { Float($0) } }
      var tensor: [Float] = before.flatMap { $0 + [.nan, .nan] }
      Kernels.countPairs(
        in: &tensor, rowStarts: starts, rows: rows, point: point, others: others, count: count, unit: 3)
      let expected = PlainKernels.countPairs(in: before, rows: rows, point: point, others: others, unit: 3)
      for row in 0..<13 {
        let end = starts[row] + row + 1
        #expect(Array(tensor[starts[row]..<end]) == expected[row], "\(count), row \(row)")
        #expect(tensor[end].isNaN && tensor[end + 1].isNaN, "nothing is written between rows")
      }
    }
  }

  @Test func aRowOfTheTensor() {
    var random = SeededGenerator(seed: 26)
    for count in 0...70 {
      let gram = wholes(count, &random).map(Float.init), weights = wholes(count, &random).map(Float.init)
      let values = wholes(count, &random), before = wholes(count, &random)
      var result = before + [.nan]
      let sum = Kernels.tensorRow(
        gram: gram, weights: weights, values: values, count: count, x: 3, into: &result)
      let (expectedSum, expected) = PlainKernels.tensorRow(
        gram: gram, weights: weights, values: values, x: 3, result: before)
      #expect(sum == expectedSum && Array(result.dropLast()) == expected, "\(count)")
      #expect(result[count].isNaN, "nothing is written behind the result")
    }
  }

  @Test(arguments: [8, 16, 24, 32, 40, 56, 64]) func blocksOfTheTensor(width: Int) {
    var random = SeededGenerator(seed: UInt64(width))
    for count in 0...17 {
      let gram = wholes(count, &random).map(Float.init), x = wholes(2 * width, &random)
      let blocks = (0..<count).map { _ in wholes(width, &random).map(Float.init) }
      let values = (0..<count).map { _ in wholes(2 * width, &random) }
      let others = (0..<count).map { _ in wholes(2 * width, &random) }, own = wholes(2 * width, &random)
      let expected = PlainKernels.tensorBlocks(
        gram: gram, blocks: blocks, values: values, x: x, own: own, others: others)
      // Blocks side by side and apart, of floats and of 16 bits.
      let spaced = blocks.map { $0 + [Float](repeating: 99, count: 8) }
      for (blocks, stride) in [(blocks, width), (spaced, width + 8)] {
        for isNarrow in [false, true] {
          var foundOwn = own + [.nan], foundOthers = others.flatMap(\.self) + [.nan]
          let flat = blocks.flatMap(\.self)
          Matrix([flat]).withView {
            if isNarrow {
              Kernels.tensorBlocks(
                gram: gram, blocks: flat.map { Int16($0) }, stride: stride, values: values.flatMap(\.self),
                count: count, width: width, x: x, own: &foundOwn, others: &foundOthers)
            } else {
              Kernels.tensorBlocks(
                gram: gram, blocks: $0.row(0), stride: stride, values: values.flatMap(\.self), count: count,
                width: width, x: x, own: &foundOwn, others: &foundOthers)
            }
          }
          #expect(Array(foundOwn.dropLast()) == expected.own, "\(count)")
          #expect(Array(foundOthers.dropLast()) == expected.others.flatMap(\.self), "\(count)")
          #expect(foundOwn[2 * width].isNaN && foundOthers[2 * width * count].isNaN)
        }
      }
    }
  }
}
