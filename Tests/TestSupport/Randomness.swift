import FireTreeCore

/// A seeded generator for tests (SplitMix64). Print its seed when a test fails.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Small whole numbers: sums of their products are exact in any order, so that results can be compared bit by bit,
  /// and correlations meet a whole threshold exactly.
  public mutating func wholeMatrix(rows: Int, columns: Int, range: ClosedRange<Int> = -3...3) -> Matrix {
    var matrix = Matrix(rows: rows, columns: columns)
    for r in 0..<rows {
      for c in 0..<columns { matrix[r, c] = Float(Int.random(in: range, using: &self)) }
    }
    return matrix
  }

  /// Numbers in [-1, 1).
  public mutating func matrix(rows: Int, columns: Int) -> Matrix {
    var matrix = Matrix(rows: rows, columns: columns)
    for r in 0..<rows {
      for c in 0..<columns { matrix[r, c] = Float.random(in: -1..<1, using: &self) }
    }
    return matrix
  }

  /// Rows of unit norm.
  public mutating func unitRows(_ rows: Int, columns: Int) -> Matrix {
    var matrix = matrix(rows: rows, columns: columns)
    for r in 0..<rows {
      let norm = matrix.row(r).reduce(0) { $0 + $1 * $1 }.squareRoot()
      for c in 0..<columns { matrix[r, c] /= norm }
    }
    return matrix
  }
}

extension Matrix {
  /// The nonzero elements alone.
  public var sparse: SparseRows {
    var offsets = [0]
    var indices: [Int32] = []
    var values: [Float] = []
    for r in 0..<rows {
      for (c, value) in row(r).enumerated() where value != 0 {
        indices.append(Int32(c))
        values.append(value)
      }
      offsets.append(values.count)
    }
    return SparseRows(columns: columns, offsets: offsets, columnIndices: indices, values: values)
  }

  /// Every element, row by row.
  public var elements: [[Float]] { (0..<rows).map { row($0) } }

  /// The largest absolute difference of two matrices of one shape.
  public func distance(to other: Matrix) -> Float {
    zip(elements.joined(), other.elements.joined()).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }
}

extension SeededGenerator {
  /// Numbers of at most 1 in magnitude.
  public mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &self) }
  }

  /// Whole numbers of at most 9 in magnitude.
  public mutating func wholes(_ count: Int) -> [Double] {
    (0..<count).map { _ in Double(Int.random(in: -9...9, using: &self)) }
  }

  /// Numbers of points, repeated or not.
  public mutating func indices(_ count: Int, below bound: Int) -> [UInt16] {
    (0..<count).map { _ in UInt16.random(in: 0..<UInt16(bound), using: &self) }
  }
}
