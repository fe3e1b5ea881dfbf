import CorrelationTrees
import FireTreeCore

/// The backward pass of one tile of stored weights.
struct DenseMove {
  let pass: DensePass
  let weights: MutableMatrixView
  let velocities: Velocities.View?
  /// Whether `bits` holds the pattern already; otherwise it is computed again from the weights.
  let isPatternKept: Bool
  let gradient: PairGradient
  let rule: UpdateRule

  private var wordsPerNeuron: Int { DensePass.words(points: pass.points.count) }

  /// Moves the tile's neurons; returns how many moved.
  func run(_ tile: DenseSweep.Tile) -> Int {
    let (neurons, scratch, bits) = (tile.neurons, tile.scratch, tile.bits)
    let words = wordsPerNeuron
    let rows = weights.rows(neurons)
    if !isPatternKept { pass.mark(rows.view, in: tile) }
    let fires = (0..<rows.rows).map { r in (0..<words).contains { bits[r * words + $0] != 0 } }
    if rule.decay > 0 { for r in 0..<rows.rows { rule.shrink(rows.row(r), count: rows.columns) } }
    guard let velocities else {
      accumulate(-rule.rate, neurons: neurons, scratch: scratch, bits: bits, into: rows)
      return rule.decay > 0 ? rows.rows : fires.count { $0 }
    }
    return Scratch.withMatrix(rows: rows.rows, columns: rows.columns) { gradients in
      gradients.fill(0)
      accumulate(1, neurons: neurons, scratch: scratch, bits: bits, into: gradients)
      return (0..<rows.rows).count { r in
        let moved = rule.move(
          neuron: neurons.lowerBound + r, weights: rows.row(r), velocities: velocities,
          gradient: fires[r] ? UnsafePointer(gradients.row(r)) : nil)
        return moved || rule.decay > 0
      }
    }
  }

  /// `result += scale * dL/dw` for a tile of neurons, a tile of points at a time.
  private func accumulate(
    _ scale: Float, neurons: Range<Int>, scratch: MutableMatrixView, bits: UnsafePointer<UInt64>,
    into result: MutableMatrixView
  ) {
    let tiles = pass.points.tiles
    for tile in 0..<tiles.count {
      let coefficients = scratch.columns(0..<tiles[tile].count)
      coefficients.fill(0)
      for r in 0..<coefficients.rows {
        let row = coefficients.row(r)
        DensePass.forEachBit(in: bits + r * wordsPerNeuron, points: tiles[tile]) { point in
          row[point - tiles[tile].lowerBound] =
            scale * gradient.coefficient(neuron: neurons.lowerBound + r, point: point)
        }
      }
      pass.points.accumulate(coefficients.view, points: tiles[tile], into: result)
    }
  }
}

extension DensePass {
  /// Computes the pattern of a tile from its weights.
  func mark(_ weights: MatrixView, in tile: DenseSweep.Tile) {
    forEachCorrelationTile(of: weights, scratch: tile.scratch) { points, correlations in
      mark(
        correlations, firstPoint: points.lowerBound, in: tile.bits,
        wordsPerNeuron: Self.words(points: self.points.count))
    }
  }
}
