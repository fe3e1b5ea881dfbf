import FireTreeCore
import Testing

@Suite struct JointTailTests {
  /// The plain twin: P[u > x, v > y] = int_x^inf phi(u) Q((y - rho u) / sqrt(1 - rho^2)) du, by Simpson's rule.
  private func integral(_ x: Double, _ y: Double, _ rho: Double) -> Double {
    let steps = 20_000, upper = 9.0
    let width = (upper - x) / Double(steps)
    var sum = 0.0
    for k in 0...steps {
      let u = x + Double(k) * width
      // phi by differences of the tail would be circular: 0.3989... exp(-u^2/2), exp by squaring of a short series.
      let value = Self.density(u) * NormalDistribution.tail((y - rho * u) / (1 - rho * rho).squareRoot())
      sum += (k == 0 || k == steps ? 1 : k % 2 == 1 ? 4 : 2) * value
    }
    return sum * width / 3
  }

  private static func density(_ u: Double) -> Double {
    let x = -u * u / 2 / 1024
    var term = 1.0, sum = 1.0
    for k in 1..<12 {
      term *= x / Double(k)
      sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum / (2 * Double.pi).squareRoot()
  }

  @Test func whatIsKnownInClosedForm() {
    // Sheppard: 1/4 + asin(rho) / (2 pi) at the origin; asin(1/2) = pi/6.
    #expect(abs(NormalDistribution.jointTail(0, 0, correlation: 0.5) - (0.25 + 1.0 / 12)) < 1e-12)
    #expect(abs(NormalDistribution.jointTail(0, 0, correlation: -0.5) - (0.25 - 1.0 / 12)) < 1e-12)
    for (x, y) in [(0.3, 1.9), (1.5, 1.5), (-1.0, 2.0)] {
      let (p, q) = (NormalDistribution.tail(x), NormalDistribution.tail(y))
      #expect(NormalDistribution.jointTail(x, y, correlation: 0) == p * q)
      #expect(NormalDistribution.jointTail(x, y, correlation: 1) == min(p, q))
      #expect(NormalDistribution.jointTail(x, y, correlation: 1.0000001) == min(p, q))
      let opposed = max(0, p - NormalDistribution.tail(-y))
      #expect(NormalDistribution.jointTail(x, y, correlation: -1) == opposed)
    }
  }

  @Test(arguments: [-0.95, -0.5, -0.01, 0.01, 0.3, 0.7, 0.95, 0.99]) func equalToAnIntegral(rho: Double) {
    for (x, y) in [(0.0, 0.0), (1.66, 1.66), (2.35, 2.35), (0.5, 2.0), (-1.0, 1.2), (3.5, 3.0)] {
      let found = NormalDistribution.jointTail(x, y, correlation: rho)
      #expect(abs(found - integral(x, y, rho)) < 2e-8, "\(x) \(y) \(rho): \(found)")
    }
  }
}
