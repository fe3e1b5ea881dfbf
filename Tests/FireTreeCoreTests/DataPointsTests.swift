import FireTreeCore
import TestSupport
import Testing

@Suite struct DataPointsTests {
  /// Dense and sparse points of the same values give the same products, exactly (whole numbers).
  @Test(arguments: [0, 1, 2, 15, 16, 17, 33], [0, 1, 3, 20])
  func sparseProductsEqualDenseOnes(neurons: Int, points: Int) {
    for dimension in [1, 2, 16, 19] {
      var random = SeededGenerator(seed: UInt64(neurons * 1000 + points * 50 + dimension))
      let x = random.wholeMatrix(rows: points, columns: dimension, range: -1...1)
      let w = random.wholeMatrix(rows: neurons, columns: dimension)
      let dense = DataPoints.dense(x), sparse = DataPoints.sparse(x.sparse)
      #expect(sparse.norms() == dense.norms() && sparse.count == points && sparse.dimension == dimension)
      let range = points / 3..<points
      let c = random.wholeMatrix(rows: neurons, columns: range.count)
      #expect(correlations(dense, w, range) == correlations(sparse, w, range))
      #expect(accumulated(dense, c, w, range) == accumulated(sparse, c, w, range))
      for i in 0..<points {
        #expect(dense.point(i) == sparse.point(i) && single(dense, i, w) == single(sparse, i, w))
      }
    }
  }

  /// Copies of points share the norms, which a replaced point makes anew.
  @Test func normsAreComputedOnce() {
    let x = Matrix([[3, 4], [0, 2]])
    for points in [DataPoints.dense(x), .sparse(x.sparse)] {
      var copy = points
      let kept = { (points: DataPoints) in points.norms().withUnsafeBufferPointer(\.baseAddress) }
      #expect(points.norms() == [5, 2] && kept(copy) == kept(points))
      copy.replacePoint(1, with: [6, 8])
      #expect(copy.norms() == [5, 10] && points.norms() == [5, 2] && copy != points)
    }
  }

  /// Leaving out the columns that are 0 in all points changes no correlation (whole numbers), whichever they are.
  @Test(arguments: [1, 16, 40, 300], [0, 1, 7, 300])
  func productsOverOccupiedColumnsAreThoseOverAll(dimension: Int, points: Int) throws {
    for empty in [0, 1, dimension / 3, dimension - 1, dimension] where empty <= dimension {
      var random = SeededGenerator(seed: UInt64(dimension * 1000 + points * 3 + empty))
      var x = random.wholeMatrix(rows: points, columns: dimension, range: -1...1)
      for column in (0..<dimension).shuffled(using: &random).prefix(empty) {
        for i in 0..<points { x[i, column] = 0 }
      }
      for points in [DataPoints.dense(x), .sparse(x.sparse)] {
        let occupied = try OccupiedColumns(of: points)
        #expect(occupied.count <= dimension)
        if case .dense = points.storage, empty >= 20 { #expect(occupied.count <= dimension - empty) }
        for neurons in [0, 1, 5, 130] {
          let w = random.wholeMatrix(rows: neurons, columns: dimension)
          let range = points.count / 3..<points.count
          var found = Matrix(rows: neurons, columns: range.count)
          w.withView { w in found.withMutableView { occupied.correlate(w, points: range, into: $0) } }
          #expect(found == correlations(points, w, range)[0])
        }
      }
    }
  }

  private func correlations(_ points: DataPoints, _ w: Matrix, _ range: Range<Int>) -> [Matrix] {
    var byNeuron = Matrix(rows: w.rows, columns: range.count)
    var byPoint = Matrix(rows: range.count, columns: w.rows)
    w.withView { w in
      byNeuron.withMutableView { points.correlate(w, points: range, into: $0) }
      byPoint.withMutableView { points.correlateByPoint(w, points: range, into: $0) }
    }
    for r in 0..<w.rows {
      for i in 0..<range.count { #expect(byNeuron[r, i] == byPoint[i, r]) }
    }
    return [byNeuron, byPoint]
  }

  private func accumulated(_ points: DataPoints, _ c: Matrix, _ w: Matrix, _ range: Range<Int>) -> Matrix {
    var result = w
    c.withView { c in result.withMutableView { points.accumulate(c, points: range, into: $0) } }
    return result
  }

  private func single(_ points: DataPoints, _ index: Int, _ w: Matrix) -> [Float] {
    var row = (0..<points.dimension).map { Float($0) }
    return row.withUnsafeMutableBufferPointer { row in
      points.withView { points in
        guard let base = row.baseAddress else { return [] }
        points.add(3, timesPoint: index, to: base)
        return row + [points.dot(base, withPoint: index)]
      }
    }
  }

  @Test func replacingAPointTouchesNoOther() throws {
    var random = SeededGenerator(seed: 1)
    let x = random.wholeMatrix(rows: 5, columns: 6, range: -1...1)
    for original in [DataPoints.dense(x), .sparse(x.sparse)] {
      for index in 0..<5 {
        for replacement in [[0, 0, 0, 0, 0, 0], [1, 0, 2, 0, 0, 3], [1, 2, 3, 4, 5, 6]] as [[Float]] {
          var points = original
          points.replacePoint(index, with: replacement)
          for i in 0..<5 { #expect(points.point(i) == (i == index ? replacement : x.row(i))) }
        }
      }
      #expect(try original[1..<3].point(1) == x.row(2))
    }
  }
}
