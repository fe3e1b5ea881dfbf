import CorrelationTrees
import FireTreeCore
import RealModule

/// A two-layer ReLU network with a shifted threshold:
///
///     f(x)_c = 1 / sqrt(m) * sum_r a_rc * max(<w_r, x> - b, 0)
///
/// (arXiv 2211.14227.) Training moves the hidden weights; the output weights stay as they are.
public struct Network: Sendable, Equatable {
  /// w_r, one neuron a row (m x d).
  public var hiddenWeights: Matrix
  /// a_r, one neuron a row (m x C).
  public let outputWeights: Matrix
  /// b: a neuron fires on a point when their correlation exceeds it.
  public let threshold: Float

  /// Precondition: both matrices have a row for every neuron.
  public init(hiddenWeights: Matrix, outputWeights: Matrix, threshold: Float) {
    precondition(hiddenWeights.rows == outputWeights.rows, "hidden and output weights differ in neurons")
    self.hiddenWeights = hiddenWeights
    self.outputWeights = outputWeights
    self.threshold = threshold
  }

  /// The initial network of arXiv 2211.14227: w_r ~ N(0, I_d), a_rc uniform in {-1, +1}.
  ///
  /// Row r depends on (`seed`, r) alone: a wider network begins with the rows of a narrower one.
  /// Precondition: sizes of at least 1. Complexity: O(m d).
  public init(
    neurons: Int, dimension: Int, outputs: Int, threshold: Float, seed: UInt64, workers: Workers = .all
  ) {
    precondition(
      neurons >= 1 && dimension >= 1 && outputs >= 1, "a network needs neurons, inputs and outputs")
    let hiddenGenerator = CounterGenerator(seed: seed, stream: 0)
    let outputGenerator = CounterGenerator(seed: seed, stream: 1)
    var hidden = Matrix(rows: neurons, columns: dimension)
    var output = Matrix(rows: neurons, columns: outputs)
    let shards = Tiles.neuronShards(of: neurons)
    hidden.withMutableView { hidden in
      output.withMutableView { output in
        workers.forEachShard(of: shards.count) { shard in
          for neuron in shards[shard] {
            hiddenGenerator.normals(row: neuron, into: hidden.row(neuron), count: dimension)
            outputGenerator.signs(row: neuron, into: output.row(neuron), count: outputs)
          }
        }
      }
    }
    self.init(hiddenWeights: hidden, outputWeights: output, threshold: threshold)
  }

  /// m.
  public var neuronCount: Int { hiddenWeights.rows }
  /// d.
  public var dimension: Int { hiddenWeights.columns }
  /// C.
  public var outputCount: Int { outputWeights.columns }
  /// 1 / sqrt(m).
  public var outputScale: Float { 1 / Float(neuronCount).squareRoot() }

  /// f(x_i) for every point (n x C).
  ///
  /// Correlations are computed in tiles of at most 256 x 256; memory beyond the result is O(n C). Complexity: 2 n m d
  /// flops.
  public func outputs(for points: DataPoints, workers: Workers = .all) -> Matrix {
    precondition(
      points.dimension == dimension, "points of \(points.dimension) inputs, a network of \(dimension)")
    return DensePass(network: self, points: points).outputs(of: self, workers: workers)
  }

  /// The source paper's threshold, sqrt(0.4 ln m) (arXiv 2211.14227): a neuron of unit-variance correlations
  /// then fires on a share of the points below m^(-1/5): 2.7% at m = 10^4, 0.94% at 10^6.
  public static func paperThreshold(neurons: Int) -> Float {
    Float((0.4 * Double.log(Double(neurons))).squareRoot())
  }
}
