import FireTree
import FireTreeStudy
import TestSupport
import Testing

@Suite struct PowerLawTests {
  @Test func anExactLaw() throws {
    let law = try #require(PowerLaw([1.0, 2, 4, 8, 16].map { ($0, 3 * $0.squareRoot()) }))
    #expect(abs(law.exponent - 0.5) < 1e-12 && abs(law.factor - 3) < 1e-12)
    #expect(law.margin < 1e-7 && law.count == 5)
    #expect(abs(law.value(at: 100) - 30) < 1e-10)
  }

  /// ln x = 0, 1, 2 and ln y = 0, 1, 3: slope 3/2, residuals 1/6, -1/3, 1/6, so the slope's error is
  /// sqrt(1/6 / 1 / 2), and Student's quantile for one degree of freedom is 12.706.
  @Test func workedByHand() throws {
    let e = 2.718281828459045
    let law = try #require(PowerLaw([(1, 1), (e, e), (e * e, e * e * e)]))
    #expect(abs(law.exponent - 1.5) < 1e-12)
    #expect(abs(law.margin - 12.706 * (1.0 / 12).squareRoot()) < 1e-9)
    #expect(abs(law.interval.lowerBound - (1.5 - law.margin)) < 1e-12)
  }

  @Test func whatCannotBeFitted() {
    #expect(PowerLaw([]) == nil && PowerLaw([(1, 1)]) == nil && PowerLaw([(2, 1), (2, 3)]) == nil)
    #expect(PowerLaw([(1, 1), (2, 0)]) == nil && PowerLaw([(1, 1), (2, .nan)]) == nil)
    #expect(PowerLaw([(0, 1), (2, 1)]) == nil && PowerLaw([(-1, 1), (2, 1)]) == nil)
    #expect(PowerLaw([(1, 1), (2, 4)])?.margin == .infinity)
    #expect(PowerLaw([(1, 1), (2, 4)])?.exponent == 2)
  }

  /// The 97.5% quantiles of Student's distribution, from the usual tables.
  @Test func quantiles() {
    for (degrees, value) in [
      (1, 12.706), (2, 4.303), (10, 2.228), (11, 2.201), (15, 2.131), (30, 2.042), (120, 1.980),
    ] {
      #expect(abs(PowerLaw.studentQuantile(degrees) - value) < 1e-3, "\(degrees)")
    }
  }

  /// Of many intervals 95% hold the true exponent, for few measurements and for more.
  @Test(arguments: [3, 4, 6, 20]) func theIntervalCovers(count: Int) throws {
    var random = SeededGenerator(seed: UInt64(count))
    let rounds = 4000
    var covered = 0
    for _ in 0..<rounds {
      let pairs = (0..<count).map { k -> (x: Double, y: Double) in
        // A sum of twelve uniform numbers is close to normal.
        let noise = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
        let x = Double(1 << k)
        return (x, 2 * x * (1 + 0.02 * noise))
      }
      if try #require(PowerLaw(pairs)).interval.contains(1) { covered += 1 }
    }
    // Four standard deviations of a share of 4,000 are 1.4%.
    #expect(abs(Double(covered) / Double(rounds) - 0.95) < 0.02, "\(covered)")
  }
}
