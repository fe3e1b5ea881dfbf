import CorrelationTrees
import FireTreeCore

/// What 1 stands for in the integer sums of the outputs: a power of two for each point, fixed for a training.
///
/// Sums over neurons are sums of integers, so that their bits do not depend on an order. A neuron's part in an output is
/// a (s - b), about A (|x_i| + |b|) for weights of about unit variance, with A the largest output weight. Let M be the
/// number of neurons, at least 4096. The unit is M A (|x_i| + |b|) 2^-48: a sum of 2^56 units, the most that a shard may
/// have, is 2^8 M such parts, thousands for each neuron of a shard; and rounding a shard's sum is some 1e-9 of what
/// rounding the output to a float is.
struct OutputUnits: Sendable {
  /// 1 / unit (n).
  let scales: [Double]

  /// Of outputs over `norms.count` points of these norms. Shapes: `outputWeights` m x C.
  ///
  /// Throws a usage error when there is no memory for them.
  init(norms: [Float], threshold: Float, outputWeights: Matrix, team: any Team) throws(FireTreeError) {
    let largestWeight = team.largest(outputWeights.largestMagnitude)
    let width = Double(max(outputWeights.rows, 4096)) * Double(largestWeight)
    var scales = try [Double](allocating: norms.count, repeating: 1)
    for (point, norm) in norms.enumerated() {
      let size = width * (Double(norm) + Double(abs(threshold)))
      // Without a size nothing fires, or nothing counts.
      guard size > 0 && size.isFinite else { continue }
      scales[point] = Double(sign: .plus, exponent: 48 - Int(size.exponent) - 1, significand: 1)
    }
    self.scales = scales
  }
}

extension Network {
  /// The outputs that sums in `OutputUnits` hold at a point of norm `norm`, for output weights of 1.
  public static func largestOutput(neurons: Int, norm: Float, threshold: Float) -> Double {
    256 * Double(max(neurons, 4096)) / Double(neurons).squareRoot() * (Double(norm) + Double(abs(threshold)))
  }
}

/// Sums of the outputs over firing pairs.
///
/// Each shard of neurons sums into doubles, pair by pair in ascending order of neurons; its sum is rounded once to a 64-bit
/// integer, in units that are agreed on (`OutputUnits`), and integers are added. So the outputs have the same bits on any
/// number of threads and of members of a team, and their error does not grow with the width.
///
/// Memory: 16 bytes a thread, point and output.
struct OutputSums {
  private let outputs: Int
  private let stride: Int
  private let units: OutputUnits
  private let workers: Workers
  /// For each thread (threads x n x stride) the sums of a shard, then the totals: numbers of eight bytes.
  private let buffer: AlignedBuffer
  /// Of each thread, whether every sum was a number within the range.
  private var fits: [Bool]

  /// Throws a usage error when there is no memory for them.
  init(outputs: Int, units: OutputUnits, workers: Workers) throws(FireTreeError) {
    (self.outputs, self.units, self.workers) = (outputs, units, workers)
    stride = Self.stride(outputs: outputs)
    buffer = try AlignedBuffer(count: 4 * workers.threads * units.scales.count * stride)
    fits = [Bool](repeating: true, count: workers.threads)
  }

  /// Distance between the rows of two points, in numbers: whole vectors of eight once there are a few outputs.
  static func stride(outputs: Int) -> Int { outputs < 4 ? outputs : (outputs + 7) / 8 * 8 }

  /// Bytes that sums of this size hold.
  static func requiredMemory(points: Int, outputs: Int, threads: Int) -> ByteCount {
    ByteCount(16) * threads * points * stride(outputs: min(outputs, Int.max / 16))
  }

  /// No sum of a shard may be larger, in units: so many are in range after being added up.
  fileprivate static let limit = 0x1p56

  /// `sums[point] += a * excess`, where `excess` = s_ri - b of a firing pair.
  @inline(__always)
  static func add(
    _ excess: Float, times outputWeights: UnsafePointer<Float>, to sums: UnsafeMutablePointer<Double>,
    point: Int, outputs: Int
  ) {
    let row = sums + point * stride(outputs: outputs)
    for c in 0..<outputs { row[c] += Double(outputWeights[c] * excess) }
  }

  /// Calls `body(shard, sums)` for every shard, in parallel; `body` adds the shard's pairs to `sums` (n x `stride`), which
  /// are zeros. Returns the results in order.
  mutating func collect<Part>(
    shards: Int, _ body: (Int, UnsafeMutablePointer<Double>) -> Part
  ) -> [Part] {
    let (size, points, stride) = (units.scales.count * stride, units.scales.count, stride)
    return withBuffers { workers, scales, sums, totals, fits in
      workers.map(shards: shards) { shard, thread in
        let own = sums + thread * size
        own.update(repeating: 0, count: size)
        let part = body(shard, own)
        let isFit = Kernels.addRounded(
          own, scales: scales, rows: points, columns: stride, limit: Self.limit, to: totals + thread * size)
        if !isFit { fits[thread] = false }
        return part
      }
    }
  }

