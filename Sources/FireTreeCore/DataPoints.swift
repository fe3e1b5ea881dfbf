import RealModule
import Synchronization

/// The data points x_i, one a row (n x d), dense or sparse, with every product that training needs of them.
///
/// Products are meant to be called on tiles, from inside a shard: they run on the calling thread.
public struct DataPoints: Sendable, Equatable {
  public enum Storage: Sendable, Equatable {
    case dense(Matrix)
    case sparse(SparseRows)
  }

  public private(set) var storage: Storage
  /// |x_i|, once somebody has asked for them; copies of the points share them.
  private var keptNorms = KeptNorms()

  public init(_ storage: Storage) { self.storage = storage }

  public static func dense(_ matrix: Matrix) -> DataPoints { DataPoints(.dense(matrix)) }
  public static func sparse(_ rows: SparseRows) -> DataPoints { DataPoints(.sparse(rows)) }

  public static func == (left: DataPoints, right: DataPoints) -> Bool { left.storage == right.storage }

  /// Number of data points, n.
  public var count: Int {
    switch storage {
    case .dense(let matrix): matrix.rows
    case .sparse(let rows): rows.rows
    }
  }

  /// Input dimension, d.
  public var dimension: Int {
    switch storage {
    case .dense(let matrix): matrix.columns
    case .sparse(let rows): rows.columns
    }
  }

  /// Elements stored: n d for dense points.
  public var storedElements: Int {
    switch storage {
    case .dense(let matrix): matrix.rows * matrix.columns
    case .sparse(let rows): rows.nonzeros
    }
  }

  /// The most elements stored of a point.
  public var mostStoredElements: Int { (0..<count).lazy.map(storedElements).max() ?? 0 }

  /// Elements stored of one point: d for dense points.
  public func storedElements(ofPoint index: Int) -> Int {
    switch storage {
    case .dense(let matrix): matrix.columns
    case .sparse(let rows): rows.offsets[index + 1] - rows.offsets[index]
    }
  }

  /// Bytes held.
  public var memoryBytes: Int {
    switch storage {
    case .dense(let matrix): matrix.memoryBytes
    case .sparse(let rows): rows.memoryBytes
    }
  }

  /// The points in `range`, copied. Throws a usage error when there is no memory for it.
  public subscript(range: Range<Int>) -> DataPoints {
    get throws(FireTreeError) {
      switch storage {
      case .dense(let matrix): .dense(try matrix.rows(range))
      case .sparse(let rows): .sparse(try rows.rows(range))
      }
    }
  }

  /// One point, every coordinate (d).
  public func point(_ index: Int) -> [Float] {
    switch storage {
    case .dense(let matrix): return matrix.row(index)
    case .sparse(let rows):
      var result = [Float].fixed(rows.columns, repeating: 0)
      for (column, value) in rows.row(index) { result[column] = value }
      return result
    }
  }

  /// Replaces point `index`. Precondition: `point` has `dimension` elements.
  ///
  /// Complexity: O(d) for dense points, O(d + nnz) for sparse ones.
  public mutating func replacePoint(_ index: Int, with point: [Float]) {
    precondition(point.count == dimension, "a point of \(point.count) coordinates, not \(dimension)")
    switch storage {
    case .dense(var matrix):
      storage = .dense(Matrix(rows: 0, columns: 0))  // so that the matrix is unique and not copied
      for (column, value) in point.enumerated() { matrix[index, column] = value }
      storage = .dense(matrix)
    case .sparse(var rows):
      storage = .sparse(SparseRows(columns: 0, offsets: [0], columnIndices: [], values: []))
      rows.replaceRow(index, with: point)
      storage = .sparse(rows)
    }
    keptNorms = KeptNorms()
  }

  /// |x_i| for every point (n).
  ///
  /// Complexity: 2 nnz flops the first time; the same numbers afterwards, for copies of the points as well.
  public func norms() -> [Float] { keptNorms.get(computeNorms) }

  private func computeNorms() -> [Float] {
    var norms = [Float].fixed(count, repeating: 0)
    withView { points in
      for index in norms.indices {
        switch points {
        case .dense(let matrix):
          norms[index] = LinearAlgebra.dot(matrix.row(index), matrix.row(index), count: matrix.columns)
            .squareRoot()
        case .sparse(let offsets, _, let values):
          norms[index] = (offsets[index]..<offsets[index + 1]).reduce(Float(0)) {
            Relaxed.multiplyAdd(values[$1], values[$1], $0)
          }.squareRoot()
        }
      }
    }
    return norms
  }

  // MARK: Products on tiles

  /// The tiles of points in which products are computed, except where neurons are anchored: large enough for the speed of a matrix
  /// product, small enough that a tile of correlations stays in the second-level cache.
  public var tiles: Tiles { Tiles(of: count, size: Self.pointsPerTile) }

  public static let pointsPerTile = 256

  /// Number of weights that go into one product with a tile of points.
  public static var weightsPerTile: Int { 256 }

