import FireTreeCore

/// Structured weights that training has moved, as a first pass looks at them: <w(0), x> by transforms, and what has been added by
/// products of points, sum_i alpha_i G_ij, for the pairs that may be candidates.
///
/// Memory: another copy of G.
struct MovedWeights: Sendable {
  private let weights: SeededWeights
  private let bounds: SeededWeights.Bounds
  /// Sixteen columns of G at a time (n x 16 each).
  private let products: AlignedBuffer

  /// Throws a usage error when there is no memory for it. Precondition: `gram` is the Gram matrix of the points of `weights`.
  init(_ weights: SeededWeights, gram: Matrix, workers: Workers) throws(FireTreeError) {
    let (count, lanes) = (gram.rows, LanePoints.lanes)
    self.weights = weights
    bounds = weights.bounds(measured: true, gram: gram, workers: workers)
    let groups = Tiles(of: count, size: lanes)
    products = try AlignedBuffer(count: groups.count * count * lanes)
    let base = products.base
    gram.withView { gram in
      workers.forEachShard(of: groups.count) { group in
        let target = base + group * count * lanes
        for i in 0..<count {
          let row = gram.row(i)
          for (lane, point) in groups[group].enumerated() { target[i * lanes + lane] = row[point] }
        }
      }
    }
  }

  /// The candidates of a block, neuron by neuron. Complexity: 3 D log2 D flops a point, O(1) a candidate, and a flop or two an
  /// entry for sixteen pairs of which one may be one.
  func candidates(
    ofBlock block: Int, _ structured: HadamardWeights, _ lanes: LanePoints, norms: [Float],
    _ anchoring: Anchoring,
    skin: Float
  ) -> AnchoredLists {
    let first = structured.blocks[block].lowerBound * weights.initial.copies
    let rows = min(structured.blockSize * weights.initial.copies, weights.rows - first)
    var result = AnchoredLists(blocks: 1)
    let own = Float(structured.blockSize).squareRoot() * (1 + anchoring.weightRounding)
    result.weightNorms = .fixed(rows, repeating: own)
    var (slacks, reaches) = (result.weightNorms, result.weightNorms)
    for row in 0..<rows {
      let (movement, error) = (bounds.movements[first + row], bounds.errors[first + row])
      result.weightNorms[row] = own + movement
      slacks[row] = skin + error + anchoring.error(weightNorm: own + movement)
      reaches[row] = slacks[row] + movement + error
    }
    result.blocks[0] = AnchoredLists.Block(
      hits(ofBlock: block, structured, lanes, norms: norms, anchoring.threshold, reaches, slacks), rows: rows)
    return result
  }

  private func hits(
    ofBlock block: Int, _ structured: HadamardWeights, _ lanes: LanePoints, norms: [Float],
    _ threshold: Float,
    _ reaches: [Float], _ slacks: [Float]
  ) -> [Kernels.Hit] {
    var hits: [Kernels.Hit] = []
    let (parts, copies) = (weights.parts(ofBlock: block), weights.initial.copies)
    let (count, width) = (weights.points.count, LanePoints.lanes)
    structured.withWorkspace { workspace in
      structured.drawSigns(of: block, workspace)
      withUnsafeTemporaryAllocation(of: Kernels.Hit.self, capacity: reaches.count * width) { found in
        guard let found = found.baseAddress else { return }
        for group in 0..<lanes.groups.count {
          structured.transform(lanes, group: group, workspace)
          let first = lanes.groups[group].lowerBound
          for part in parts {
            let offset = part.neurons.lowerBound - block * structured.blockSize * copies
            let number = Self.withPointers(reaches, slacks, norms) { reaches, slacks, norms in
              part.withEntries { offsets, points, coefficients in
                Kernels.fireLanes(
                  workspace.tile.row(offset / copies), neurons: part.neurons.count, copies: copies,
                  scale: structured.scale, reaches: reaches + offset, slacks: slacks + offset,
                  norms: norms + first, threshold: threshold, offsets: offsets, points: points,
                  coefficients: coefficients, products: products.base + group * count * width, into: found)
              }
            }
            hits.fixRoom(for: number)
            for k in 0..<number {
              let hit = found[k]
              hits.append(
                Kernels.Hit(
                  value: hit.value, row: hit.row + UInt16(offset), point: hit.point + UInt16(first)))
            }
          }
        }
      }
    }
    return hits
  }

  private static func withPointers<Result>(
    _ a: [Float], _ b: [Float], _ c: [Float],
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>) -> Result
  ) -> Result {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeBufferPointer { c in
          guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else {
            preconditionFailure("a block has neurons, and there are points")
          }
          return body(a, b, c)
        }
      }
    }
  }
}
