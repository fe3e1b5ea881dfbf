import CorrelationTrees
import FireTreeCore
import RealModule

/// A two-layer ReLU network with a shifted threshold:
///
///     f(x)_c = 1 / sqrt(m) * sum_r a_rc * max(<w_r, x> - b, 0)
///
/// (arXiv 2211.14227.) Training moves the hidden weights; the output weights stay as they are.
public struct Network: Sendable, Equatable {
  /// w_r, one neuron a row (m x d), stored or seeded.
  public var weights: HiddenWeights
  /// a_r, one neuron a row (m x C).
  public let outputWeights: Matrix
  /// b: a neuron fires on a point when their correlation exceeds it.
  public let threshold: Float
  /// What the hidden weights began as, where that is known. It decides nothing but how fast fresh points are looked at
  /// (`StructuredPass`).
  public let initial: InitialWeights?

  /// Precondition: hidden and output weights have a row for every neuron. `initial` are the weights that stored ones began as;
  /// seeded ones know theirs.
  public init(
    weights: HiddenWeights, outputWeights: Matrix, threshold: Float, initial: InitialWeights? = nil
  ) {
    precondition(weights.rows == outputWeights.rows, "hidden and output weights differ in neurons")
    if case .seeded(let seeded) = weights { self.initial = seeded.initial } else { self.initial = initial }
    self.weights = weights
    self.outputWeights = outputWeights
    self.threshold = threshold
  }

  /// A network of stored weights. Precondition: both matrices have a row for every neuron.
  public init(hiddenWeights: Matrix, outputWeights: Matrix, threshold: Float) {
    self.init(weights: .stored(hiddenWeights), outputWeights: outputWeights, threshold: threshold)
  }

  /// Which outputs a neuron feeds.
  public enum OutputLayout: String, Sendable, CaseIterable {
    /// All of them.
    case full
    /// One, neuron r output r mod C (of paired neurons, pair k output k mod C), with weight -sqrt(C) or sqrt(C); the other output weights are 0. So each output is a
    /// network of its own with m / C neurons, and 1 / sqrt(m / C) before its sum.
    case grouped
  }

  /// An initial network: hidden weights of variance 1 (`InitialWeights`), a_rc uniform in {-1, +1}; grouped, 0 outside its
  /// group. Independent neurons of normal weights are the start of arXiv 2211.14227.
  ///
  /// Of paired neurons 2k and 2k + 1 the output weights are opposite, so that f is 0 everywhere; those of a last neuron that
  /// has no partner are 0. A grouped pair k feeds output k mod C.
  ///
  /// Row r depends on (`seed`, r) alone: a wider network begins with the rows of a narrower one. Both forms are the
  /// same network. Throws a usage error when there is no memory for the weights, or none of this distribution for so many
  /// inputs. Precondition: sizes of at least 1. Complexity: O(m (d + C)) for stored weights; for seeded ones
  /// O(m C), and no memory but that of the output weights.
  public init(
    neurons: Int, dimension: Int, outputs: Int, threshold: Float, seed: UInt64,
    layout: OutputLayout = .full, form: HiddenWeights.Form = .stored,
    initial distribution: InitialWeights.Distribution = .gaussian,
    start: InitialWeights.Start = .independent, workers: Workers = .all
  ) throws(FireTreeError) {
    precondition(
      neurons >= 1 && dimension >= 1 && outputs >= 1, "a network needs neurons, inputs and outputs")
    if let limitation = distribution.limitation(columns: dimension) { throw .usage(limitation) }
    let initial = InitialWeights(
      seed: seed, rows: neurons, columns: dimension, distribution: distribution, start: start)
    let seeded = HiddenWeights.seeded(SeededWeights(initial))
    self.init(
      weights: form == .seeded ? seeded : .stored(try seeded.materialized(workers: workers)),
      outputWeights: try Self.initialOutputWeights(
        of: initial, outputs: outputs, layout: layout, workers: workers),
      threshold: threshold, initial: initial)
  }

  private static func initialOutputWeights(
    of initial: InitialWeights, outputs: Int, layout: OutputLayout, workers: Workers
  ) throws(FireTreeError) -> Matrix {
    let generator = CounterGenerator(seed: initial.seed, stream: 1)
    var result = try Matrix(allocating: initial.rows, by: outputs)
    let (shards, copies) = (Tiles.neuronShards(of: initial.rows), initial.copies)
    result.withMutableView { result in
      workers.forEachShard(of: shards.count) { shard in
        for neuron in shards[shard] {
          let (base, row) = (neuron / copies, result.row(neuron))
          // A neuron without a partner has no output weights, which are zeros already.
          guard base * copies + copies <= initial.rows else { continue }
          generator.signs(row: base, into: row, count: outputs)
          let sign: Float = neuron % copies == 0 ? 1 : -1
          let weight = layout == .grouped ? Float(outputs).squareRoot() : 1
          for c in 0..<outputs { row[c] *= layout == .grouped && c != base % outputs ? 0 : sign * weight }
        }
      }
    }
    return result
  }

