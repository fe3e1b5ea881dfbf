import FireTreeCore

extension MachineProfile {
  /// Measures the machine on tiles of `points`, for a problem of the given shape, on all `workers` at once.
  ///
  /// The work is the same at every call, whatever it takes: about 60 ms on two cores for points of a few thousand
  /// coordinates. What is measured is the best of several rounds over all kernels, so that a disturbance must last for
  /// all of them to show. Memory: 64 MB and a tile a thread.
  public init(measuring points: DataPoints, shape: ProblemShape, workers: Workers) {
    let products = ProductCalibration(
      points: points, companions: shape.companions(from: 2, to: 4096), workers: workers)
    let access = AccessCalibration(shape: shape, workers: workers)
    var best = Best()
    products.withWorkspace { products in
      access.withWorkspace { access in
        for _ in 0..<4 {
          products.measure(&best)
          access.measure(&best)
        }
      }
    }
    self.init(
      correlationRate: 1 / best[.correlation], accumulationRate: 1 / best[.accumulation],
      pointRate: 1 / best[.point], groupRate: 1 / best[.group], markSeconds: best[.mark],
      gatherSeconds: best[.gather],
      pairSeconds: best[.pair], levelSeconds: best[.level],
      elementSeconds: best[.element], bandwidth: 1 / best[.byte],
      regionSeconds: best[.region])
  }
}

/// The best times of a calibration, in seconds a unit of work.
private struct Best {
  enum Kernel: CaseIterable {
    case correlation, accumulation, point, group, mark, gather, pair, level, element, byte, region
  }

  private var seconds: [Kernel: Double] = [:]

  subscript(kernel: Kernel) -> Double { max(seconds[kernel] ?? 0, 1e-15) }

  /// Times `body`, run by every thread on memory of its own, after an untimed run, so that all threads are awake and
  /// caches hold what they can.
  ///
  /// `work` is what one thread does, in units of the kernel. It should take longer than the waking of a thread, some 50
  /// microseconds.
  mutating func measure(_ kernel: Kernel, work: Double, _ workers: Workers, _ body: (Int) -> Void) {
    workers.forEachShard(of: workers.threads, body)
    let duration = ContinuousClock().measure { workers.forEachShard(of: workers.threads, body) }
    record(kernel, duration.seconds / (max(work, 1) * Double(workers.threads)))
  }

  mutating func record(_ kernel: Kernel, _ time: Double) {
    seconds[kernel] = min(seconds[kernel] ?? .infinity, time)
  }
}

/// Products with tiles and with single points.
private struct ProductCalibration {
  let points: DataPoints
  /// How many points a neuron fires on.
  let companions: Int
  let workers: Workers
  /// Neurons of a tile.
  let rows: Int

  init(points: DataPoints, companions: Int, workers: Workers) {
    self.points = points
    self.companions = companions
    self.workers = workers
    let affordable = (1 << 24) / max(points.dimension, 1) / max(workers.threads, 4)
    let isSparse = if case .sparse = points.storage { true } else { false }
    rows = max(16, min(isSparse ? 64 : DataPoints.weightsPerTile, affordable))
  }

  /// Weights of all threads one below the other, and the points' tile in training.
  struct Workspace {
    let calibration: ProductCalibration
    let weights: MutableMatrixView
    let tile: Range<Int>
  }

  func withWorkspace(_ body: (Workspace) -> Void) {
    var weights = Matrix(rows: workers.threads * rows, columns: points.dimension)
    let tile = points.tiles.count > 0 ? points.tiles[0] : 0..<0
    weights.withMutableView { weights in
      weights.fill(0.5)
      body(Workspace(calibration: self, weights: weights, tile: tile))
    }
  }

  /// Stored elements a point, on average.
  var perPoint: Double { Double(points.storedElements) / Double(max(points.count, 1)) }
}

extension ProductCalibration.Workspace {
  fileprivate func measure(_ best: inout Best) {
    guard !tile.isEmpty else { return }
    let (points, workers, rows) = (calibration.points, calibration.workers, calibration.rows)
    let flops = 2 * Double(rows) * calibration.perPoint * Double(tile.count)
    // Sparse products transpose the weights, whatever is stored.
    let effort = flops + 10 * Double(rows) * Double(points.dimension)
    let repetitions = max(1, min(64, Int(2e7 / effort)))
    best.measure(.correlation, work: flops * Double(repetitions), workers) { thread in
      onTile(thread, repetitions) { points.correlate($0.view, points: tile, into: $1) }
    }
    best.measure(.accumulation, work: flops * Double(repetitions), workers) { thread in
      onTile(thread, repetitions) { points.accumulate($1.view, points: tile, into: $0) }
    }
    measurePoints(&best)
  }