  /// Adds single pairs, each rounded for itself: for few.
  struct Adder {
    fileprivate let totals: UnsafeMutablePointer<Int64>
    fileprivate let scales: UnsafePointer<Double>
    fileprivate let fits: UnsafeMutablePointer<Bool>
    fileprivate let outputs: Int
    fileprivate let stride: Int

    /// In a double of this size the last bit is 1, so that adding a number below `small` rounds it to an integer.
    private static let rounder = 0x1.8p52
    /// Thousands of times what is expected of a pair: thousands of such parts are in range.
    private static let small = 0x1p51

    /// Adds `a * excess` of a firing pair.
    @inline(__always)
    func add(_ excess: Float, times outputWeights: UnsafePointer<Float>, point: Int) {
      let (scale, row) = (scales[point], totals + point * stride)
      for c in 0..<outputs {
        let value = Double(outputWeights[c] * excess) * scale
        if abs(value) < Self.small {
          row[c] &+= Int64(bitPattern: (value + Self.rounder).bitPattern &- Self.rounder.bitPattern)
        } else {
          addLarge(value, to: row + c)
        }
      }
    }

    /// Adds a part of a training that diverges, or is about to.
    @inline(never)
    private func addLarge(_ value: Double, to total: UnsafeMutablePointer<Int64>) {
      // Half the range is left for parts that are small.
      guard abs(value) <= OutputSums.limit, (total.pointee &+ Int64(value)).magnitude < 1 << 62 else {
        fits.pointee = false
        return
      }
      total.pointee += Int64(value.rounded(.toNearestOrEven))
    }
  }

  /// Calls `body(shard, adder)` for every shard, in parallel.
  mutating func collectPairs(shards: Int, _ body: (Int, Adder) -> Void) {
    let (size, outputs, stride) = (units.scales.count * stride, outputs, stride)
    withBuffers { workers, scales, _, totals, fits in
      workers.forEachShard(of: shards) { shard, thread in
        body(
          shard,
          Adder(
            totals: totals + thread * size, scales: scales, fits: fits + thread, outputs: outputs,
            stride: stride))
      }
    }
  }

  private mutating func withBuffers<Result>(
    _ body: (
      Workers, UnsafePointer<Double>, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Int64>,
      UnsafeMutablePointer<Bool>
    ) -> Result
  ) -> Result {
    let (workers, sums, totals) = (workers, shardSums, totals)
    return units.scales.withUnsafeBufferPointer { scales in
      fits.withUnsafeMutableBufferPointer { fits in
        guard let scales = scales.baseAddress, let fits = fits.baseAddress else {
          preconditionFailure("sums over no points")
        }
        return withExtendedLifetime(buffer) { body(workers, scales, sums, totals, fits) }
      }
    }
  }

  private var shardSums: UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(buffer.base).assumingMemoryBound(to: Double.self)
  }

  private var totals: UnsafeMutablePointer<Int64> {
    UnsafeMutableRawPointer(buffer.base + buffer.count / 2).assumingMemoryBound(to: Int64.self)
  }

  /// f in doubles, one point after the other (n x C): the sums of all threads and of all members of the team, times
  /// `scale`. Not a number when a sum was not, or left the range.
  consuming func exact(scale: Double, team: any Team) -> [Double] {
    let (points, size, totals) = (units.scales.count, units.scales.count * stride, totals)
    defer { withExtendedLifetime(buffer) {} }
    for thread in 1..<max(workers.threads, 1) {
      for k in 0..<size { totals[k] &+= totals[thread * size + k] }
    }
    team.sum(UnsafeMutableBufferPointer(start: totals, count: size))
    let isLost = team.largest(fits.contains(false) ? 1 : 0) > 0
    var result = [Double].fixed(points * outputs, repeating: .nan)
    guard !isLost else { return result }
    for point in 0..<points {
      let unit = scale / units.scales[point]
      for c in 0..<outputs { result[point * outputs + c] = Double(totals[point * stride + c]) * unit }
    }
    return result
  }

  /// The same as floats (n x C).
  consuming func rounded(scale: Double, team: any Team) -> Matrix {
    let (points, outputs) = (units.scales.count, outputs)
    let exact = exact(scale: scale, team: team)
    var result = Matrix(rows: points, columns: outputs)
    result.withMutableView { result in
      for point in 0..<points {
        for c in 0..<outputs { result[point, c] = Float(exact[point * outputs + c]) }
      }
    }
    return result
  }
}

extension FiringSet {
  /// The outputs of `network` from its firing pairs (n x C), in fresh sums. Complexity: O(k C) for k pairs.
  func outputs(of network: Network, in sums: consuming OutputSums, team: any Team) -> Matrix {
    let outputs = network.outputCount
    network.outputWeights.withView { outputWeights in
      _ = sums.collect(shards: shards.count) { index, sums in
        let shard = shards[index]
        for (k, neuron) in shard.neurons.enumerated() {
          let weights = outputWeights.row(Int(neuron))
          for position in shard.offsets[k]..<shard.offsets[k + 1] {
            OutputSums.add(
              shard.correlations[position] - network.threshold, times: weights, to: sums,
              point: Int(shard.points[position]), outputs: outputs)
          }
        }
      }
    }
    return sums.rounded(scale: Double(network.outputScale), team: team)
  }
}
