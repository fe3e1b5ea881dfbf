import CorrelationTrees
import FireTreeCore

/// The tangent kernel of a network at its present firing pattern (the matrix H of arXiv 2211.14227):
///
///     H_(i,c),(j,e) = 1 / m * <x_i, x_j> * sum over r that fire on both of a_rc a_re        (nC x nC)
///
/// While no pair changes state, a step of plain gradient descent moves the outputs by exactly -eta H g. So with a
/// loss of curvature at most q the iteration is stable for eta < 2 / (q lambda_max(H)), and eta = 1 / (q lambda_max)
/// is the step at which no direction overshoots. That is the automatic learning rate. Nesterov momentum mu in the
/// form of `GradientDescent` allows eta q lambda_max < (2 + 2 mu) / (1 + 2 mu), which is 1.36 at mu = 0.9 and above
/// 4/3 for every mu, so the same rate serves both; heavy-ball momentum allows 2 (1 + mu).
public struct TangentKernel {
  package let outputWeights: Matrix
  package let points: DataPoints
  package let firing: FiringSet
  package let team: any Team
  /// G (n x n), or nil where products go by the rows of points.
  package let gram: Matrix?
  /// |x_i| (n).
  private let norms: [Float]

  /// The network is given by its output weights (m x C) and the pairs that fire.
  ///
  /// With `gram`, G = X X^T, products are computed in Gram space: O(k_r^2) a neuron that fires on k_r points instead of
  /// O(k_r d). It may be the Gram matrix of other points, such as these times weights; which pairs fire, `firing` says.
  /// Precondition: `gram` is n x n, and n at most 65,536 with it.
  public init(
    outputWeights: Matrix, points: DataPoints, firing: FiringSet, gram: Matrix? = nil, team: any Team
  ) {
    self.outputWeights = outputWeights
    self.points = points
    self.firing = firing
    self.gram = gram
    self.team = team
    guard let gram else {
      norms = points.norms()
      return
    }
    precondition(gram.rows == points.count && gram.columns == points.count, "a Gram matrix of other points")
    precondition(points.count <= 1 << 16, "products in Gram space count points in 16 bits")
    norms = (0..<gram.rows).map { max(gram[$0, $0], 0).squareRoot() }
  }

  /// That of a network at the start, of which every pair is computed. Complexity: 2 n m d flops.
  public init(of network: Network, points: DataPoints, team: any Team) {
    self.init(
      outputWeights: network.outputWeights, points: points,
      firing: FiringSet(
        scanning: network.weights, points: points, atLeast: network.threshold.nextUp, workers: team.workers),
      team: team)
  }

  package var workers: Workers { team.workers }

  /// 1 / sqrt(m).
  private var outputScale: Float { Network.outputScale(neurons: outputWeights.rows) }

  /// H v for v of one row a point (n x C).
  ///
  /// Throws a usage error when there is no memory for it. Complexity: O(k (d + C)) for k firing pairs, in Gram space
  /// O(sum_r k_r^2 + k C); H itself is never formed.
  public func times(_ vector: Matrix) throws(FireTreeError) -> Matrix {
    let scale = outputScale
    var sums = try OutputSums(
      outputs: outputWeights.columns, units: try units(of: vector), workers: team.workers)
    outputWeights.withView { outputWeights in
      vector.withView { vector in
        points.withView { points in
          let gradient = PairGradient(
            outputWeights: outputWeights, outputGradient: vector, outputScale: scale)
          _ = sums.collect(shards: firing.shards.count) { index, sums in
            if let gram {
              add(gradient, firing.shards[index], gram: gram, to: sums)
            } else {
              add(gradient, firing.shards[index], points: points, to: sums)
            }
          }
        }
      }
    }
    return sums.rounded(scale: Double(scale), team: team)
  }

  /// The units of such a product: in the place of a correlation is <u_r, x_j> with u_r = sum_i <a_r, v_i> x_i / sqrt(m), at
  /// most |x_j| times the sum over all points.
  private func units(of vector: Matrix) throws(FireTreeError) -> OutputUnits {
    let largest = outputWeights.largestMagnitude
    let length = vector.withView { vector in
      (0..<vector.rows).reduce(0.0) { sum, i in
        (0..<vector.columns).reduce(0.0) { $0 + Double(abs(vector[i, $1])) } * Double(norms[i]) + sum
      }
    }
    let reach = Float(length * Double(largest) * Double(outputScale))
    var reaches = norms
    try Memory.ask(for: reaches.count, of: Float.self)
    for point in reaches.indices { reaches[point] *= reach }
    return try OutputUnits(
      norms: reaches, threshold: 0, outputWeights: outputWeights, team: team)
  }

  /// The part of H v that one shard of neurons contributes, before division by sqrt(m).
  private func add(
    _ gradient: PairGradient, _ shard: FiringSet.Shard, points: DataPointsView,
    to sums: UnsafeMutablePointer<Double>
  ) {
    Scratch.withMatrix(rows: 2, columns: self.points.dimension) { scratch in
      let row = scratch.row(0)
      for (k, neuron) in shard.neurons.enumerated() {
        row.update(repeating: 0, count: self.points.dimension)
        gradient.add(1, timesGradientOf: k, in: shard, points: points, to: row, scratch: scratch.row(1))
        for position in shard.offsets[k]..<shard.offsets[k + 1] {
          let point = Int(shard.points[position])
          OutputSums.add(
            points.dot(row, withPoint: point), times: gradient.outputWeights.row(Int(neuron)), to: sums,
            point: point, outputs: outputWeights.columns)
        }
      }
    }
  }

  /// lambda_max(H), by the method of Lanczos; 0 when no pair fires.
  ///
  /// Stops when a product with H changes the estimate by less than `tolerance`, relatively, and after
  /// `maximumIterations`. The estimate is a Rayleigh quotient and so not above lambda_max but for rounding.
  ///
  /// Throws a usage error when there is no memory for the vectors.
  public func largestEigenvalue(
    tolerance: Double = 1e-3, maximumIterations: Int = 100
  ) throws(FireTreeError) -> Double {
    guard firing.pairCount > 0 else { return 0 }
    return try Lanczos.largest(
      rows: points.count, columns: outputWeights.columns, tolerance: tolerance,
      maximumProducts: maximumIterations
    ) { (vector) throws(FireTreeError) in try times(vector) }.value
  }
}
