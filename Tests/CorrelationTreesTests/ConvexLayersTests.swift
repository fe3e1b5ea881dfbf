import CorrelationTrees
import FireTreeCore
import TestSupport
import Testing

@Suite struct ConvexLayersTests {
  private let limits = CorrelationBound(dimension: 2)

  /// Every set of places of a 3 x 3 grid, some of them twice, against every small query and bound: the candidates are
  /// exactly the points of the half-plane.
  @Test(arguments: [false, true])
  func everySetOfAGrid(withTwins: Bool) {
    var compared = 0
    for set in 0..<512 {
      var points: [[Float]] = []
      for k in 0..<9 where set >> k & 1 == 1 {
        points.append([Float(k % 3 - 1), Float(k / 3 - 1)])
        if withTwins && k % 2 == 0 { points.append(points[points.count - 1]) }
      }
      let data = DataPoints.dense(points.isEmpty ? Matrix(rows: 0, columns: 2) : Matrix(points))
      let layers = ConvexLayers(of: data)
      layers.checkInvariants(of: data)
      for x in -2...2 {
        for y in -2...2 {
          for bound in -2...3 {
            let found = layers.candidates(
              x: Float(x), y: Float(y), atLeast: Float(bound), limits: limits
            ).points
            let expected = points.indices.filter {
              points[$0][0] * Float(x) + points[$0][1] * Float(y) >= Float(bound)
            }
            compared += 1
            #expect(found == expected.map(Int32.init), "set \(set) query \(x) \(y) bound \(bound)")
          }
        }
      }
    }
    #expect(compared == 512 * 25 * 6)
  }

  /// Points nearly on a line, on a circle, in a disc and on a lattice: exact turns where doubles alone would err.
  @Test(arguments: ["line", "circle", "disc", "lattice", "far"], 1...3)
  func hardShapes(shape: String, seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let points = (0..<200).map { k in
      let t = Float.random(in: -1...1, using: &random), s = Float.random(in: -1...1, using: &random)
      return switch shape {
      case "line": [t, (t * 0.3).nextUp]
      case "circle": [t, (k % 2 == 0 ? 1 : -1) * (1 - t * t).squareRoot()]
      case "lattice": [(t * 4).rounded(), (s * 4).rounded()]
      case "far": [t * 1e30, s * 1e-30]
      default: [t, s]
      }
    }
    let data = DataPoints.dense(Matrix(points))
    let layers = ConvexLayers(of: data)
    layers.checkInvariants(of: data)
    for _ in 0..<300 {
      let (x, y) = (Float.random(in: -1...1, using: &random), Float.random(in: -1...1, using: &random))
      let correlations = points.map { $0[0] * x + $0[1] * y }
      let bound = correlations[Int.random(in: 0..<200, using: &random)]
      let found = Set(layers.candidates(x: x, y: y, atLeast: bound, limits: limits).points.map(Int.init))
      let needed = correlations.indices.filter { correlations[$0] >= bound }
      #expect(found.isSuperset(of: needed), "\(shape) seed \(seed) query \(x) \(y)")
      // A candidate that does not reach the bound lies within rounding of it.
      let margin = Float(2 * limits.margin(1.5, shape == "far" ? 2e30 : 1.5 * (shape == "lattice" ? 4 : 1)))
      #expect(found.allSatisfy { correlations[$0] >= bound - margin }, "\(shape) seed \(seed)")
    }
  }

  /// A query that meets one layer of many looks at few places.
  @Test func aQueryThatReportsLittleSeesLittle() {
    var random = SeededGenerator(seed: 9)
    let points = DataPoints.dense(random.matrix(rows: 4000, columns: 2))
    let layers = ConvexLayers(of: points)
    #expect(layers.layerCount > 50)
    for k in 0..<64 {
      let (x, y) = (Float(k % 8) - 3.5, Float(k / 8) - 3.5)
      let correlations = (0..<4000).map { points.point($0)[0] * x + points.point($0)[1] * y }.sorted()
      let (found, visited) = layers.candidates(x: x, y: y, atLeast: correlations[3990], limits: limits)
      #expect(found.count == 10 && visited <= 10 + 11 * 12)
    }
  }

  /// Signs that double precision gets wrong.
  @Test func signsAreExact() {
    #expect(ExactSign.sum(SIMD8(1, 0x1p-60, -1, 0, 0, 0, 0, 0)) == 1)
    #expect(ExactSign.sum(SIMD8(1, -0x1p-60, -1, 0, 0, 0, 0, 0)) == -1)
    #expect(ExactSign.sum(SIMD8(0x1p100, 1, -0x1p100, -1, 0x1p-100, 0, 0, -0x1p-100)) == 0)
    #expect(ExactSign.sum(SIMD8(repeating: 0)) == 0)
    #expect(ExactSign.turn(SIMD2(0, 0), SIMD2(1, 1), SIMD2(2, 2.0000002)) == 1)
    var random = SeededGenerator(seed: 4)
    for _ in 0..<2000 {
      // Whole numbers of 24 bits: the turn fits in 128 bits.
      let v = (0..<6).map { _ in Int.random(in: -(1 << 24)...(1 << 24), using: &random) }
      let exact = Int128(v[2] - v[0]) * Int128(v[5] - v[1]) - Int128(v[3] - v[1]) * Int128(v[4] - v[0])
      let p = v.map(Double.init)
      #expect(ExactSign.turn(SIMD2(p[0], p[1]), SIMD2(p[2], p[3]), SIMD2(p[4], p[5])) == Int(exact.signum()))
    }
  }
}
