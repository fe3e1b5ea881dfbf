import FireTreeCore
import TestSupport
import Testing

@Suite struct JointFiringTests {
  private static let thresholds: [Float] = [-1, -0.09, 0, 0.5, 1, 1.85, 2.35, 4]
  private static let cosines: [Double] = [-1, -0.999, -0.9, -0.3, 0.01, 0.3, 0.7, 0.95, 0.999, 1]

  /// P of two points with these norms, from an element of the limit kernel.
  private func share(_ p: Double, _ q: Double, cosine: Double, _ firing: JointFiring) -> Double {
    var product = Float(p * q * cosine)
    var result: Float = 0
    firing.limitRow(ofPoint: 0, with: firing, columns: 1..<2, gram: &product, into: &result)
    return Double(result) / Double(product)
  }

  @Test(arguments: thresholds) func equalNormsAgreeWithQuadrature(threshold: Float) throws {
    for norm in [0.5, 1, 1.5] {
      let firing = try JointFiring(
        norms: [Float(norm), Float(norm)], threshold: threshold, workers: Workers(threads: 1))
      let height = Double(threshold) / norm
      for cosine in Self.cosines {
        let expected = NormalDistribution.jointTail(height, height, correlation: cosine)
        let found = share(norm, norm, cosine: cosine, firing)
        let bound = threshold != 0 && abs(height) < 0.1 ? 1e-5 : 1e-6
        #expect(abs(found - expected) < bound, "b \(threshold), norm \(norm), cosine \(cosine): \(found)")
      }
    }
  }

  @Test(arguments: thresholds) func unequalNormsAgreeWithQuadrature(threshold: Float) throws {
    for (p, q) in [(0.5, 1.0), (2, 1), (1.25, 1), (0.25, 4)] {
      let firing = try JointFiring(
        norms: [Float(p), Float(q)], threshold: threshold, workers: Workers(threads: 1))
      let heights = (Double(threshold) / p, Double(threshold) / q)
      for cosine in Self.cosines {
        let expected = NormalDistribution.jointTail(heights.0, heights.1, correlation: cosine)
        let found = share(p, q, cosine: cosine, firing)
        // The tables are coarse for small heights.
        let bound = min(abs(heights.0), abs(heights.1)) < 0.1 ? 1e-5 : 1e-6
        #expect(abs(found - expected) < bound, "b \(threshold), norms \(p), \(q), cosine \(cosine): \(found)")
      }
    }
  }

  /// The shared table and tables of their own, side by side.
  @Test func bothFormsAgree() throws {
    let workers = Workers(threads: 1)
    for threshold: Float in [-0.7, 0.4, 2] {
      let shared = try JointFiring(norms: [1, 1], threshold: threshold, workers: workers)
      let apart = try JointFiring(norms: [1, 1], threshold: threshold, sharesTable: false, workers: workers)
      for cosine in Self.cosines {
        #expect(abs(share(1, 1, cosine: cosine, shared) - share(1, 1, cosine: cosine, apart)) < 1e-6)
      }
    }
  }

  /// Whatever the number is, and however small or large the norms, an element is a number.
  @Test func extremesGiveNumbers() throws {
    let norms: [Float] = [0, 1e-20, 1e-10, 1, 1e10, 1e15]
    for threshold: Float in [-3, 0, 1e-20, 1, 1e20] {
      let firing = try JointFiring(norms: norms, threshold: threshold, workers: Workers(threads: 2))
      for (i, norm) in norms.enumerated() {
        for sign: Float in [-1, 0, 1] {
          let gram = norms.map { sign * norm * $0 }
          var row = [Float](repeating: .nan, count: norms.count)
          firing.limitRow(ofPoint: i, with: firing, columns: 0..<norms.count, gram: gram, into: &row)
          #expect(row.allSatisfy { $0.isFinite }, "b \(threshold), norm \(norm): \(row)")
          #expect(row[0] == 0)
        }
      }
    }
  }
}
