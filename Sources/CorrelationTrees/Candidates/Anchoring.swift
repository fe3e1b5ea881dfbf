import FireTreeCore

/// How points are chosen as candidates when a neuron is anchored.
///
/// A point is left out when its correlation is at most b - (skin + error) |x_i|, error = rounding (|w| + 1) and what transforms
/// add; with |x_i| taken from `norms`. The rounding term covers the computed correlation (gamma_k |w| |x_i|, k the terms of
/// the product: the elements that are stored of the point, at most; Higham 2002, section 3.1) and the comparison itself, so
/// the choice is right for any order of summation.
public struct Anchoring: Sendable {
  public let threshold: Float
  /// |x_i| (n), rounded up.
  public let norms: [Float]
  /// The largest of them.
  public let largestNorm: Float
  /// How many neurons' correlations are best computed together.
  public static let weightsPerProduct = 512
  /// The relative rounding of a computed correlation, 2 gamma_k, k the most elements that are stored of a point.
  public let rounding: Float
  /// The same of a sum over all d coordinates, as in the norm of a weight.
  public let weightRounding: Float
  /// What transforms add to it, for each unit of |x|, where correlations come from them (`HadamardWeights.rounding`).
  public let transformRounding: Float
  private let points: OccupiedColumns

  /// `transformRounding` is that of the weights that are anchored. Throws a usage error when memory runs out.
  public init(
    points: DataPoints, threshold: Float, transformRounding: Float = 0
  ) throws(FireTreeError) {
    (self.threshold, self.transformRounding) = (threshold, transformRounding)
    self.points = try OccupiedColumns(of: points)
    rounding = Self.rounding(terms: points.mostStoredElements)
    weightRounding = Self.rounding(terms: points.dimension)
    let inflation = 1 + rounding
    var inflated = points.norms()
    try Memory.ask(for: inflated.count, of: Float.self)
    for point in inflated.indices { inflated[point] *= inflation }
    norms = inflated
    largestNorm = norms.max() ?? 0
  }

  /// 2 gamma for a sum of so many terms.
  private static func rounding(terms: Int) -> Float {
    let u = 0x1p-24 * Float(terms + 4)
    return 2 * u / max(1 - u, 0.5)
  }

  /// An upper bound of |s - <w, x>| / |x| for computed correlations, with the rounding of what is done with them.
  @inline(__always)
  package func error(weightNorm: Float) -> Float { rounding * (weightNorm + 1) + transformRounding }

  /// The norms of a block of points and, for what is missing in the last of its groups of lanes, numbers that exceed no
  /// threshold.
  func laneNorms(of block: Range<Int>) -> [Float] {
    let lanes = LanePoints.lanes, missing = (lanes - block.count % lanes) % lanes
    return .fixed(joining: [Array(norms[block]), Array(repeating: -.infinity, count: missing)])
  }

  /// Stores the candidates of one neuron in a block of points, from its correlations with them; returns how many there
  /// are. Points are counted from the first of the block.
  ///
  /// `points` and `kept` have room for the block. Complexity: a comparison for each of its points, sixteen at a time.
  func select(
    _ correlations: UnsafePointer<Float>, block: Range<Int>, skin: Float, weightNorm: Float,
    points: UnsafeMutablePointer<UInt16>, kept: UnsafeMutablePointer<Float>
  ) -> Int {
    let reach = skin + error(weightNorm: weightNorm)
    return norms.withUnsafeBufferPointer { norms in
      guard let first = norms.baseAddress else { return 0 }
      let (norms, n) = (first + block.lowerBound, block.count)
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
  /// Those in one block of points, as compressed rows.
  struct Block: Sendable {
    var offsets: [Int] = [0]
    var points: [UInt16] = []
    var correlations: [Float] = []
  }

  var blocks: [Block]
  /// |w_r| of the neurons, rounded up.
  public internal(set) var weightNorms: [Float] = []

  public init(blocks: Int = 1) { self.blocks = [Block](repeating: Block(), count: blocks) }

  /// Calls `body(points, correlations)` with the candidates in a block of the neuron in row `row`; points are counted
  /// from the first of the block.
  public func withCandidates(
    of row: Int, block: Int = 0, _ body: (UnsafeBufferPointer<UInt16>, UnsafeBufferPointer<Float>) -> Void
  ) {
    let block = blocks[block]
    let range = block.offsets[row]..<block.offsets[row + 1]
    block.points.withUnsafeBufferPointer { points in
      block.correlations.withUnsafeBufferPointer { correlations in
        body(
          UnsafeBufferPointer(rebasing: points[range]), UnsafeBufferPointer(rebasing: correlations[range]))
      }
    }
  }
}

extension Anchoring {
  /// Computes the correlations of weights (R x d) with all points, by matrix product, and chooses the candidates of
  /// each; `skins` has R elements. Without `blocks` all points are in one.
  ///
  /// Complexity: 2 R n d flops, d counting columns that are not 0 in all points; memory beyond the result is that of 64
  /// to 512 rows of correlations with a block, and that of `OccupiedColumns.correlate`.
  public func candidates(
    of weights: MatrixView, skins: UnsafePointer<Float>, blocks: Tiles? = nil
  ) -> AnchoredLists {
    let blocks = blocks ?? Tiles(of: norms.count, size: max(norms.count, 1))
    var result = AnchoredLists(blocks: blocks.count)
    let room = min(blocks.size, norms.count)
    // As many rows as make a fast product, and not more than 4 MB of correlations.
    let groups = Tiles(
      of: weights.rows, size: max(64, min(Self.weightsPerProduct, (1 << 20) / max(room, 1) / 16 * 16)))
    Scratch.withMatrix(rows: min(groups.size, weights.rows), columns: room) { scratch in
      withUnsafeTemporaryAllocation(of: UInt16.self, capacity: room + 1) { chosen in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: room + 1) { kept in
          guard let chosen = chosen.baseAddress, let kept = kept.baseAddress else { return }
          for group in 0..<groups.count {
            let rows = weights.rows(groups[group])
            let norms = (0..<rows.rows).map {
              LinearAlgebra.dot(rows.row($0), rows.row($0), count: rows.columns).squareRoot()
                * (1 + weightRounding)
            }
            result.weightNorms += norms
            for block in 0..<blocks.count {
              let correlations = scratch.rows(0..<rows.rows).columns(0..<blocks[block].count)
              points.correlate(rows, points: blocks[block], into: correlations)
              for (slot, r) in groups[group].enumerated() {
                let count = select(
                  correlations.view.row(slot), block: blocks[block], skin: skins[r], weightNorm: norms[slot],
                  points: chosen, kept: kept)
                result.blocks[block].append(points: chosen, correlations: kept, count: count)
              }
            }
          }
        }
      }
    }
    return result
  }
}

extension AnchoredLists.Block {
  /// Appends a row.
  fileprivate mutating func append(
    points new: UnsafePointer<UInt16>, correlations kept: UnsafePointer<Float>, count: Int
  ) {
    points.fixRoom(for: count)
    correlations.fixRoom(for: count)
    offsets.fixRoom(for: 1)
    points += UnsafeBufferPointer(start: new, count: count)
    correlations += UnsafeBufferPointer(start: kept, count: count)
    offsets.append(points.count)
  }
}
