import CKernels

/// A counter-based random generator: the words of stream `stream`, row `row` are a pure function of the seed, so
/// any row can be made again alone, in any order, on any thread or machine.
///
/// Philox-4x32 with 10 rounds (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011,
/// section 3.3). Key: the seed. Counter: (block, stream, row low, row high).
public struct CounterGenerator: Sendable {
  public let seed: UInt64
  /// Separates the uses of one seed: hidden weights, output weights, ...
  public let stream: UInt32

  public init(seed: UInt64, stream: UInt32) {
    self.seed = seed
    self.stream = stream
  }

  /// The four words of block `block` of row `row`.
  @inline(__always)
  public func words(row: Int, block: UInt32) -> SIMD4<UInt32> {
    let row = UInt64(truncatingIfNeeded: row)
    return Self.philox(
      counter: SIMD4(block, stream, UInt32(truncatingIfNeeded: row), UInt32(truncatingIfNeeded: row >> 32)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// The bijection itself, public for its known-answer test.
  @inline(__always)
  public static func philox(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    // Scalars, not lanes: moving words in and out of vectors costs more than the rounds.
    var (a, b, c, d) = (counter[0], counter[1], counter[2], counter[3])
    var (k, l) = (key[0], key[1])
    for _ in 0..<10 {
      let p = UInt64(a) &* 0xD251_1F53, q = UInt64(c) &* 0xCD9E_8D57
      (a, b, c, d) = (
        UInt32(truncatingIfNeeded: q >> 32) ^ b ^ k, UInt32(truncatingIfNeeded: q),
        UInt32(truncatingIfNeeded: p >> 32) ^ d ^ l, UInt32(truncatingIfNeeded: p)
      )
      k &+= 0x9E37_79B9
      l &+= 0xBB67_AE85
    }
    return SIMD4(a, b, c, d)
  }

  /// Fills `row` with independent standard normals.
  ///
  /// Box-Muller on pairs of words, in single precision and with polynomials of our own, so that the bits do not
  /// depend on the C library. Sixteen words make eight pairs: radii from the first eight, angles from the others.
  /// Values lie within 6.7 of 0 (a uniform has 32 bits).
  ///
  /// Complexity: O(count), about one Philox round trip for four values.
  public func normals(row index: Int, into row: UnsafeMutablePointer<Float>, count: Int) {
    firetree_normals(seed, stream, UInt64(truncatingIfNeeded: index), row, count)
  }

  /// Fills `row` with independent signs, -1 or +1.
  public func signs(row index: Int, into row: UnsafeMutablePointer<Float>, count: Int) {
    for position in 0..<count {
      let word = words(row: index, block: UInt32(truncatingIfNeeded: position / 128))[position / 32 % 4]
      row[position] = (word >> UInt32(position % 32)) & 1 == 0 ? -1 : 1
    }
  }
}
