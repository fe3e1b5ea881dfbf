import RealModule

// Points that are chosen one by one rather than tile by tile: copies, products and distances.

extension DataPoints {
  /// The points of these numbers, in this order, copied. Throws a usage error when there is no memory for them.
  ///
  /// Complexity: O(elements copied).
  public func chosen(_ indices: [Int]) throws(FireTreeError) -> DataPoints {
    switch storage {
    case .dense(let matrix): return .dense(try matrix.chosen(indices))
    case .sparse(let rows):
      let size = indices.reduce(ByteCount(0)) { $0 + ByteCount(8 * storedElements(ofPoint: $1)) }
      try Memory.ask(for: size + ByteCount(16) * indices.count)
      let indices = indices.map(Int32.init)
      return .sparse(indices.withUnsafeBufferPointer(rows.chosen))
    }
  }

  /// Correlations with chosen points: `result[r, k] = <weights[r], x_(chosen[k])>`.
  ///
  /// Products that `correlate` would compute on a full tile by the general kernel (those with d of at least 16) are
  /// computed by it here too, however few they are: they are padded by zero rows. So they have the bits of `correlate` on
  /// full tiles, where that kernel treats all elements alike (see `LinearAlgebra.withGeneralShape`); elsewhere they agree
  /// within rounding. Sparse points: the same bits everywhere.
  ///
  /// Shapes: `weights` R x d, `result` R x `chosen.count`. Complexity: 2 R nnz flops, for dense points of d >= 16 at
  /// least 2 * 10^6.
  public func correlate(
    _ weights: MatrixView, chosen: UnsafeBufferPointer<Int32>, into result: MutableMatrixView
  ) {
    guard !chosen.isEmpty, weights.rows > 0 else { return }
    switch storage {
    case .dense(let matrix):
      let tiles = Tiles(of: chosen.count, size: Self.chosenPerTile)
      matrix.withView { matrix in
        for tile in 0..<tiles.count {
          matrix.correlate(
            weights, chosen: UnsafeBufferPointer(rebasing: chosen[tiles[tile]]),
            into: result.columns(tiles[tile]))
        }
      }
    case .sparse(let rows):
      SparseProducts.correlate(weights, with: rows.chosen(chosen), points: 0..<chosen.count, into: result)
    }
  }

  /// Points that are gathered for one product: so many that few weights need no padding.
  private static var chosenPerTile: Int { 2048 }
}

extension Matrix {
  /// The rows of these numbers, in this order, copied. Throws a usage error when there is no memory for them.
  public func chosen(_ indices: [Int]) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: indices.count, by: columns)
    withView { matrix in
      result.withMutableView { result in
        for (slot, index) in indices.enumerated() {
          result.row(slot).update(from: matrix.row(index), count: columns)
        }
      }
    }
    return result
  }
}

extension MatrixView {
  /// `DataPoints.correlate` with rows of a dense matrix.
  fileprivate func correlate(
    _ weights: MatrixView, chosen: UnsafeBufferPointer<Int32>, into result: MutableMatrixView
  ) {
    let isGeneral =
      columns * DataPoints.pointsPerTile * DataPoints.weightsPerTile > LinearAlgebra.smallProduct
    let width = isGeneral ? max(chosen.count, 64) : chosen.count
    let height =
      isGeneral ? max(weights.rows, LinearAlgebra.smallProduct / (width * columns) + 1) : weights.rows
    Scratch.withMatrix(rows: width, columns: columns) { gathered in
      for (slot, index) in chosen.enumerated() {
        gathered.row(slot).update(from: row(Int(index)), count: columns)
      }
      gathered.rows(chosen.count..<width).fill(0)
      guard height > weights.rows || width > chosen.count else {
        return LinearAlgebra.multiply(weights, gathered.view, transposing: .right, into: result)
      }
      Scratch.withMatrix(rows: height, columns: columns) { padded in
        padded.rows(0..<weights.rows).copy(weights)
        padded.rows(weights.rows..<height).fill(0)
        Scratch.withMatrix(rows: height, columns: width) { products in
          LinearAlgebra.multiply(padded.view, gathered.view, transposing: .right, into: products)
          result.copy(products.rows(0..<weights.rows).columns(0..<chosen.count).view)
        }
      }
    }
  }
}

extension SparseRows {
  /// The rows of these numbers, in this order.
  fileprivate func chosen(_ rows: UnsafeBufferPointer<Int32>) -> SparseRows {
    var starts = [0]
    var indices: [Int32] = []
    var elements: [Float] = []
    let count = rows.reduce(0) { $0 + offsets[Int($1) + 1] - offsets[Int($1)] }
    starts.fixRoom(for: rows.count)
    indices.fixRoom(for: count)
    elements.fixRoom(for: count)
    for row in rows {
      let range = offsets[Int(row)]..<offsets[Int(row) + 1]
      indices += columnIndices[range]
      elements += values[range]
      starts.append(elements.count)
    }
    return SparseRows(columns: columns, offsets: starts, columnIndices: indices, values: elements)
  }
}

extension DataPointsView {
  /// An upper bound of |x_i - center|^2, and of |x_i|^2 without a centre, in double precision.
  ///
  /// It exceeds the exact value by no more than the rounding of d additions, relative to it for dense points and to
  /// |x_i|^2 + |center|^2 for sparse ones. Shapes: `center` d elements, `centerSquare` = |center|^2.
  /// Complexity: 2 nnz(x_i) flops.
  public func squaredDistance(
    ofPoint index: Int, to center: UnsafePointer<Float>, centerSquare: Double, dimension: Int
  ) -> Double {
    let rounding = Double(dimension + 8) * 0x1p-51
    switch self {
    case .dense(let matrix):
      let row = matrix.row(index)
      var sum = 0.0
      for k in 0..<dimension {
        let difference = Double(row[k]) - Double(center[k])
        sum = Relaxed.multiplyAdd(difference, difference, sum)
      }
      return sum * (1 + rounding)
    case .sparse(let offsets, let columns, let values):
      var (sum, square) = (0.0, 0.0)
      for position in offsets[index]..<offsets[index + 1] {
        let value = Double(values[position])
        sum = Relaxed.multiplyAdd(value, value - 2 * Double(center[Int(columns[position])]), sum)
        square = Relaxed.multiplyAdd(value, value, square)
      }
      return max(sum + centerSquare, 0) + 2 * rounding * (square + centerSquare)
    }
  }

  /// An upper bound of |x_i|, in double precision. Complexity: 2 nnz(x_i) flops.
  public func norm(ofPoint index: Int, dimension: Int) -> Double {
    switch self {
    case .dense(let matrix): Self.norm(of: matrix.row(index), count: dimension)
    case .sparse(let offsets, _, let values):
      Self.norm(of: values + offsets[index], count: offsets[index + 1] - offsets[index])
    }
  }

  /// An upper bound of the norm of a vector, in double precision, where squares neither overflow nor vanish.
  public static func norm(of vector: UnsafePointer<Float>, count: Int) -> Double {
    var sum = 0.0
    for k in 0..<count { sum = Relaxed.multiplyAdd(Double(vector[k]), Double(vector[k]), sum) }
    return (sum * (1 + Double(count + 8) * 0x1p-51)).squareRoot()
  }
}
