import FireTreeCore
import TestSupport
import Testing

import FireTreeTraining

@Suite struct TangentEigenvalueTests {
  /// Data of several kinds, some of which are hard for a sample.
  private static func problems() -> [(name: String, points: DataPoints)] {
    var random = SeededGenerator(seed: 77)
    let unit = random.unitRows(400, columns: 12)
    var norms = random.unitRows(400, columns: 12)
    for r in 0..<400 { for c in 0..<12 { norms[r, c] *= r % 40 == 0 ? 6 : 0.2 + Float(r % 7) / 4 } }
    var oneHot = Matrix(rows: 400, columns: 60)
    for r in 0..<400 { for c in 0..<3 { oneHot[r, 20 * c + Int.random(in: 0..<20, using: &random)] = 0.58 } }
    var repeated = Matrix(rows: 400, columns: 12)
    for r in 0..<400 { for c in 0..<12 { repeated[r, c] = unit[r % 9, c] } }
    var withZeros = unit
    for r in stride(from: 0, to: 400, by: 3) { for c in 0..<12 { withZeros[r, c] = 0 } }
    var outlier = unit
    for c in 0..<12 { outlier[123, c] *= 30 }
    return [
      ("unit", .dense(unit)), ("norms", .dense(norms)), ("one-hot", .sparse(oneHot.sparse)),
      ("repeated", .dense(repeated)), ("zeros", .dense(withZeros)), ("outlier", .dense(outlier)),
      ("one", .dense(Memory.demand(try unit.rows(0..<1)))),
      ("two", .dense(Memory.demand(try unit.rows(0..<2)))),
    ]
  }

  /// With all points, and with a quarter of them and of the neurons. Then it may be too large: the fewer the points, the further
  /// a sample's largest eigenvalue is above that of all, for data without a direction that stands out.
  @Test(arguments: [1, 5], [0, 1.2] as [Float]) func estimatesAreNearTheTruth(outputs: Int, threshold: Float)
    throws
  {
    for (name, points) in Self.problems() {
      let network = try Network(
        neurons: 4000, dimension: points.dimension, outputs: outputs, threshold: threshold, seed: 3)
      let truth = try TangentKernel(of: network, points: points, team: LocalTeam())
        .largestEigenvalue(tolerance: 1e-5, maximumIterations: 1000)
      for (sample, neurons) in [(2048, 8192), (100, 1000)] {
        var effort = TangentEigenvalue.Effort()
        (effort.limitPoints, effort.points, effort.neurons) = (sample, min(sample, 500), neurons)
        let found = try TangentEigenvalue.estimate(
          points: points, network: network, effort: effort, workers: .all)
        let bounds = sample == 2048 ? 0.96...1.03 : 0.9...2
        #expect(bounds.contains(found.largest / truth), "\(name), \(sample): \(found), \(truth)")
        #expect(abs(found.largest - found.limit * found.ratio) < 1e-9 * found.largest)
      }
    }
  }

  @Test func whatDoesNotFireHasHalfTheLimit() throws {
    var random = SeededGenerator(seed: 5)
    let points = DataPoints.dense(random.unitRows(10, columns: 4))
    let network = try Network(neurons: 2, dimension: 4, outputs: 1, threshold: 5, seed: 1)
    let found = try TangentEigenvalue.estimate(points: points, network: network, workers: .all)
    #expect(found.ratio == 0.5 && found.limit > 0 && found.largest == found.limit / 2)
    let zeros = DataPoints.dense(Matrix(rows: 5, columns: 4))
    let nothing = try TangentEigenvalue.estimate(points: zeros, network: network, workers: .all)
    #expect(nothing.largest == 0 && nothing.limit == 0)
  }

  /// Seeded and stored weights, and any number of threads.
  @Test func theSameBitsEverywhere() throws {
    var random = SeededGenerator(seed: 6)
    let points = DataPoints.dense(random.unitRows(700, columns: 20))
    let found = try [(1, HiddenWeights.Form.stored), (2, .stored), (3, .seeded)].map { threads, form in
      let network = try Network(
        neurons: 3000, dimension: 20, outputs: 3, threshold: 1, seed: 3, form: form)
      var effort = TangentEigenvalue.Effort()
      (effort.limitPoints, effort.points) = (400, 200)
      return try TangentEigenvalue.estimate(
        points: points, network: network, effort: effort, workers: Workers(threads: threads))
    }
    #expect(found[0] == found[1] && found[1] == found[2])
  }

  @Test func samplesStandForAll() throws {
    var random = SeededGenerator(seed: 9)
    let spread: [Double] = (0..<1000).map { _ in Double.random(in: 0...1, using: &random) }
    // A fifth of the points has no size, and one in a hundred is certain to be taken.
    var uneven: [Double] = (0..<1000).map { Double($0 % 7 + 1) }
    for k in stride(from: 0, to: 1000, by: 5) { uneven[k] = 0 }
    for k in stride(from: 1, to: 1000, by: 100) { uneven[k] = 300 }
    let cases: [[Double]] = [[Double](repeating: 2, count: 1000), spread, uneven, [3], [0, 0], []]
    for sizes in cases {
      let all = sizes.indices.filter { sizes[$0] > 0 }
      for count in [1, 10, 100, 999, 1000, 2000] {
        let sample = try PointSample(of: sizes, atMost: count)
        #expect(sample.points.count <= count && sample.points == sample.points.sorted())
        #expect(Set(sample.points).count == sample.points.count && sample.points.allSatisfy { sizes[$0] > 0 })
        // Each draw stands for the same part of the sum of all sizes.
        let sum = zip(sample.points, sample.weights).reduce(0.0) { $0 + sizes[$1.0] * $1.1 }
        let whole: Double = sizes.reduce(0, +)
        #expect(abs(sum - whole) < 1e-6 * (1 + sum), "\(count): \(sum)")
        if count >= all.count {
          #expect(sample.points == all && sample.weights.allSatisfy { $0 == 1 } && sample.isWhole)
        }
        if count == 100 && sizes.contains(300) {
          #expect(all.filter { sizes[$0] == 300 }.allSatisfy(sample.points.contains))
        }
      }
    }
  }
}
