import FireTreeCore
import TestSupport
import Testing

/// The kernels of the co-firing tensor against their plain twins, on whole numbers, bit by bit.
@Suite struct CoFiringKernelTests {
  /// The rows of one worker, or none, between those of others.
  @Test(arguments: [0..<13, 0..<5, 4..<9, 9..<13, 6..<6]) func countingPairs(rows: Range<Int>) {
    var random = SeededGenerator(seed: 27)
    // Two numbers lie between rows.
    let starts = (0...13).map { $0 * ($0 + 1) / 2 + 2 * $0 }
    for count in 0...20 {
      let point = Int.random(in: 0..<13, using: &random), others = random.indices(count, below: 13)
      let before = (0..<13).map { random.wholes($0 + 1).map { Float($0) } }
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
      let gram = random.wholes(count).map(Float.init), weights = random.wholes(count).map(Float.init)
      let values = random.wholes(count), before = random.wholes(count)
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
      let gram = random.wholes(count).map(Float.init), x = random.wholes(2 * width)
      let blocks = (0..<count).map { _ in random.wholes(width).map(Float.init) }
      let values = (0..<count).map { _ in random.wholes(2 * width) }
      let others = (0..<count).map { _ in random.wholes(2 * width) }, own = random.wholes(2 * width)
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
