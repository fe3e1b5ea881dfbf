// Structured weights with combinations of points, block by block: <w, x> = <w(0), x> + sum_i alpha_i <x_i, x>, where the first
// term comes by transforms.

extension HiddenWeights {
  /// An upper bound of |s - <w, x>| / |x| for what correlations computed by transforms carry beside the rounding of a product; 0
  /// for weights that transforms do not serve. Complexity: O(entries).
  package var transformRounding: Float {
    guard case .seeded(let weights) = self, weights.initial.distribution == .hadamard else { return 0 }
    return weights.isInitial ? weights.initial.rounding : weights.largestRounding
  }
}

extension SeededWeights {
  /// Bounds of single neurons, for each unit of |x| (m).
  package struct Bounds {
    /// |<w - w(0), x>|, at most |w - w(0)|.
    package var movements: [Float]
    /// What rounding has of <w, x> computed as above, and of a comparison with it.
    package var errors: [Float]
  }

  /// The bounds of all neurons.
  ///
  /// With k entries: |sum_i alpha_i x_i|, `measured`, from the Gram matrix where there is one, or bounded by A = sum_i |alpha_i|
  /// |x_i|; what rounding may have of it,
  /// gamma_(d + k) A (Higham 2002, section 3.1), twice, for what is measured and for what is added up, and gamma_(d + k) |w_r(0)|
  /// for adding that to the first; and that of transforms. Without memory for them the process ends (`Memory.end`).
  /// Complexity: O(1) an entry; 2 nnz(x_i) when they are measured, 2 k from the Gram matrix.
  package func bounds(measured: Bool, gram: Matrix? = nil, workers: Workers) -> Bounds {
    let (norms, transforms, terms) = (points.norms(), initial.rounding, points.dimension)
    let own = Float(HadamardWeights.blockSize(columns: columns)).squareRoot()
    let shards = Tiles.neuronShards(of: rows)
    var bounds = Bounds(
      movements: .fixed(rows, repeating: 0), errors: .fixed(rows, repeating: 0))
    points.withView { points in
      bounds.movements.withUnsafeMutableBufferPointer { movements in
        bounds.errors.withUnsafeMutableBufferPointer { errors in
          guard let movements = movements.baseAddress, let errors = errors.baseAddress else { return }
          // Each shard writes to places of its own.
          nonisolated(unsafe) let (movement, error) = (movements, errors)
          workers.forEachShard(of: shards.count) { index in
            let shard = combinations.shards[index]
            Scratch.withMatrix(rows: 1, columns: columns) { scratch in
              for (local, neuron) in shards[index].enumerated() {
                let entries = shard.entries(of: local)
                var sum: Float = 0
                for t in entries { sum += abs(shard.coefficients[t]) * norms[Int(shard.points[t])] }
                let rounding = Self.rounding(terms: terms + entries.count)
                movement[neuron] = sum
                if let gram, !entries.isEmpty {
                  // Products of a Gram matrix round by gamma_d |x_i| |x_j|, their sum by gamma_k more.
                  let square = gram.withView { shard.square(of: entries, $0) }
                  movement[neuron] = min(
                    (square + 2 * rounding * sum * sum).squareRoot() * (1 + rounding), sum)
                } else if measured, !entries.isEmpty {
                  let length = shard.length(of: entries, points, in: scratch.row(0), columns: columns)
                  movement[neuron] = min(length * (1 + rounding), sum)
                }
                let added = entries.isEmpty ? 0 : rounding * own
                error[neuron] = 2 * rounding * sum + added + transforms * (1 + rounding)
              }
            }
          }
        }
      }
    }
    return bounds
  }

  /// 2 gamma for so many terms.
  private static func rounding(terms: Int) -> Float {
    let u = Float(terms + 8) * 0x1p-24
    return 2 * u / max(1 - u, 0.5)
  }

  /// The largest of the errors. Complexity: O(entries).
  package var largestRounding: Float {
    let norms = points.norms()
    var (largest, terms): (Float, Int) = (0, 0)
    for shard in combinations.shards where !shard.points.isEmpty {
      for row in 0..<shard.rows {
        let entries = shard.entries(of: row)
        largest = max(
          largest, entries.reduce(0) { $0 + abs(shard.coefficients[$1]) * norms[Int(shard.points[$1])] })
        terms = max(terms, entries.count)
      }
    }
    let own = Float(HadamardWeights.blockSize(columns: columns)).squareRoot()
    return initial.rounding + Self.rounding(terms: points.dimension + terms) * (2 * largest + own)
  }

  /// Neurons of a block whose combinations lie in one piece.
  package struct Part {
    package let neurons: Range<Int>
    let shard: PointCombinations.Shard
    let offset: Int

    /// Calls `body` with offsets (one more than neurons), points and coefficients; with nil where there is no entry.
    package func withEntries<Result>(
      _ body: (UnsafePointer<Int>?, UnsafePointer<UInt16>?, UnsafePointer<Float>?) -> Result
    ) -> Result {
      shard.offsets.withUnsafeBufferPointer { offsets in
        shard.points.withUnsafeBufferPointer { points in
          shard.coefficients.withUnsafeBufferPointer { coefficients in
            body(
              offsets.isEmpty ? nil : offsets.baseAddress.map { $0 + offset }, points.baseAddress,
              coefficients.baseAddress)
          }
        }
      }
    }
  }

  /// The neurons of a block of structured weights, by pieces.
  package func parts(ofBlock block: Int) -> [Part] {
    let size = HadamardWeights.blockSize(columns: columns) * initial.copies
    let shards = Tiles.neuronShards(of: rows)
    var next = block * size
    let end = min(next + size, rows)
    var parts: [Part] = []
    while next < end {
      let shard = next / shards.size
      let range = next..<min(end, (shard + 1) * shards.size)
      parts.append(
        Part(neurons: range, shard: combinations.shards[shard], offset: next - shard * shards.size))
      next = range.upperBound
    }
    return parts
  }
}

extension PointCombinations.Shard {
  /// sum_st alpha_s alpha_t G_st, at least 0. Complexity: O(k^2) for k entries.
  fileprivate func square(of entries: Range<Int>, _ gram: MatrixView) -> Float {
    var sum: Float = 0
    for s in entries {
      let row = gram.row(Int(points[s]))
      var part = coefficients[s] * row[Int(points[s])] / 2
      for t in entries.lowerBound..<s { part += coefficients[t] * row[Int(points[t])] }
      sum += 2 * coefficients[s] * part
    }
    return max(sum, 0)
  }

  /// |sum_t alpha_t x_t|. Complexity: 2 nnz(x) flops an entry.
  fileprivate func length(
    of entries: Range<Int>, _ points: DataPointsView, in row: UnsafeMutablePointer<Float>, columns: Int
  ) -> Float {
    row.update(repeating: 0, count: columns)
    add(entries, of: points, to: row)
    return LinearAlgebra.dot(row, row, count: columns).squareRoot()
  }
}
