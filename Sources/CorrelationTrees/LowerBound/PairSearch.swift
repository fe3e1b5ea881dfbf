import FireTreeCore

/// A pair of vectors, one of each of two families, and their inner product.
public struct VectorPair: Sendable, Equatable {
  /// Row in the left family.
  public var left: Int
  /// Row in the right family.
  public var right: Int
  public var product: Float

  public init(left: Int, right: Int, product: Float) {
    self.left = left
    self.right = right
    self.product = product
  }
}

/// What a search for a pair found, and what the detector did for it.
public struct PairSearch: Sendable, Equatable {
  /// The pair; nil when there is none.
  public var pair: VectorPair?
  /// Queries that the detector answered.
  public var queries = 0
  /// Weights that it was given after it was built.
  public var updates = 0
  /// Of queries and updates; building is not counted.
  public var counts = OperationCounts()

  public init() {}
}

/// How a search uses a detector.
public enum DetectorUse: Sendable, CaseIterable {
  /// The left family are its m weights; one query of all pairs.
  case atOnce
  /// It has one neuron, which becomes one left vector after the other, and is asked after each update. That is the
  /// reduction by which updates and queries cannot both be fast.
  case oneByOne
}

extension FiringSet {
  /// The pair with the largest correlation, the first of several; nil in an empty set.
  var best: VectorPair? {
    var best: VectorPair?
    forEachPair { neuron, point, correlation in
      guard let found = best, correlation <= found.product else {
        best = VectorPair(left: neuron, right: point, product: correlation)
        return
      }
    }
    return best
  }
}

extension Matrix {
  /// Every element with the other sign.
  var negated: Matrix {
    var result = Matrix(rows: rows, columns: columns)
    withView { source in
      result.withMutableView { result in
        for r in 0..<rows {
          // 0 - x rather than -x: a zero keeps its sign.
          for c in 0..<columns { result[r, c] = 0 - source[r, c] }
        }
      }
    }
    return result
  }
}