  private func onTile(
    _ thread: Int, _ repetitions: Int, _ body: (MutableMatrixView, MutableMatrixView) -> Void
  ) {
    let rows = calibration.rows
    Scratch.withMatrix(rows: rows, columns: tile.count) { pairs in
      pairs.fill(1e-3)
      for _ in 0..<repetitions { body(weights.rows(thread * rows..<(thread + 1) * rows), pairs) }
    }
  }

  /// Sums of single points, about every twentieth, as one neuron's firing points lie.
  private func measurePoints(_ best: inout Best) {
    let perPoint = 2 * calibration.perPoint
    let products = max(16, min(1 << 14, Int(4e6 / max(perPoint, 1))))
    let count = calibration.points.count
    calibration.points.withView { view in
      best.measure(.point, work: perPoint * Double(products), calibration.workers) { thread in
        let vector = weights.row(thread * calibration.rows)
        for k in 0..<products { view.add(1e-6, timesPoint: k * 23 % count, to: vector) }
      }
    }
    measureGroups(&best)
  }

  /// Sums of all points that a neuron fires on, and inner products with them.
  private func measureGroups(_ best: inout Best) {
    let (count, terms) = (calibration.points.count, min(calibration.companions, calibration.points.count))
    let perGroup = 4 * calibration.perPoint * Double(terms)
    let groups = max(2, min(1 << 13, Int(1.6e7 / max(perGroup, 1))))
    calibration.points.withView { view in
      best.measure(.group, work: perGroup * Double(groups), calibration.workers) { thread in
        let vector = weights.row(thread * calibration.rows)
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: terms) { points in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: terms) { values in
            guard let points = points.baseAddress, let values = values.baseAddress else { return }
            values.update(repeating: 1e-6, count: terms)
            for group in 0..<groups {
              for t in 0..<terms { points[t] = UInt32((group * 7 + t * count / terms) % count) }
              view.add(values, timesPoints: points, count: terms, to: vector)
              view.dots(vector, withPoints: points, count: terms, into: values)
              values.update(repeating: 1e-6, count: terms)
            }
          }
        }
      }
    }
  }
}

extension ProblemShape {
  /// How many points a neuron fires on that fires, on average over the pairs that do, within bounds.
  fileprivate func companions(from least: Int, to most: Int) -> Int {
    max(least, min(Int(firing.companions(points: points)), most))
  }
}

/// Work on single numbers: what is done for pairs, candidates and nodes.
private struct AccessCalibration {
  let shape: ProblemShape
  let workers: Workers

  /// Floats that caches hardly hold: 64 MB.
  static let memoryCount = 1 << 24
  /// Floats that caches hold: 16 MB.
  static let cacheCount = 1 << 22
  private static let elementCount = 1 << 18

  struct Workspace {
    let calibration: AccessCalibration
    let memory: UnsafeMutablePointer<Float>
    /// Random numbers, a row of them.
    let elements: MatrixView
    let gradient: MatrixView
    let outputWeights: MatrixView
    /// A row a thread, for results, so that they are computed.
    let results: MutableMatrixView
  }

  func withWorkspace(_ body: (Workspace) -> Void) {
    let outputs = max(shape.outputs, 1)
    var memory = Matrix(rows: 1, columns: Self.memoryCount)
    var elements = Matrix(rows: 1, columns: Self.elementCount)
    var gradient = Matrix(rows: max(1, min(shape.points, 4096)), columns: outputs)
    var outputWeights = Matrix(rows: 1, columns: outputs)
    var results = Matrix(rows: workers.threads, columns: 16)
    elements.withMutableView {
      CounterGenerator(seed: 0, stream: 3).normals(row: 0, into: $0.row(0), count: Self.elementCount)
    }
    gradient.withMutableView { $0.fill(0.25) }
    outputWeights.withMutableView { $0.fill(1) }
    memory.withMutableView { memory in
      fill(memory.row(0))
      elements.withView { elements in
        gradient.withView { gradient in
          outputWeights.withView { outputWeights in
            results.withMutableView { results in
              body(
                Workspace(
                  calibration: self, memory: memory.row(0), elements: elements, gradient: gradient,
                  outputWeights: outputWeights, results: results))
            }
          }
        }
      }
    }
  }

  private func fill(_ memory: UnsafeMutablePointer<Float>) {
    let parts = Tiles(of: Self.memoryCount, count: workers.threads)
    workers.forEachShard(of: parts.count) { part in
      (memory + parts[part].lowerBound).update(repeating: 0.5, count: parts[part].count)
    }
  }
}

extension AccessCalibration.Workspace {
  private var workers: Workers { calibration.workers }

  fileprivate func measure(_ best: inout Best) {
    measureElements(&best)
    measureMarks(&best)
    measurePairs(&best)
    measureLevels(&best)
    measureGather(&best)
    measureBandwidth(&best)
    measureRegions(&best)
  }

  private func measureElements(_ best: inout Best) {
    let row = elements.row(0)
    best.measure(.element, work: Double(elements.columns), workers) { thread in
      var sum: Float = 0
      for k in 0..<elements.columns where row[k] > 1.65 { sum += row[k] }
      results[thread, 0] = sum
    }
  }

