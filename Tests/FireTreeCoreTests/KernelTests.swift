import FireTreeCore
import TestSupport
import Testing

/// Every kernel in C against its plain twin, for all small sizes around the widths of vectors and unrolling.
@Suite struct KernelTests {
  private func indices(_ count: Int, below bound: Int, _ random: inout SeededGenerator) -> [Int] {
    (0..<count).map { _ in Int.random(in: 0..<bound, using: &random) }
  }

  private func floats(_ count: Int, _ random: inout SeededGenerator) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
  }

  @Test func multiplyingRows() {
    var random = SeededGenerator(seed: 11)
    let matrix = random.matrix(rows: 37, columns: 41)
    for count in 0...26 {
      for terms in [0, 1, 2, 7, 30] {
        let rows = indices(count, below: 37, &random).map(UInt16.init)
        let columns = indices(terms, below: 41, &random).map(UInt16.init)
        let coefficients = floats(terms, &random)
        var result = [Float](repeating: .nan, count: count + 1)
        matrix.withView {
          Kernels.multiplyRows(
            of: $0, rows, count: count, columns: columns, coefficients: coefficients, terms: terms,
            into: &result)
        }
        let expected = PlainKernels.multiplyRows(
          of: matrix, rows, columns: columns, coefficients: coefficients)
        for q in 0..<count { #expect(abs(Double(result[q]) - expected[q]) < 1e-5, "\(count) x \(terms)") }
        #expect(result[count].isNaN, "nothing is written behind the result")
      }
    }
  }

  @Test(arguments: 1...49)
  func rowsTimesAVector(columns: Int) {
    var random = SeededGenerator(seed: UInt64(columns))
    let matrix = random.matrix(rows: 9, columns: columns)
    var vectors = random.matrix(rows: 1, columns: columns)
    let vector = vectors.row(0)
    for count in 0...9 {
      let rows = indices(count, below: 9, &random), coefficients = floats(count, &random)
      var short = [Float](repeating: 0, count: count + 1), long = short
      Matrix.withViews(matrix, vectors) { matrix, vectors in
        Kernels.shortProducts(
          vectors.row(0), with: matrix, rows: rows.map(UInt16.init), count: count, scale: 0.5, into: &short)
        Kernels.dotRows(
          of: matrix, rows.map(UInt32.init), count: count, with: vectors.row(0), into: &long)
      }
      let expected = PlainKernels.products(vector, with: matrix, rows: rows)
      for t in 0..<count {
        #expect(abs(Double(long[t]) - expected[t]) < 1e-5)
        #expect(abs(Double(short[t]) - expected[t] / 2) < 1e-5)
      }
      vectors = Matrix([vector])
      matrix.withView { matrix in
        vectors.withMutableView {
          Kernels.addRows(
            of: matrix, rows.map(UInt32.init), coefficients: coefficients, terms: count, to: $0.row(0))
        }
      }
      let sum = PlainKernels.addRows(of: matrix, rows, coefficients: coefficients, to: vector)
      for j in 0..<columns { #expect(abs(Double(vectors[0, j]) - sum[j]) < 1e-5) }
      vectors = Matrix([vector])
    }
  }

  @Test(arguments: 1...18)
  func addingExcess(outputs: Int) {
    var random = SeededGenerator(seed: UInt64(outputs))
    let weights = random.matrix(rows: 1, columns: outputs)
    for count in [0, 1, 5, 12] {
      for stride in Set([outputs, (outputs + 7) / 8 * 8]) {
        let points = indices(count, below: 6, &random).map(UInt16.init)
        var values = floats(count, &random)
        if count > 2 { values[1] = 0.25 }  // exactly the threshold: does not fire
        var sums = [Double](repeating: 1, count: 6 * stride)
        let found = weights.withView {
          Kernels.addExcess(
            to: &sums, stride: stride, weights: $0.row(0), columns: outputs, points: points, values: values,
            count: count, threshold: 0.25)
        }
        let (expected, expectedFound) = PlainKernels.addExcess(
          to: [[Double]](repeating: [Double](repeating: 1, count: outputs), count: 6),
          weights: weights.row(0),
          points: points, values: values, threshold: 0.25)
        #expect(found == expectedFound)
        for i in 0..<6 {
          for c in 0..<outputs { #expect(sums[i * stride + c] == expected[i][c]) }
        }
      }
    }
  }

  @Test func selectingTheUncertain() {
    var random = SeededGenerator(seed: 3)
    let norms = floats(20, &random).map(abs)
    for count in 0...40 {
      let points = indices(count, below: 20, &random).map(UInt16.init), ceilings = floats(count, &random)
      var positions = [UInt16](repeating: .max, count: count + 1)
      let found = Kernels.selectUncertain(
        ceilings: ceilings, points: points, norms: norms, count: count, reach: 0.3, largestNorm: 1,
        threshold: 0.4, into: &positions)
      let expected = (0..<count).filter { ceilings[$0] + 0.3 * norms[Int(points[$0])] > 0.4 }
      #expect(positions[0..<found].map(Int.init) == expected)
    }
  }

  @Test func combiningASymmetricMatrix() {
    var random = SeededGenerator(seed: 12)
    var matrix = random.matrix(rows: 60, columns: 60)
    for i in 0..<60 { for j in 0..<i { matrix[i, j] = matrix[j, i] } }
    for count in 0...40 {
      let indices = indices(count, below: 60, &random).map(UInt16.init), coefficients = floats(count, &random)
      var result = [Float](repeating: .nan, count: count + 1)
      matrix.withView {
        Kernels.combineSymmetric(
          of: $0, indices, coefficients: coefficients, count: count, into: &result)
      }
      let expected = PlainKernels.multiplyRows(
        of: matrix, indices, columns: indices, coefficients: coefficients)
      for q in 0..<count { #expect(abs(Double(result[q]) - expected[q]) < 1e-5, "\(count)") }
      #expect(result[count].isNaN, "nothing is written behind the result")
    }
  }

  @Test func aStepOfTheCoefficients() {
    var random = SeededGenerator(seed: 13)
    for count in 0...40 {
      let current = floats(count, &random), gradients = floats(count, &random),
        before = floats(count, &random)
      var steps = [Float](repeating: .nan, count: count + 1), alpha = before + [.nan]
      let magnitude = Kernels.stepCoefficients(
        where: current, above: 0.1, gradients: gradients, count: count, rate: 0.5, steps: &steps,
        alpha: &alpha)
      let expected = (0..<count).map { current[$0] > 0.1 ? -0.5 * gradients[$0] : 0 }
      #expect(Array(steps.prefix(count)) == expected && steps[count].isNaN && alpha[count].isNaN)
      for k in 0..<count { #expect(abs(alpha[k] - before[k] - expected[k]) < 1e-6) }
      #expect(abs(magnitude - expected.reduce(0) { $0 + abs($1) }) < 1e-5)
    }
  }

  @Test func advancingCurrentValues() {
    var random = SeededGenerator(seed: 14)
    for count in 0...40 {
      let before = floats(count, &random), anchored = floats(count, &random)
      let changes = floats(count, &random), steps = floats(count, &random), alpha = floats(count, &random)
      var current = before
      var squares = (step: Float(1), drift: Float(2))
      Kernels.advanceCurrent(
        &current, anchored: anchored, changes: changes, steps: steps, alpha: alpha, count: count,
        squares: &squares)
      var expected = (step: 1.0, drift: 2.0)
      for k in 0..<count {
        #expect(current[k] == anchored[k] + changes[k])
        expected.step += Double(steps[k]) * (Double(anchored[k] + changes[k]) - Double(before[k]))
        expected.drift += Double(alpha[k]) * Double(changes[k])
      }
      #expect(abs(Double(squares.step) - expected.step) < 1e-4)
      #expect(abs(Double(squares.drift) - expected.drift) < 1e-4)
    }
  }

  /// Single pairs have the bits of whole products, in any order and number, with every rest of sixteen columns.
  @Test func singlePairsHaveTheSameBits() {
    var random = SeededGenerator(seed: 31)
    for columns in Array(1...40) + [64, 100, 784] {
      let (w, x) = (random.matrix(rows: 9, columns: columns), random.matrix(rows: 7, columns: columns))
      var products = Matrix(rows: 9, columns: 7)
      products.withMutableView { products in
        Matrix.withViews(w, x) { Kernels.correlate($0, $1, into: products) }
      }
      for count in 0...20 {
        var hits = (0..<count).map { _ in
          Kernels.Hit(
            value: .nan, row: UInt16.random(in: 0..<9, using: &random),
            point: UInt16.random(in: 0..<7, using: &random))
        }
        hits.withUnsafeMutableBufferPointer { hits in
          Matrix.withViews(w, x) { Kernels.correlatePairs(hits, of: $0, $1) }
        }
        #expect(hits.allSatisfy { $0.value == products[Int($0.row), Int($0.point)] })
      }
    }
  }
}
