import FireTreeCore

/// How points are chosen as candidates when a neuron is anchored.
///
/// A point is left out when its correlation is at most b - (skin + rounding (|w| + 1)) |x_i|; with |x_i| taken from
/// `norms`. The rounding term covers the computed correlation (gamma_d |w| |x_i|, Higham 2002, section 3.1) and the
/// comparison itself, so the choice is right for any order of summation.
public struct Anchoring: Sendable {
  public let threshold: Float
  /// |x_i| (n), rounded up.
  public let norms: [Float]
  /// The largest of them.
  public let largestNorm: Float
  /// The relative rounding of a computed correlation, 2 gamma_d.
  public let rounding: Float

  public init(points: DataPoints, threshold: Float) {
    self.threshold = threshold
    let u = 0x1p-24 * Float(points.dimension + 4)
    rounding = 2 * u / max(1 - u, 0.5)
    let inflation = 1 + rounding
    norms = points.norms().map { $0 * inflation }
    largestNorm = norms.max() ?? 0
  }

  /// Appends the candidates of one neuron from all its correlations (n); returns how many there are.
  ///
  /// `points` and `kept` have room for n elements. Complexity: O(n) comparisons, sixteen at a time.
  func select(
    _ correlations: UnsafePointer<Float>, skin: Float, weightNorm: Float,
    points: UnsafeMutablePointer<UInt16>, kept: UnsafeMutablePointer<Float>
  ) -> Int {
    let reach = skin + rounding * (weightNorm + 1)
    return norms.withUnsafeBufferPointer { norms in
      guard let norms = norms.baseAddress else { return 0 }
      let n = self.norms.count
      var count = 0
      var i = 0
      let wide = SIMD16<Float>(repeating: reach)
      while i + 16 <= n {
        let s = UnsafeRawPointer(correlations + i).loadUnaligned(as: SIMD16<Float>.self)
        let x = UnsafeRawPointer(norms + i).loadUnaligned(as: SIMD16<Float>.self)
        // Most groups of sixteen hold no candidate.
        if any((s + wide * x) .> threshold) {
          for k in i..<i + 16 where correlations[k] + reach * norms[k] > threshold {
            points[count] = UInt16(k)
            kept[count] = correlations[k]
            count += 1
          }
        }
        i += 16
      }
      while i < n {
        if correlations[i] + reach * norms[i] > threshold {
          points[count] = UInt16(i)
          kept[count] = correlations[i]
          count += 1
        }
        i += 1
      }
      return count
    }
  }
}

/// The candidates of a few neurons, as they come out of anchoring and before they are put into their lists.
public struct AnchoredLists: Sendable {
  public internal(set) var offsets: [Int] = [0]
  public internal(set) var points: [UInt16] = []
  public internal(set) var correlations: [Float] = []
  /// |w_r| of the neurons.
  public internal(set) var weightNorms: [Float] = []

  public init() {}

  /// Calls `body(points, correlations)` with the candidates of the neuron in row `row`.
  public func withCandidates(
    of row: Int, _ body: (UnsafeBufferPointer<UInt16>, UnsafeBufferPointer<Float>) -> Void
  ) {
    let range = offsets[row]..<offsets[row + 1]
    points.withUnsafeBufferPointer { points in
      correlations.withUnsafeBufferPointer { correlations in
        body(
          UnsafeBufferPointer(rebasing: points[range]), UnsafeBufferPointer(rebasing: correlations[range]))
      }
    }
  }
}

extension Anchoring {
  /// Computes the correlations of weights (R x d) with all points, by matrix product, and chooses the candidates of
  /// each; `skins` has R elements.
  ///
  /// Complexity: 2 R n d flops; memory beyond the result is 64 rows of n correlations.
  public func candidates(
    of weights: MatrixView, points: DataPoints, skins: UnsafePointer<Float>
  ) -> AnchoredLists {
    var result = AnchoredLists()
    let blocks = Tiles(of: weights.rows, size: 64)
    Scratch.withMatrix(rows: min(64, weights.rows), columns: points.count) { scratch in
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: points.count + 1) { chosen in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: points.count + 1) { kept in
          guard let chosenBase = chosen.baseAddress, let keptBase = kept.baseAddress else { return }
          for block in 0..<blocks.count {
            let rows = scratch.rows(0..<blocks[block].count)
            let tiles = points.tiles
            for tile in 0..<tiles.count {
              points.correlate(
                weights.rows(blocks[block]), points: tiles[tile], into: rows.columns(tiles[tile]))
            }
            for (slot, r) in blocks[block].enumerated() {
              let weight = weights.row(r)
              let norm = LinearAlgebra.dot(weight, weight, count: weights.columns).squareRoot()
              let count = select(
                rows.view.row(slot), skin: skins[r], weightNorm: norm, points: chosenBase, kept: keptBase)
              result.weightNorms.append(norm)
              result.points += chosen[0..<count]
              result.correlations += kept[0..<count]
              result.offsets.append(result.points.count)
            }
          }
        }
      }
    }
    return result
  }
}
