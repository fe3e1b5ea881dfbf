import FireTreeCore
import TestSupport
import Testing

@Suite struct ChosenPointsTests {
  /// Whole numbers: padded or not, gathered or not, every product is the exact one.
  @Test(arguments: [1, 2, 15, 16, 17, 50, 300], [1, 3, 64, 300])
  func productsAreThoseOfTheDefinition(dimension: Int, neurons: Int) {
    var random = SeededGenerator(seed: 1)
    let weights = random.wholeMatrix(rows: neurons, columns: dimension)
    let x = random.wholeMatrix(rows: 70, columns: dimension)
    for chosen in [[0], [3, 69], Array(0..<70), []] as [[Int32]] {
      for points in [DataPoints.dense(x), .sparse(x.sparse)] {
        var result = Matrix(rows: neurons, columns: chosen.count)
        result.withMutableView { result in
          weights.withView { weights in
            chosen.withUnsafeBufferPointer { points.correlate(weights, chosen: $0, into: result) }
          }
        }
        for r in 0..<neurons {
          for (k, index) in chosen.enumerated() {
            let expected = zip(weights.row(r), x.row(Int(index))).reduce(0) { $0 + $1.0 * $1.1 }
            #expect(result[r, k] == expected)
          }
        }
      }
    }
  }

  /// Few points have the bits that they have among all; dense ones within rounding on every processor.
  @Test(arguments: [3, 20, 50, 400], [false, true])
  func companionsDoNotMatter(dimension: Int, isSparse: Bool) {
    var random = SeededGenerator(seed: 2)
    let weights = random.matrix(rows: 256, columns: dimension),
      x = random.matrix(rows: 256, columns: dimension)
    let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    var all = Matrix(rows: 256, columns: 256), few = Matrix(rows: 5, columns: 4)
    all.withMutableView { all in weights.withView { points.correlate($0, points: 0..<256, into: all) } }
    few.withMutableView { few in
      weights.withView { weights in
        [7, 8, 100, 255].withUnsafeBufferPointer {
          points.correlate(weights.rows(2..<7), chosen: $0, into: few)
        }
      }
    }
    for r in 0..<5 {
      for (k, index) in [7, 8, 100, 255].enumerated() {
        let difference = abs(few[r, k] - all[2 + r, index])
        // 2 gamma_d |w| |x| with coordinates below 1.
        #expect(isSparse ? difference == 0 : difference <= 2 * 0x1p-24 * Float(dimension * dimension))
      }
    }
  }

  /// Norms and distances are never below the exact values, and hardly above.
  @Test(arguments: [false, true]) func normsAndDistancesAreUpperBounds(isSparse: Bool) {
    var random = SeededGenerator(seed: 3)
    let x = random.matrix(rows: 40, columns: 30), center = random.matrix(rows: 1, columns: 30)
    let points: DataPoints = isSparse ? .sparse(x.sparse) : .dense(x)
    func square(_ vector: [Float]) -> Double { vector.reduce(0.0) { $0 + Double($1) * Double($1) } }
    points.withView { points in
      center.withView { view in
        for i in 0..<40 {
          let norm = points.norm(ofPoint: i, dimension: 30), exact = square(x.row(i)).squareRoot()
          #expect(norm >= exact * (1 - 0x1p-50) && norm <= exact * (1 + 0x1p-40))
          let distance = points.squaredDistance(
            ofPoint: i, to: view.row(0), centerSquare: square(center.row(0)), dimension: 30)
          let other = zip(x.row(i), center.row(0)).reduce(0.0) {
            $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1))
          }
          #expect(distance >= other * (1 - 0x1p-50) && distance <= other * (1 + 0x1p-40))
        }
      }
    }
  }
}
