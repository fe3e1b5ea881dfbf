import FireTreeCore

/// The tangent kernel of one output of a network at its start, for a width that grows:
///
///     K_ij = <x_i, x_j> |{r : neuron r fires on both}| / m        (n x n)
///
/// It tends to the limit kernel. For output weights of size 1; between different outputs there are elements, too, which tend to 0
/// and are left out. Row r of a network depends on seed and r alone, so a wider one has the neurons of a narrower one.
///
/// Memory: 4 n^2 bytes a thread for counts, and n^2 floats.
package struct FiniteKernel {
  private let initial: InitialWeights
  private let points: DataPoints
  private let threshold: Float
  private let workers: Workers
  private let gram: Matrix
  /// How often each pair of points has had a neuron that fires on both (n x n, the lower triangle).
  private var counts: [Int32]
  /// m.
  package private(set) var neurons = 0

  /// Of the widths up to that of `initial`. Throws a usage error when there is no memory for it. Complexity: 2 n^2 d flops.
  package init(
    _ initial: InitialWeights, points: DataPoints, threshold: Float, workers: Workers
  ) throws(FireTreeError) {
    (self.initial, self.points, self.threshold, self.workers) = (initial, points, threshold, workers)
    gram = try points.gramMatrix(workers: workers)
    counts = try [Int32](allocating: points.count * points.count, repeating: 0)
  }

  /// Goes on to a width of `width`, at least the present one.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: 2 n d flops for each new neuron, and k^2 / 2 for one that fires on
  /// k points.
  package mutating func grow(to width: Int) throws(FireTreeError) {
    precondition(width >= neurons && width <= initial.rows, "a width of \(width)")
    let (first, n) = (neurons, points.count)
    let tiles = Tiles(of: width - first, size: DataPoints.weightsPerTile)
    try Memory.ask(for: workers.threads * counts.count, of: Int32.self)
    var own = [[Int32]](repeating: [], count: workers.threads)
    for thread in own.indices { own[thread] = .fixed(counts.count, repeating: 0) }
    withPointers(to: &own) { own in
      // Each thread has counts of its own.
      nonisolated(unsafe) let own = own
      workers.forEachShard(of: tiles.count) { tile, thread in
        let range = first + tiles[tile].lowerBound..<first + tiles[tile].upperBound
        Scratch.withMatrix(rows: range.count, columns: initial.columns) { rows in
          initial.generate(range, into: rows)
          Scratch.withMatrix(rows: range.count, columns: n) { correlations in
            points.correlate(rows.view, points: 0..<n, into: correlations)
            count(correlations.view, into: own[thread])
          }
        }
      }
    }
    for part in own { for pair in counts.indices { counts[pair] += part[pair] } }
    neurons = width
  }

  /// Counts the pairs of points on which a neuron of a tile fires. Complexity: n, and k^2 / 2, for each.
  private func count(_ correlations: MatrixView, into counts: UnsafeMutablePointer<Int32>) {
    let n = points.count
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: n + 1) { list in
      guard let list = list.baseAddress else { return }
      for row in 0..<correlations.rows {
        var firing = 0
        for i in 0..<n where correlations[row, i] > threshold {
          list[firing] = Int32(i)
          firing += 1
        }
        for k in 0..<firing {
          let target = counts + Int(list[k]) * n
          for l in 0...k { target[Int(list[l])] += 1 }
        }
      }
    }
  }

  private func withPointers(
    to arrays: inout [[Int32]], _ body: ([UnsafeMutablePointer<Int32>]) -> Void
  ) {
    var pointers: [UnsafeMutablePointer<Int32>] = []
    func next(_ index: Int) {
      guard index < arrays.count else { return body(pointers) }
      var array: [Int32] = []
      swap(&array, &arrays[index])
      array.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        pointers.append(base)
        next(index + 1)
      }
      swap(&array, &arrays[index])
    }
    next(0)
  }

  /// K at the present width. Throws a usage error when there is no memory for it.
  package func kernel() throws(FireTreeError) -> LimitKernel {
    let n = points.count
    var matrix = try Matrix(allocating: n, by: n)
    matrix.withMutableView { matrix in
      for i in 0..<n {
        for j in 0...i {
          let element = gram[i, j] * Float(counts[i * n + j]) / Float(max(neurons, 1))
          matrix[i, j] = element
          matrix[j, i] = element
        }
      }
    }
    return LimitKernel(matrix: matrix, workers: workers)
  }
}
