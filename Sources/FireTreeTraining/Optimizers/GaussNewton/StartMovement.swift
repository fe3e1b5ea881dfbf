import CorrelationTrees
import FireTreeCore

/// How far the hidden weights are from where they began, V = W - W(0), as the outputs see it at the present firing pattern.
struct StartMovement: Sendable {
  /// (J V)_i = 1/sqrt(m) sum_{r fires on i} a_r <v_r, x_i> (n x C).
  var outputs: Matrix
  /// |V|^2 over all elements.
  var square: Double

  /// W(0) is made again, tile by tile.
  ///
  /// Throws a usage error when there is no memory for it. Complexity: that of all weights of the engine and of the initial ones
  /// (`withWeights`, `InitialWeights.generate`), and 2 d flops a firing pair.
  init(
    of engine: some TrainingEngine, from initial: InitialWeights, firing: FiringSet
  ) throws(FireTreeError) {
    let (points, team, weights) = (engine.points, engine.team, engine.outputWeights)
    // No neuron moves much farther than it is long, and there is room for a thousand times that.
    let units = try OutputUnits(
      norms: points.norms(), threshold: engine.threshold, outputWeights: weights, team: team)
    var sums = try OutputSums(outputs: weights.columns, units: units, workers: team.workers)
    let shards = Tiles.neuronShards(of: engine.neuronCount)
    let squares = Matrix.withViews(weights, weights) { weights, _ in
      points.withView { points in
        sums.collect(shards: shards.count) { shard, sums in
          Self.add(
            engine, initial, firing.shards[shard], neurons: shards[shard], weights, points, to: sums)
        }
      }
    }
    outputs = sums.rounded(scale: Double(Network.outputScale(neurons: engine.neuronCount)), team: team)
    square = squares.reduce(0, +)
  }

  /// Adds a shard's part of J V, before division by sqrt(m); returns its part of |V|^2.
  private static func add(
    _ engine: some TrainingEngine, _ initial: InitialWeights, _ firing: FiringSet.Shard,
    neurons: Range<Int>, _ outputWeights: MatrixView, _ points: DataPointsView,
    to sums: UnsafeMutablePointer<Double>
  ) -> Double {
    var (square, next) = (0.0, 0)
    let tiles = Tiles(of: neurons.count, size: DataPoints.weightsPerTile)
    for tile in (0..<tiles.count).lazy.map({ tiles[$0] }) {
      let range = neurons.lowerBound + tile.lowerBound..<neurons.lowerBound + tile.upperBound
      withMovement(of: engine, initial, range) { rows in
        for (slot, neuron) in range.enumerated() {
          let row = rows.row(slot)
          square += Double(LinearAlgebra.dot(row, row, count: rows.columns))
          guard next < firing.neurons.count, Int(firing.neurons[next]) == neuron else { continue }
          for position in firing.offsets[next]..<firing.offsets[next + 1] {
            let point = Int(firing.points[position])
            OutputSums.add(
              points.dot(row, withPoint: point), times: outputWeights.row(neuron), to: sums, point: point,
              outputs: outputWeights.columns)
          }
          next += 1
        }
      }
    }
    return square
  }

  /// Calls `body` with v_r for a tile of neurons, one a row.
  private static func withMovement(
    of engine: some TrainingEngine, _ initial: InitialWeights, _ neurons: Range<Int>,
    _ body: (MatrixView) -> Void
  ) {
    Scratch.withMatrix(rows: neurons.count, columns: initial.columns) { scratch in
      initial.generate(neurons, into: scratch)
      engine.withWeights(neurons) { rows in
        for slot in 0..<neurons.count {
          let (start, now) = (scratch.row(slot), rows.row(slot))
          for j in 0..<initial.columns { start[j] = now[j] - start[j] }
        }
      }
      body(scratch.view)
    }
  }
}
