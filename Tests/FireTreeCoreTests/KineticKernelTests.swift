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

  private func quads(_ count: Int, _ random: inout SeededGenerator) -> [SIMD4<Float>] {
    (0..<count).map { _ in SIMD4.random(in: -1...1, using: &random) }
  }

  private func wholes(_ count: Int, _ random: inout SeededGenerator) -> [Double] {
    (0..<count).map { _ in Double(Int.random(in: -9...9, using: &random)) }
  }

  /// Whether the first `expected.count` quads are within the tolerance, and the last untouched.
  private func agree(_ result: [SIMD4<Float>], _ expected: [[Double]], _ tolerance: Double) -> Bool {
    zip(result, expected).allSatisfy { quad, row in
      (0..<4).allSatisfy { abs(Double(quad[$0]) - row[$0]) <= tolerance }
    } && result.last?.x.isNaN == true
  }

  @Test func combiningQuads() {
    var random = SeededGenerator(seed: 21)
    let matrix = random.matrix(rows: 37, columns: 41)
    for count in 0...18 {
      for terms in 0...18 {
        let rows = indices(terms, below: 37, &random), columns = indices(count, below: 41, &random)
        let quads = quads(terms, &random)
        var result = [SIMD4<Float>](repeating: SIMD4(repeating: .nan), count: count + 1)
        matrix.withView {
          Kernels.combineQuads(
            of: $0, rows, quads, terms: terms, columns: columns, count: count, into: &result)
        }
        let expected = PlainKernels.combineQuads(of: matrix, rows, quads, columns: columns)
        #expect(agree(result, expected, tolerance(terms)), "\(count) x \(terms)")
      }
    }
  }

  @Test func combiningASymmetricMatrix() {
    var random = SeededGenerator(seed: 22)
    var matrix = random.matrix(rows: 60, columns: 60)
    for i in 0..<60 { for j in 0..<i { matrix[i, j] = matrix[j, i] } }
    for count in 0...40 {
      let indices = indices(count, below: 60, &random), quads = quads(count, &random)
      var result = [SIMD4<Float>](repeating: SIMD4(repeating: .nan), count: count + 1)
      matrix.withView {
        Kernels.combineQuadsSymmetric(of: $0, indices, quads, count: count, into: &result)
      }
      let expected = PlainKernels.combineQuads(of: matrix, indices, quads, columns: indices)
      #expect(agree(result, expected, tolerance(count)), "\(count)")
    }
  }

  /// Rows of every stride, in every lane of the quads; the other lanes keep what they had.
  @Test(arguments: 1...34, [false, true]) func historyProducts(outputs: Int, hasThen: Bool) {
    var random = SeededGenerator(seed: UInt64(outputs))
    let histories = (0..<2).map { _ in random.matrix(rows: 8, columns: outputs) }
    let vector = random.matrix(rows: 1, columns: outputs)
    // A single column is kept without padding.
    let stored = outputs == 1 ? histories.map { Matrix([$0.elements.map { $0[0] }]) } : histories
    for count in 0...9 {
      let points = indices(count, below: 8, &random), lane = count % 4
      var result = [SIMD4<Float>](repeating: SIMD4(repeating: .nan), count: count + 1)
      var magnitude: Float = 0
      Matrix.withViews(stored[0], stored[1], vector) { now, then, vector in
        let stride = outputs == 1 ? 1 : now.stride
        Kernels.historyProducts(
          vector.row(0), now: now.row(0), then: hasThen ? then.row(0) : nil, stride: stride, points: points,
          count: count, scale: 0.5, into: &result, lane: lane)
        magnitude = Kernels.magnitudeProducts(
          vector.row(0), now.row(0), stride: stride, points: points, count: count)
      }
      let expected = PlainKernels.historyProducts(
        vector.row(0), now: histories[0], then: hasThen ? histories[1] : nil, points: points, scale: 0.5)
      for t in 0..<count {
        #expect(abs(Double(result[t][lane]) - expected[t]) <= tolerance(outputs, largest: 2))
        for other in 0..<4 where other != lane { #expect(result[t][other].isNaN) }
      }
      #expect(result[count].x.isNaN && result[count][lane].isNaN)
      let sizes = PlainKernels.historyProducts(
        vector.row(0), now: histories[0], then: nil, points: points, scale: 1)
      #expect(
        abs(Double(magnitude) - sizes.reduce(0) { $0 + abs($1) }) <= tolerance(outputs * count + 1))
    }
  }

  @Test(arguments: 1...34, [false, true]) func residuals(outputs: Int, largest: Bool) {
    var random = SeededGenerator(seed: UInt64(outputs))
    for count in [0, 1, 2, 3, 15, 16, 17, 33] {
      let given = (0..<4).map { _ in random.matrix(rows: count, columns: outputs) }
      let norms = floats(count, &random).map(abs)
      let expected = PlainKernels.residuals(
        given[0], minus: given[1], direction: given[2], change: given[3], times: (3, -2), scale: 0.5,
        norms: norms)
      // A single column is kept without padding.
      let stored = outputs == 1 ? given.map { Matrix([$0.elements.map { $0[0] }]) } : given
      let stride = outputs == 1 ? 1 : given[0].stride
      var result = [Float](repeating: .nan, count: count * stride + 1)
      var sizes = [Float](repeating: .nan, count: count + 1)
      Matrix.withViews(stored[0], stored[1], stored[2]) { now, then, direction in
        stored[3].withView { change in
          Kernels.residuals(
            now.row(0), minus: then.row(0), direction: direction.row(0), change: change.row(0),
            times: (3, -2), scale: 0.5, norms: norms, count: count, stride: stride, largest: largest,
            into: &result, sizes: &sizes)
        }
      }
      // Four terms of at most 3.
      for i in 0..<count {
        for c in 0..<stride {
          let value = Double(result[i * stride + c])
          #expect(abs(value - (c < outputs ? expected[i][c] : 0)) <= tolerance(4, largest: 3))
        }
        let magnitudes = expected[i].map(abs)
        let size = largest ? magnitudes.max() ?? 0 : magnitudes.reduce(0, +)
        #expect(abs(Double(sizes[i]) - size) <= tolerance(outputs + 4, largest: 4))
      }
      #expect(result[count * stride].isNaN && sizes[count].isNaN, "nothing is written behind the result")
    }
  }

  @Test func sumsOfExcesses() {
    var random = SeededGenerator(seed: 23)
    for count in 0...50 {
      for cutCount in [0, 1, 5, 16] {
        let values = floats(count, &random).map(abs)
        // Cuts among the values too.
        let cuts = (0..<cutCount).map {
          count > 0 && $0 % 2 == 0 ? values[$0 % count] : Float.random(in: 0...1, using: &random)
        }
        var sums = [Float](repeating: .nan, count: cutCount + 1)
        Kernels.excessSums(of: values, count: count, cuts: cuts, cutCount: cutCount, into: &sums)
        let expected = PlainKernels.excessSums(of: values, cuts: cuts)
        for k in 0..<cutCount { #expect(abs(Double(sums[k]) - expected[k]) <= tolerance(count)) }
        #expect(sums[cutCount].isNaN, "nothing is written behind the result")
      }
    }
  }

  /// Ages equal to deadlines and errors equal to reserves have not run out; an error that is no number has.
  @Test func selectingTheExpired() {
    var random = SeededGenerator(seed: 24)
    let levels: [Float] = [0, 0.25, 0.5, 1, .infinity, .nan]
    var total = 0
    for count in 0...70 {
      let slots = 5
      let ages = (0..<slots).map { _ in UInt8.random(in: 0...4, using: &random) }
      let errors = (0..<slots * 16).map { _ in levels[Int.random(in: 0..<6, using: &random)] }
      let bins = indices(count, below: slots * 16, &random)
      let deadlines = (0..<count).map { _ in
        [0, 1, 2, 3, 4, UInt8.max][Int.random(in: 0..<6, using: &random)]
      }
      let reserves = (0..<count).map { _ in levels[Int.random(in: 0..<5, using: &random)] }
      var positions = [UInt32](repeating: .max, count: count + 1)
      let found = Kernels.selectExpired(
        bins: bins, deadlines: deadlines, reserves: reserves, count: count, ages: ages, errors: errors,
        into: &positions)
      let expected = PlainKernels.selectExpired(
        bins: bins, deadlines: deadlines, reserves: reserves, ages: ages, errors: errors)
      #expect(positions[0..<found].map(Int.init) == expected, "\(count)")
      #expect(positions[count] == .max, "nothing is written behind the result")
      total += found
    }
    #expect(total > 300 && total < 2300)
  }

  @Test func futureMargins() {
    var random = SeededGenerator(seed: 25)
    for count in 0...40 {
      let times = random.matrix(rows: 3, columns: 16)
      let norms = (0..<20).map { _ in Float.random(in: 0.25...2, using: &random) }
      let points = indices(count, below: 20, &random)
      var quads = quads(count, &random)
      if count > 2 { quads[1].x = 0.25 }  // exactly the threshold
      var margins = Matrix(rows: 1, columns: 16)
      // Margins that are already low stay.
      for k in 0..<16 { margins[0, k] = k % 5 == 0 ? -3 : .greatestFiniteMagnitude }
      let expected = PlainKernels.futureMargins(
        of: quads, points: points, inverseNorms: norms, threshold: 0.25, times: times, margins: margins.row(0)
      )
      times.withView { times in
        margins.withMutableView {
          Kernels.futureMargins(
            of: quads, points: points, inverseNorms: norms, count: count, threshold: 0.25,
            times: times.row(0),
            into: $0.row(0))
        }
      }
      // Four terms of at most 2.5.
      for k in 0..<16 {
        #expect(
          abs(Double(margins[0, k]) - expected[k]) <= (count == 0 ? 0 : tolerance(4, largest: 2.5)),
          "\(count)")
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
      var foundOwn = own + [.nan], foundOthers = others.flatMap(\.self) + [.nan]
      Matrix([blocks.flatMap(\.self)]).withView {
        Kernels.tensorBlocks(
          gram: gram, blocks: $0.row(0), values: values.flatMap(\.self), count: count, width: width, x: x,
          own: &foundOwn, others: &foundOthers)
      }
      #expect(Array(foundOwn.dropLast()) == expected.own, "\(count)")
      #expect(Array(foundOthers.dropLast()) == expected.others.flatMap(\.self), "\(count)")
      #expect(foundOwn[2 * width].isNaN && foundOthers[2 * width * count].isNaN)
    }
  }
}
