import FireTreeCore
import TestSupport
import Testing

/// The kernels of a look at a neuron's candidates, against their plain twins: which are computed, where they may be, and where the
/// neuron is headed.
@Suite struct KineticLookKernelTests {
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
            points: random.indices(count, below: 37), limits: limits,
            anchored: random.floats(count), reaches: random.floats(count).map { abs($0) + 0x1p-10 },
            coefficients: random.floats(terms), heading: random.floats(terms),
            firing: Int.random(in: 0...count, using: &random)),
          gram: gram, norms: random.floats(37).map(abs), path: path,
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
    var values = [Float](repeating: .nan, count: count + 4), speeds = values
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
            coefficients: list.coefficients, terms: terms, path: path, error: Self.error, values: &values,
            speeds: &speeds)
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
    check(
      list, chosen, (values, speeds), limits, found, gram: gram, norms: norms, path: path, isHeaded: isHeaded)
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
    _ list: ComputedList, _ chosen: [Int], _ computed: (values: [Float], speeds: [Float]), _ limits: [Float],
    _ found: Kernels.Look, gram: Matrix, norms: [Float], path: Double, isHeaded: Bool
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
      let (s, reach, fires) = (computed.values[q], list.reaches[position], position < list.firing)
      let off = PlainKernels.tolerance(terms + 2, largest: 3)
      #expect(abs(Double(s) - Double(list.anchored[position]) - expected[q]) <= off)
      changed = changed || (s > Self.threshold) != fires
      let movement = PlainKernels.movement(
        allowedAt: s, threshold: Self.threshold,
        rounding: Self.error * norms[Int(list.points[position])] + Self.rounding, tie: Self.tie, reach: reach)
      let limit = Double(limits[position])
      #expect(limit <= path + movement, "\(count), path \(path)")
      #expect(limit >= path + movement * (1 - 2e-6) - (path + movement) * 0x1p-23 || path == .infinity)
      #expect(abs(Double(computed.speeds[q]) - (isHeaded ? speeds[q] : 0)) <= off)
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
      var speeds = values
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
              coefficients: [0], terms: 0, path: 1, error: 0, values: &values, speeds: &speeds)
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

  /// The pace by the headings as they have turned, from nothing; some candidates are not computed.
  @Test(arguments: 0...21) func paceOfATurnedHeading(count: Int) {
    var random = SeededGenerator(seed: UInt64(60 + count))
    let gram = random.matrix(rows: 37, columns: 37)
    for path in [0, 1, 2.5, 30] as [Double] {
      let list = ComputedList(
        points: random.indices(count, below: 37),
        limits: (0..<count).map { _ in Float(path) + .random(in: 0.01...7, using: &random) },
        anchored: random.floats(count), reaches: random.floats(count).map { abs($0) + 0x1p-10 },
        coefficients: [], heading: [], firing: Int.random(in: 0...count, using: &random))
      let positions = (0..<count).filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
      let turned = random.indices(Int.random(in: 0...3, using: &random), below: 37)
      let (turns, speeds) = (random.floats(turned.count), random.floats(positions.count))
      var (limits, left) = (list.limits, speeds + [.nan])
      let pace = gram.withView { gram in
        withCandidates(list, &limits) { candidates, heading in
          Kernels.findPace(
            Kernels.Pairs(
              gram: gram.base, stride: gram.stride, norms: nil, threshold: 0, rounding: 0, tie: 0),
            heading: heading, candidates, count: count, positions: positions.map(UInt16.init),
            computed: positions.count, firing: list.firing,
            Kernels.Turns(points: turned, values: turns, count: turned.count), path: path, speeds: &left)
        }
      }
      var expected = 0.0
      for k in 0..<count {
        var approach = Double(Self.length)
        if let q = positions.firstIndex(of: k) {
          let speed = turned.indices.reduce(Double(speeds[q])) {
            $0 + Double(turns[$1]) * Double(gram[Int(list.points[k]), Int(turned[$1])])
          }
          approach = max(k < list.firing ? -speed : speed, 0) / Double(list.reaches[k]) + Double(Self.margin)
        }
        expected = max(expected, approach / (Double(limits[k]) - path))
      }
      #expect(abs(Double(pace) - expected) <= 1e-5 * expected, "\(count)")
      #expect(limits == list.limits, "limits are what they were")
    }
  }
}