  /// Correlations of a tile of weights with a tile of points: `result[r, i] = <weights[r], x_i>`.
  ///
  /// Shapes: `weights` R x d, `result` R x `points.count`. Complexity: 2 R nnz flops.
  public func correlate(_ weights: MatrixView, points: Range<Int>, into result: MutableMatrixView) {
    switch storage {
    case .dense(let matrix):
      matrix.withView { matrix in
        LinearAlgebra.withGeneralShape(weights, columns: points.count) { weights, isPadded in
          guard isPadded else {
            return LinearAlgebra.multiply(weights, matrix.rows(points), transposing: .right, into: result)
          }
          Scratch.withMatrix(rows: weights.rows, columns: points.count) { padded in
            LinearAlgebra.multiply(weights, matrix.rows(points), transposing: .right, into: padded)
            result.copy(padded.rows(0..<result.rows).view)
          }
        }
      }
    case .sparse(let rows):
      SparseProducts.correlate(weights, with: rows, points: points, into: result)
    }
  }

  /// The same correlations by a kernel of our own, each with the same bits whatever else is computed beside it.
  ///
  /// Complexity: 2 R nnz flops, at some two thirds of the speed of `correlate` for dense points.
  public func correlateAlike(_ weights: MatrixView, points: Range<Int>, into result: MutableMatrixView) {
    switch storage {
    case .dense(let matrix): matrix.withView { Kernels.correlate(weights, $0.rows(points), into: result) }
    case .sparse(let rows): SparseProducts.correlate(weights, with: rows, points: points, into: result)
    }
  }

  /// The correlations of single pairs, `hit.value = <weights[hit.row], x_p>`, p being `hit.point` from the first of `points`
  /// on, with the bits of the other `correlateAlike`. Complexity: 2 nnz flops a pair.
  public func correlateAlike(
    _ weights: MatrixView, points: Range<Int>, pairs: UnsafeMutableBufferPointer<Kernels.Hit>
  ) {
    switch storage {
    case .dense(let matrix):
      matrix.withView { Kernels.correlatePairs(pairs, of: weights, $0.rows(points)) }
    case .sparse(let rows):
      Scratch.withMatrix(rows: 1, columns: 1) { value in
        for k in pairs.indices {
          let (row, point) = (Int(pairs[k].row), points.lowerBound + Int(pairs[k].point))
          SparseProducts.correlate(
            weights.rows(row..<row + 1), with: rows, points: point..<point + 1, into: value)
          pairs[k].value = value[0, 0]
        }
      }
    }
  }

  /// The same correlations, one point a row: `result[i, r] = <weights[r], x_i>`.
  ///
  /// Shapes: `weights` R x d, `result` `points.count` x R. Complexity: 2 R nnz flops.
  public func correlateByPoint(_ weights: MatrixView, points: Range<Int>, into result: MutableMatrixView) {
    switch storage {
    case .dense(let matrix):
      matrix.withView { matrix in
        LinearAlgebra.withGeneralShape(weights, columns: points.count) { weights, isPadded in
          guard isPadded else {
            return LinearAlgebra.multiply(matrix.rows(points), weights, transposing: .right, into: result)
          }
          Scratch.withMatrix(rows: points.count, columns: weights.rows) { padded in
            LinearAlgebra.multiply(matrix.rows(points), weights, transposing: .right, into: padded)
            result.copy(padded.columns(0..<result.columns).view)
          }
        }
      }
    case .sparse(let rows):
      var byNeuron = Matrix(rows: weights.rows, columns: points.count)
      byNeuron.withMutableView { byNeuron in
        SparseProducts.correlate(weights, with: rows, points: points, into: byNeuron)
        for r in 0..<weights.rows {
          for i in 0..<points.count { result[i, r] = byNeuron[r, i] }
        }
      }
    }
  }

  /// `result[r] += sum_i coefficients[r, i] x_i` over a tile of points: the sum first, then the addition.
  ///
  /// Shapes: `coefficients` R x `points.count`, `result` R x d. Complexity: 2 R nnz flops.
  public func accumulate(_ coefficients: MatrixView, points: Range<Int>, into result: MutableMatrixView) {
    switch storage {
    case .dense(let matrix):
      matrix.withView { LinearAlgebra.multiply(coefficients, $0.rows(points), into: result, keeping: 1) }
    case .sparse(let rows):
      SparseProducts.accumulate(coefficients, times: rows, points: points, into: result)
    }
  }

  /// G = X X^T (n x n). Throws a usage error when there is no memory for it. Complexity: 2 n nnz flops.
  public func gramMatrix(workers: Workers) throws(FireTreeError) -> Matrix {
    var gram = try Matrix(allocating: count, by: count)
    let tiles = tiles
    gram.withMutableView { gram in
      workers.forEachShard(of: tiles.count) { tile in
        let rows = gram.rows(tiles[tile])
        switch storage {
        case .dense(let matrix):
          matrix.withView {
            LinearAlgebra.multiply($0.rows(tiles[tile]), $0, transposing: .right, into: rows)
          }
        case .sparse(let sparse):
          Scratch.withMatrix(rows: rows.rows, columns: dimension) { dense in
            sparse.expand(tiles[tile], into: dense)
            correlate(dense.view, points: 0..<count, into: rows)
          }
        }
      }
    }
    return gram
  }

