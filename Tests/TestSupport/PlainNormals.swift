import FireTreeCore

/// `CounterGenerator.normals`, written plainly: the same bits.
public enum PlainNormals {
  public static func row(_ index: Int, of generator: CounterGenerator, count: Int) -> [Float] {
    var result: [Float] = []
    while result.count < count {
      let words = (0..<4).map { generator.words(row: index, block: UInt32(result.count / 4 + $0)) }
      let radius = Elementary.radius(SIMD8(lowHalf: words[0], highHalf: words[1]))
      let (sine, cosine) = Elementary.sineAndCosine(SIMD8(lowHalf: words[2], highHalf: words[3]))
      for values in [radius * cosine, radius * sine] { result += (0..<8).map { values[$0] } }
    }
    return Array(result.prefix(count))
  }
}

/// Single-precision elementary functions of random words, eight at a time.
///
/// The polynomials are the classical minimax ones of the Cephes library (S. Moshier, `logf`, `sinf`, `cosf`); the
/// error is below 2 units in the last place of the factor concerned, far under the 2^-32 grain of the words.
private enum Elementary {
  typealias Words = SIMD8<UInt32>
  typealias Values = SIMD8<Float>

  /// sqrt(-2 ln u) for u = (word + 1/2) / 2^32, rounded, in (0, 1].
  @inline(__always)
  static func radius(_ words: Words) -> Values {
    squareRoot(-2 * logarithm((value(words &>> 16) * 0x1p16 + (value(words & 0xFFFF) + 0.5)) * 0x1p-32))
  }

  /// Words below 2^23 as floats, exactly.
  ///
  /// The word is put into the mantissa of 2^23, which vectorises where the standard conversion does not.
  @inline(__always)
  private static func value(_ words: Words) -> Values {
    unsafeBitCast(words | 0x4B00_0000, to: Values.self) - 0x1p23
  }

  /// The square root of each lane, four lanes an instruction.
  @inline(__always)
  private static func squareRoot(_ x: Values) -> Values {
    Values(lowHalf: x.lowHalf.squareRoot(), highHalf: x.highHalf.squareRoot())
  }

  /// ln x for normal positive x.
  @inline(__always)
  static func logarithm(_ x: Values) -> Values {
    let bits = unsafeBitCast(x, to: Words.self)
    // x = 2^e f with f in [sqrt(1/2), sqrt(2)).
    let shifted = bits &- 0x3F35_04F3
    let exponent = value((shifted &+ 0x4000_0000) &>> 23) - 128
    let f = unsafeBitCast((shifted & 0x007F_FFFF) &+ 0x3F35_04F3, to: Values.self) - 1
    var p = Values(repeating: 7.0376836292e-2)
    p = p * f - 1.1514610310e-1
    p = p * f + 1.1676998740e-1
    p = p * f - 1.2420140846e-1
    p = p * f + 1.4249322787e-1
    p = p * f - 1.6668057665e-1
    p = p * f + 2.0000714765e-1
    p = p * f - 2.4999993993e-1
    p = p * f + 3.3333331174e-1
    let square = f * f
    return exponent * 0.693359375 + (f - 0.5 * square + (f * square * p - exponent * 2.12194440e-4))
  }

  /// sin and cos of 2 pi word / 2^32.
  @inline(__always)
  static func sineAndCosine(_ words: Words) -> (sine: Values, cosine: Values) {
    // The angle is quadrant * pi/2 + t with t = (remainder - 2^29) * 2 pi / 2^32 in [-pi/4, pi/4).
    let quadrant = (words &+ 0x2000_0000) &>> 30
    let remainder = (words &+ 0x2000_0000) & 0x3FFF_FFFF
    let t = ((value(remainder &>> 16) - 0x1p13) * 0x1p16 + value(remainder & 0xFFFF)) * 1.4629180792671596e-9
    let z = t * t
    let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * t + t
    let c =
      ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1
    // Selection and signs by bits: masks of lanes do not vectorise.
    let odd = Words() &- (quadrant & 1)
    let sineBits = unsafeBitCast(s, to: Words.self), cosineBits = unsafeBitCast(c, to: Words.self)
    let sine = ((cosineBits & odd) | (sineBits & ~odd)) ^ ((quadrant & 2) &<< 30)
    let cosine = ((sineBits & odd) | (cosineBits & ~odd)) ^ (((quadrant &+ 1) & 2) &<< 30)
    return (unsafeBitCast(sine, to: Values.self), unsafeBitCast(cosine, to: Values.self))
  }
}