  /// A dense pass over a tile of correlations: its bits, and its clearing.
  private func measureMarks(_ best: inout Best) {
    let words = elements.columns / 64
    best.measure(.mark, work: Double(elements.columns), workers) { thread in
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: words) { bits in
        Scratch.withMatrix(rows: 1, columns: elements.columns) { tile in
          tile.fill(0)
          var count = 0
          for word in 0..<words {
            bits[word] = DensePass.firingWord(elements.row(0) + 64 * word, count: 64, threshold: 1.65)
          }
          for word in 0..<words { count += bits[word].nonzeroBitCount }
          results[thread, 0] = Float(count) + tile[0, count % 64]
        }
      }
    }
  }

  private func measurePairs(_ best: inout Best) {
    let (pairs, points, outputs) = (1 << 15, gradient.rows, gradient.columns)
    let pair = PairGradient(outputWeights: outputWeights, outputGradient: gradient, outputScale: 1)
    best.measure(.pair, work: Double(pairs), workers) { thread in
      var sums = [Double].fixed(points * OutputSums.stride(outputs: outputs), repeating: 0)
      sums.withUnsafeMutableBufferPointer { sums in
        guard let sums = sums.baseAddress else { return }
        for k in 0..<pairs {
          let point = k * 23 % points
          OutputSums.add(
            pair.coefficient(neuron: 0, point: point), times: outputWeights.row(0), to: sums, point: point,
            outputs: outputs)
        }
        results[thread, 0] = Float(sums[0])
      }
    }
  }

  /// A transform of sixteen points, as of structured weights.
  private func measureLevels(_ best: inout Best) {
    let size = HadamardWeights.blockSize(
      columns: max(1, min(calibration.shape.dimension, HadamardWeights.largestBlock)))
    let numbers = size * LanePoints.lanes, levels = max(size.trailingZeroBitCount, 1)
    let repetitions = max(1, (1 << 17) / numbers)
    best.measure(.level, work: Double(repetitions * numbers * levels), workers) { thread in
      Scratch.withMatrix(rows: size, columns: LanePoints.lanes) { tile in
        tile.fill(0)
        tile[0, 0] = 1e-30
        for _ in 0..<repetitions { Kernels.hadamard(tile.base, size: size) }
        results[thread, 0] = tile[0, 0]
      }
    }
  }

  /// The points of a support act on each other through an n x n matrix, as many as a firing pair has companions; every
  /// neuron meets other rows and columns.
  private func measureGather(_ best: inout Best) {
    let columns = max(8, min(calibration.shape.points, 1 << 16))
    let rows = max(8, min(columns, AccessCalibration.memoryCount / columns))
    let terms = calibration.shape.companions(from: 4, to: min(256, rows))
    let neurons = max(1, (1 << 18) / (terms * terms))
    let step = rows / terms
    let matrix = MatrixView(base: memory, rows: rows, columns: columns, stride: columns)
    if rows * columns <= AccessCalibration.cacheCount { warm(rows * columns) }
    best.measure(.gather, work: Double(neurons * terms * terms) / 2, workers) { thread in
      Scratch.withMatrix(rows: 2, columns: terms) { floats in
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: terms) { indices in
          guard let indices = indices.baseAddress else { return }
          floats.fill(0.5)
          // The untimed run before shall not bring into the caches what the timed one reads.
          results[thread, 1] += 1
          let call = Int(results[thread, 1])
          for neuron in 0..<neurons {
            let seed = (neuron * workers.threads + thread) * 8 + call
            for t in 0..<terms { indices[t] = UInt16(t * step + (seed + t * t) * 13 % max(step, 1)) }
            Kernels.combineSymmetric(
              of: matrix, indices, coefficients: floats.row(0), count: terms, into: floats.row(1))
          }
          results[thread, 0] = floats[1, 0]
        }
      }
    }
  }

  /// Reads the memory that a small Gram matrix takes, which stays in the caches during a step.
  private func warm(_ count: Int) {
    workers.forEachShard(of: workers.threads) { thread in
      var sum: Float = 0
      for k in stride(from: 0, to: count, by: 16) { sum += memory[k] }
      results[thread, 0] = sum
    }
  }

  private func measureBandwidth(_ best: inout Best) {
    let count = AccessCalibration.memoryCount / workers.threads
    best.measure(.byte, work: Double(2 * MemoryLayout<Float>.stride * count), workers) { thread in
      let part = memory + thread * count
      for k in 0..<count { part[k] = 0.5 * part[k] + 0.25 }
    }
  }

  private func measureRegions(_ best: inout Best) {
    let duration = ContinuousClock().measure {
      for _ in 0..<8 { workers.forEachShard(of: workers.threads) { results[$0, 0] += 1 } }
    }
    best.record(.region, duration.seconds / 8)
  }
}
