import FireTreeCore
import Foundation
import TestSupport
import Testing

@Suite struct RandomNumberTests {
  /// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
  @Test func philoxKnownAnswers() {
    #expect(
      CounterGenerator.philox(counter: SIMD4(), key: SIMD2())
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      CounterGenerator.philox(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      CounterGenerator.philox(
        counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: SIMD2(0xa409_3822, 0x299f_31d0))
        == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  private func normals(seed: UInt64, row: Int, count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress {
        CounterGenerator(seed: seed, stream: 0).normals(row: row, into: base, count: count)
      }
      initialized = count
    }
  }

  /// The values are the Box-Muller transform of the words, computed here in double precision.
  @Test func normalsFollowBoxMuller() {
    let generator = CounterGenerator(seed: 42, stream: 0)
    for row in [0, 1, 1_000_000_007] {
      let values = normals(seed: 42, row: row, count: 1600)
      for group in 0..<100 {
        let words = (0..<4).flatMap { block in
          (0..<4).map { generator.words(row: row, block: UInt32(group * 4 + block))[$0] }
        }
        for pair in 0..<8 {
          let radius = (-2 * log((Double(words[pair]) + 0.5) * 0x1p-32)).squareRoot()
          let angle = 2 * Double.pi * Double(words[8 + pair]) * 0x1p-32
          #expect(abs(Double(values[group * 16 + pair]) - radius * cos(angle)) < 2e-6)
          #expect(abs(Double(values[group * 16 + 8 + pair]) - radius * sin(angle)) < 2e-6)
        }
      }
    }
  }

  /// The kernel gives the bits of its plain twin, on every processor, for any length, row, seed and stream.
  @Test func normalsAreThoseOfThePlainTwin() {
    for (seed, row) in [(0, 0), (UInt64.max, 1), (0x1234_5678_9ABC_DEF0, 1 << 40 | 77), (42, 999_999)] {
      for count in Array(0...130) + [784, 20_000] {
        #expect(
          normals(seed: seed, row: row, count: count)
            == PlainNormals.row(row, of: CounterGenerator(seed: seed, stream: 0), count: count))
      }
    }
    var other = [Float](repeating: 0, count: 70)
    other.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      CounterGenerator(seed: 7, stream: 0xFFFF_FFFF).normals(row: 3, into: base, count: 70)
    }
    #expect(
      other == PlainNormals.row(3, of: CounterGenerator(seed: 7, stream: 0xFFFF_FFFF), count: 70))
  }

  /// Any row, and any prefix of a row, can be made again alone.
  @Test func rowsArePureFunctionsOfSeedAndIndex() {
    let whole = normals(seed: 3, row: 9, count: 100)
    for count in [0, 1, 2, 15, 16, 17, 99] {
      #expect(normals(seed: 3, row: 9, count: count) == Array(whole.prefix(count)))
    }
    #expect(normals(seed: 3, row: 10, count: 100) != whole && normals(seed: 4, row: 9, count: 100) != whole)
  }

  @Test func normalsHaveTheRightDistribution() {
    let values = (0..<200).flatMap { normals(seed: 11, row: $0, count: 1000) }.map(Double.init).sorted()
    let mean = values.reduce(0, +) / 200_000
    let variance = values.reduce(0) { $0 + $1 * $1 } / 200_000
    // Five standard deviations of the estimates; the seed is fixed.
    #expect(abs(mean) < 0.0112 && abs(variance - 1) < 0.0159)
    // Kolmogorov-Smirnov: sqrt(n) D above 1.95 has probability 0.1%.
    let deviation =
      values.enumerated().map { abs(1 - NormalDistribution.tail($1) - Double($0) / 200_000) }.max() ?? 1
    #expect(deviation * 200_000.0.squareRoot() < 1.95)
  }

  @Test func signsAreFairAndNothingElse() {
    var signs = [Float](repeating: 0, count: 10_000)
    signs.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress {
        CounterGenerator(seed: 1, stream: 1).signs(row: 0, into: base, count: 10_000)
      }
    }
    #expect(signs.allSatisfy { $0 == 1 || $0 == -1 } && abs(signs.reduce(0, +)) < 500)
  }

  @Test func tailsAndThresholds() {
    // Values of the normal table (Abramowitz and Stegun, 26.2).
    for (x, tail) in [
      (0.0, 0.5), (1, 0.158655253931457), (1.919, 0.0274922), (3, 0.00134989803163), (-1, 0.841344746068543),
    ] {
      #expect(abs(NormalDistribution.tail(x) - tail) < 1e-7)
    }
    for share in [0.001, 0.02, 0.5, 0.9] {
      let b = NormalDistribution.threshold(firingShare: share, norms: [1])
      #expect(abs(NormalDistribution.tail(b) - share) < 1e-10 * max(1, share))
      let doubled = NormalDistribution.threshold(firingShare: share, norms: [2, 2, 2])
      #expect(abs(doubled - 2 * b) < 1e-9)
    }
    let mixed = NormalDistribution.threshold(firingShare: 0.1, norms: [0, 1])
    #expect(abs(NormalDistribution.tail(mixed) - 0.2) < 1e-9)
    #expect(NormalDistribution.threshold(firingShare: 0.3, norms: [0]).isFinite)
  }
}