  // MARK: Products with one point

  /// Calls `body` with a view for products with single points, valid during the call.
  public func withView<Result>(_ body: (DataPointsView) -> Result) -> Result {
    switch storage {
    case .dense(let matrix): matrix.withView { body(.dense($0)) }
    case .sparse(let rows):
      rows.withElements { body(.sparse(offsets: $0, columns: $1, values: $2)) }
    }
  }
}

/// Data points in borrowed memory, for products with one point at a time in inner loops.
public enum DataPointsView {
  case dense(MatrixView)
  /// The arrays of `SparseRows`.
  case sparse(offsets: UnsafePointer<Int>, columns: UnsafePointer<Int32>, values: UnsafePointer<Float>)

  /// `vector += scale * x_i`; `vector` has d elements. Complexity: 2 nnz(x_i) flops.
  @inline(__always)
  public func add(_ scale: Float, timesPoint index: Int, to vector: UnsafeMutablePointer<Float>) {
    switch self {
    case .dense(let matrix):
      LinearAlgebra.add(scale, times: matrix.row(index), to: vector, count: matrix.columns)
    case .sparse(let offsets, let columns, let values):
      for position in offsets[index]..<offsets[index + 1] {
        vector[Int(columns[position])] += scale * values[position]
      }
    }
  }

  /// `vector += sum_k scale(k) x_(points[k])`, the points ascending; `scratch` has d elements too.
  ///
  /// The few-points twin of `DataPoints.accumulate`: it adds in the same order, tile by tile, each tile's sum first.
  /// Where the processor's kernels fuse multiplication and addition in both, the bits are the same.
  /// Complexity: 2 nnz flops a point, and d a tile that is met.
  @inline(__always)
  public func accumulate(
    _ points: UnsafeBufferPointer<Int32>, scale: (Int) -> Float, to vector: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutablePointer<Float>
  ) {
    guard case .dense(let matrix) = self else {
      for k in points.indices { add(scale(k), timesPoint: Int(points[k]), to: vector) }
      return
    }
    var k = 0
    while k < points.count {
      let tile = Int(points[k]) / DataPoints.pointsPerTile
      scratch.update(repeating: 0, count: matrix.columns)
      while k < points.count, Int(points[k]) / DataPoints.pointsPerTile == tile {
        add(scale(k), timesPoint: Int(points[k]), to: scratch)
        k += 1
      }
      LinearAlgebra.add(1, times: scratch, to: vector, count: matrix.columns)
    }
  }

  /// `vector += sum_k coefficients[k] x_(points[k])` for `count` points, in an order of the kernel's choice.
  ///
  /// `vector` is a row of a `Matrix` of d columns. Complexity: 2 nnz flops a point.
  @inline(__always)
  public func add(
    _ coefficients: UnsafePointer<Float>, timesPoints points: UnsafePointer<UInt32>, count: Int,
    to vector: UnsafeMutablePointer<Float>
  ) {
    guard case .dense(let matrix) = self else {
      for k in 0..<count { add(coefficients[k], timesPoint: Int(points[k]), to: vector) }
      return
    }
    Kernels.addRows(of: matrix, points, coefficients: coefficients, terms: count, to: vector)
  }

  /// `result[k] = <vector, x_(points[k])>` for `count` points.
  ///
  /// `vector` is a row of a `Matrix` of d columns. Complexity: 2 nnz flops a point.
  @inline(__always)
  public func dots(
    _ vector: UnsafePointer<Float>, withPoints points: UnsafePointer<UInt32>, count: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    guard case .dense(let matrix) = self else {
      for k in 0..<count { result[k] = dot(vector, withPoint: Int(points[k])) }
      return
    }
    Kernels.dotRows(of: matrix, points, count: count, with: vector, into: result)
  }

  /// `<vector, x_i>`; `vector` has d elements. Complexity: 2 nnz(x_i) flops.
  @inline(__always)
  public func dot(_ vector: UnsafePointer<Float>, withPoint index: Int) -> Float {
    switch self {
    case .dense(let matrix):
      return LinearAlgebra.dot(vector, matrix.row(index), count: matrix.columns)
    case .sparse(let offsets, let columns, let values):
      var sum: Float = 0
      for position in offsets[index]..<offsets[index + 1] {
        sum = Relaxed.multiplyAdd(vector[Int(columns[position])], values[position], sum)
      }
      return sum
    }
  }
}

/// The norms of points, computed when they are first asked for.
private final class KeptNorms: Sendable {
  private let norms = Mutex<[Float]?>(nil)

  func get(_ compute: () -> [Float]) -> [Float] {
    norms.withLock { norms in
      if let norms { return norms }
      let computed = compute()
      norms = computed
      return computed
    }
  }
}
