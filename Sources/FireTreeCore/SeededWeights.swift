/// Hidden weights of which only the seed is kept, and what training has added to them:
///
///     w_r = w_r(0) + sum_i alpha_ri x_i
///
/// Gradient descent moves a weight by data points alone, so nothing else is needed to make any row again, at any
/// time, on any thread: w_r(0) comes from a seed (`InitialWeights`), the points are added in ascending order,
/// and every product and sum is rounded for itself. The same seed, points and coefficients give the same bits on every
/// machine.
///
/// Memory: that of the combinations, 6 bytes an entry; no m x d. The points are shared with whoever else has them.
public struct SeededWeights: Sendable, Equatable {
  /// w_r(0).
  public let initial: InitialWeights
  /// x_i (n x d); none are needed while no combination has an entry.
  public let points: DataPoints
  /// alpha, one neuron a row (m x n, sparse).
  public let combinations: PointCombinations

  /// Precondition: at most `PointCombinations.maximumPoints` points of as many inputs as the initial weights, and a
  /// combination for each of these; entries ascend by point within a row and lie below n. Complexity: O(entries).
  public init(initial: InitialWeights, points: DataPoints, combinations: PointCombinations) {
    precondition(
      points.count <= PointCombinations.maximumPoints, "\(points.count) points do not fit 16-bit indices")
    precondition(
      initial.rows == combinations.rows && initial.columns == points.dimension,
      "initial weights of another shape")
    precondition(
      combinations.shards.allSatisfy { $0.isOrdered(below: points.count) },
      "the points of a row must ascend and lie below \(points.count)")
    (self.initial, self.points, self.combinations) = (initial, points, combinations)
  }

  /// Initial weights, which nothing has been added to. Complexity: O(1).
  public init(_ initial: InitialWeights) {
    self.init(
      initial: initial, points: .dense(Matrix(rows: 0, columns: initial.columns)),
      combinations: PointCombinations(rows: initial.rows))
  }

  public var seed: UInt64 { initial.seed }
  /// Whether nothing has been added.
  public var isInitial: Bool { combinations.count == 0 }
  /// Number of neurons, m.
  public var rows: Int { combinations.rows }
  /// d.
  public var columns: Int { points.dimension }
  /// Bytes held, the points included.
  public var memoryBytes: Int { combinations.memoryBytes + points.memoryBytes }

  /// Whether every weight is certain to be a finite number: points and coefficients are, and no sum can overflow.
  ///
  /// Complexity: O(entries + stored elements of the points).
  public var isFinite: Bool {
    let largest = points.largestMagnitude
    guard largest.isFinite else { return false }
    // Half of the range leaves room for the initial weight, which lies within sqrt(4096) of 0, and for rounding.
    let limit = Double(Float.greatestFiniteMagnitude) / 2
    return combinations.shards.allSatisfy { shard in
      (0..<(shard.points.isEmpty ? 0 : shard.rows)).allSatisfy { row in
        let sum = shard.entries(of: row).reduce(0) { $0 + abs(Double(shard.coefficients[$1])) }
        return sum.isFinite && sum * Double(largest) <= limit
      }
    }
  }

  /// Computes the weights of `neurons`, ascending, into the rows of `result`.
  ///
  /// Shapes: `result` is `neurons.count` x d. Complexity: that of `InitialWeights.generate`, and 2 nnz(x_i) flops for each
  /// entry.
  public func generate(_ neurons: some Collection<Int>, into result: MutableMatrixView) {
    initial.generate(neurons, into: result)
    let size = Tiles.neuronShards(of: rows).size
    points.withView { points in
      for (slot, neuron) in neurons.enumerated() {
        let shard = combinations.shards[neuron / size]
        shard.add(shard.entries(of: neuron % size), of: points, to: result.row(slot))
      }
    }
  }
}

extension PointCombinations {
  /// Every row, sum_i alpha_ri x_i (m x d). Throws a usage error when there is no memory for it. Complexity: O(m d) and 2
  /// nnz(x_i) flops for each entry.
  public func materialized(points: DataPoints) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: rows, by: points.dimension)
    let size = Tiles.neuronShards(of: rows).size
    result.withMutableView { result in
      points.withView { points in
        for row in 0..<rows {
          let shard = shards[row / size]
          shard.add(shard.entries(of: row % size), of: points, to: result.row(row))
        }
      }
    }
    return result
  }
}

extension PointCombinations.Shard {
  /// `vector += sum_t alpha_t x_t` over some entries, in their order, each product and each sum rounded.
  ///
  /// Complexity: 2 nnz(x) flops an entry.
  @inline(__always)
  package func add(
    _ entries: Range<Int>, of points: DataPointsView, to vector: UnsafeMutablePointer<Float>
  ) {
    for position in entries {
      points.addRounded(coefficients[position], timesPoint: Int(self.points[position]), to: vector)
    }
  }
}

extension DataPoints {
  /// The largest |x_ij|; infinite or not a number when one of them is.
  var largestMagnitude: Float {
    // Without the sign, magnitudes are ordered as bit patterns, infinities and NaNs above all others.
    var largest: UInt32 = 0
    switch storage {
    case .dense(let matrix):
      matrix.withView { view in
        for row in 0..<view.rows {
          for column in 0..<view.columns { largest = max(largest, view[row, column].magnitude.bitPattern) }
        }
      }
    case .sparse(let rows):
      for value in rows.values { largest = max(largest, value.magnitude.bitPattern) }
    }
    return Float(bitPattern: largest)
  }
}

extension DataPointsView {
  /// `vector += scale * x_i`, each product and each sum rounded: the same bits on every machine, which `add` leaves to
  /// the processor.
  @inline(__always)
  package func addRounded(_ scale: Float, timesPoint index: Int, to vector: UnsafeMutablePointer<Float>) {
    guard case .dense(let matrix) = self else { return add(scale, timesPoint: index, to: vector) }
    let point = matrix.row(index)
    var column = 0
    while column + 16 <= matrix.columns {
      let x = UnsafeRawPointer(point + column).loadUnaligned(as: SIMD16<Float>.self)
      let w = UnsafeRawPointer(vector + column).loadUnaligned(as: SIMD16<Float>.self)
      UnsafeMutableRawPointer(vector + column).storeBytes(of: w + scale * x, as: SIMD16<Float>.self)
      column += 16
    }
    while column < matrix.columns {
      vector[column] += scale * point[column]
      column += 1
    }
  }
}