  /// W as a matrix (m x d), which seeded weights do not have: for them it is computed, O(m d) time and memory. Setting it
  /// makes the weights stored ones.
  public var hiddenWeights: Matrix {
    get { Memory.demand(try weights.materialized()) }
    set { weights = .stored(newValue) }
  }

  /// m.
  public var neuronCount: Int { weights.rows }
  /// d.
  public var dimension: Int { weights.columns }
  /// C.
  public var outputCount: Int { outputWeights.columns }
  /// 1 / sqrt(m).
  public var outputScale: Float { Self.outputScale(neurons: neuronCount) }

  /// What the sum over `neurons` neurons is multiplied by, 1 / sqrt(m).
  static func outputScale(neurons: Int) -> Float { 1 / Float(neurons).squareRoot() }

  /// The same network with stored weights. Throws a usage error when there is no memory for them. Complexity: O(1) when they are, O(m d) otherwise.
  public func storing(workers: Workers = .all) throws(FireTreeError) -> Network {
    Network(
      weights: .stored(try weights.materialized(workers: workers)),
      outputWeights: outputWeights, threshold: threshold, initial: initial)
  }

  /// f(x_i) for every point (n x C). Where the weights began as structured ones, pairs that cannot fire are left out by
  /// transforms (`FreshPass`, `StructuredPass`); else by a dense pass.
  ///
  /// A row has the same bits alone and among any others. Throws a usage error when there is no memory for them.
  public func outputs(for points: DataPoints, workers: Workers = .all) throws(FireTreeError) -> Matrix {
    guard let pass = try shorterPass(over: points, workers: workers) else {
      return try denseOutputs(for: points, workers: workers)
    }
    return try pass.outputs()
  }

  /// The pairs that `outputs` takes to fire, compared with a dense pass over all; without a shorter way, those of another dense
  /// pass.
  ///
  /// Throws a usage error when there is no memory for them. Complexity: a dense pass.
  public func audit(on points: DataPoints, workers: Workers = .all) throws(FireTreeError) -> FiringAudit {
    var total = FiringAudit()
    let tiles = Tiles(of: points.count, size: 1024)
    for tile in 0..<tiles.count {
      let some = try points[tiles[tile]]
      let pass = try shorterPass(over: some, workers: workers)
      let claimed =
        try pass?.firingSet()
        ?? FiringSet(scanning: weights, points: some, atLeast: threshold.nextUp, workers: workers)
      total += FiringAudit(
        of: claimed, neurons: neuronCount, points: some, threshold: threshold,
        transformRounding: pass?.rounding ?? 0, workers: workers
      ) { weights.withTile($0, $1) }
    }
    return total
  }

  /// The way that is shorter than a dense pass; nil when there is none.
  private func shorterPass(
    over points: DataPoints, workers: Workers
  ) throws(FireTreeError) -> (any FreshPoints)? {
    precondition(
      points.dimension == dimension, "points of \(points.dimension) inputs, a network of \(dimension)")
    let team = LocalTeam(workers: workers)
    if let pass = try FreshPass(
      weights, outputWeights: outputWeights, threshold: threshold, points: points, team: team)
    {
      return pass
    }
    let weights = weights
    return StructuredPass(
      initial, DensePass(outputWeights: outputWeights, threshold: threshold, points: points), team: team
    ) { weights.withTile($0, $1) }
  }

  /// f(x_i) for every point (n x C), every pair by a product.
  ///
  /// A row has the same bits alone and among any others. Correlations are computed in tiles of at most 256 x 256; memory
  /// beyond the result is at most 16 MB a thread and some tiles, and for seeded weights 256 d floats a thread.
  /// Complexity: 2 n m d flops. Throws a usage error when there is no memory for them.
  public func denseOutputs(
    for points: DataPoints, workers: Workers = .all
  ) throws(FireTreeError) -> Matrix {
    precondition(
      points.dimension == dimension, "points of \(points.dimension) inputs, a network of \(dimension)")
    return try DensePass(outputWeights: outputWeights, threshold: threshold, points: points)
      .outputs(team: LocalTeam(workers: workers)) { weights.withTile($0, $1) }
  }

  /// The source paper's threshold, sqrt(0.4 ln m) (arXiv 2211.14227): a neuron of unit-variance correlations
  /// then fires on a share of the points below m^(-1/5): 2.7% at m = 10^4, 0.94% at 10^6.
  public static func paperThreshold(neurons: Int) -> Float {
    Float((0.4 * Double.log(Double(neurons))).squareRoot())
  }
}
