import CorrelationTrees
import FireTreeCore

/// A step along z in the outputs, with a pull to the start:
///
///     V' = shrinkage V - J^T z,    (J^T z)_r = 1/sqrt(m) sum_{i in F(r)} <a_r, z_i> x_i,    V = W - W(0)
///
/// with the present firing pattern. It is a step of descent of rate 1 along the gradient z with a decay towards the initial
/// weights. Neurons move far by it, so an engine is made anew from the state.
struct KernelStep {
  /// z (n x C).
  let direction: Matrix
  /// What is left of V, in [0, 1].
  let shrinkage: Float
  let firing: FiringSet
  let points: DataPoints
  let workers: Workers

  /// Moves the weights of `state`, in the form that they have; the velocity is left behind.
  ///
  /// `initial` is what stored weights began as; it is needed where `shrinkage` is below 1. Complexity: O(C) a firing pair; of
  /// stored weights also 2 d a firing pair and, where they shrink, all initial rows; of seeded ones O(1) an entry.
  func move(_ state: inout TrainingState, from initial: InitialWeights?) {
    let network = state.network
    Matrix.withViews(network.outputWeights, direction) { outputWeights, direction in
      let gradient = PairGradient(
        outputWeights: outputWeights, outputGradient: direction, outputScale: network.outputScale)
      switch network.weights {
      case .seeded(let weights): state.network.weights = .seeded(moved(weights, gradient))
      case .stored:
        state.network.weights = .stored(Matrix(rows: 0, columns: 0))  // so that the matrix is moved in place
        var weights = network.weights
        move(&weights, gradient, from: initial)
        state.network.weights = weights
      }
    }
    state.velocity = nil
    state.iteration += 1
  }

  private func moved(_ weights: SeededWeights, _ gradient: PairGradient) -> SeededWeights {
    let shards = workers.map(shards: firing.shards.count) { index in
      moved(weights.combinations.shards[index], firing.shards[index], index, gradient)
    }
    return SeededWeights(
      initial: weights.initial, points: points,
      combinations: PointCombinations(rows: weights.rows, shards: shards))
  }

  /// The combinations of a shard after the step: those before, shrunk, and the neuron's firing points.
  private func moved(
    _ old: PointCombinations.Shard, _ firing: FiringSet.Shard, _ shard: Int, _ gradient: PairGradient
  ) -> PointCombinations.Shard {
    var (result, next) = (PointCombinations.Shard(), 0)
    let first = Tiles.neuronShards(of: gradient.outputWeights.rows)[shard].lowerBound
    for row in 0..<old.rows {
      let neuron = first + row
      var fires = 0..<0
      if next < firing.neurons.count, Int(firing.neurons[next]) == neuron {
        fires = firing.offsets[next]..<firing.offsets[next + 1]
        next += 1
      }
      var entries = EntryCursor(old, row: row)
      while true {
        let point = min(entries.point, fires.isEmpty ? .max : Int(firing.points[fires.lowerBound]))
        guard point < .max else { break }
        var alpha = shrinkage * entries.take(point)
        if !fires.isEmpty, Int(firing.points[fires.lowerBound]) == point {
          alpha -= gradient.coefficient(neuron: neuron, point: point)
          fires = fires.dropFirst()
        }
        if alpha != 0 { result.append(point: UInt16(point), coefficient: alpha) }
      }
      result.endRow()
    }
    return result
  }

  private func move(_ weights: inout HiddenWeights, _ gradient: PairGradient, from initial: InitialWeights?) {
    let (shards, columns) = (Tiles.neuronShards(of: weights.rows), weights.columns)
    weights.withMutableView(workers: workers) { weights in
      points.withView { points in
        workers.forEachShard(of: shards.count) { shard in
          if shrinkage < 1, let initial { shrink(weights, shards[shard], to: initial) }
          Scratch.withMatrix(rows: 1, columns: columns) { scratch in
            for (k, neuron) in firing.shards[shard].neurons.enumerated() {
              gradient.add(
                -1, timesGradientOf: k, in: firing.shards[shard], points: points,
                to: weights.row(Int(neuron)), scratch: scratch.row(0))
            }
          }
        }
      }
    }
  }

  /// w = w(0) + shrinkage (w - w(0)) for a shard, tile by tile.
  private func shrink(_ weights: MutableMatrixView, _ shard: Range<Int>, to initial: InitialWeights) {
    let tiles = Tiles(of: shard.count, size: DataPoints.weightsPerTile)
    for tile in (0..<tiles.count).lazy.map({ tiles[$0] }) {
      let range = shard.lowerBound + tile.lowerBound..<shard.lowerBound + tile.upperBound
      Scratch.withMatrix(rows: range.count, columns: initial.columns) { scratch in
        initial.generate(range, into: scratch)
        for (slot, neuron) in range.enumerated() {
          let (start, row) = (scratch.row(slot), weights.row(neuron))
          for j in 0..<initial.columns { row[j] = start[j] + shrinkage * (row[j] - start[j]) }
        }
      }
    }
  }
}
