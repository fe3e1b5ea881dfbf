import CorrelationTrees
import FireTreeCore

/// How far rounding may take the outputs of one network apart when they are computed in two ways, and with them a loss.
///
/// In f_ic = 1/sqrt(m) sum_r a_rc (s_ri - b) every computed correlation carries an error of its own. In any order of
/// summation it is at most gamma_d |w_r| |x_i|; with rounding errors of mean zero its standard deviation is at most
/// sqrt(d) u |w_r| |x_i| (Higham and Mary 2019, A New Approach to Probabilistic Rounding Error Analysis), u = 2^-24, d the
/// stored elements of x_i. The errors of different pairs are independent, so their squares add up, and storing f as
/// `Float` rounds it once more. For the difference of two computations
///
///     tau_ic^2 = 2 u^2 (1/m sum_{r: i in F(r)} a_rc^2 d |w_r|^2 |x_i|^2 + f_ic^2)
///
/// bounds the variance. The worst case, in which all errors of a sum have one sign, is larger by sqrt(d k) for k pairs:
/// thousands of times, and would excuse an output that lacks a neuron.
struct OutputRounding {
  /// tau_ic^2, point by point (n C).
  let variances: [Double]

  /// The rounding of the `outputs` (n x C) of `engine` as it is now.
  ///
  /// Complexity: O(m d + k C) for k pairs that fire.
  init(of outputs: Matrix, engine: some TrainingEngine) {
    let (n, classes, points) = (engine.points.count, outputs.columns, engine.points)
    let norms = points.norms()
    let weightNorms = engine.weightNorms()
    // Of transforms the bound itself, in units of u.
    let transform = Double(engine.transformRounding * engine.transformRounding) * 0x1p48
    var sums = [Double].fixed(n * classes, repeating: 0)
    engine.outputWeights.withView { outputWeights in
      engine.firingSet.forEachPair { neuron, point, _ in
        let square = Double(weightNorms[neuron]) * Double(weightNorms[neuron])
        for c in 0..<classes {
          let a = Double(outputWeights[neuron, c])
          sums[point * classes + c] +=
            a * a * (square * Double(points.storedElements(ofPoint: point)) + transform)
        }
      }
    }
    let outputScale = Double(Network.outputScale(neurons: engine.neuronCount))
    let scale = outputScale * outputScale
    for i in 0..<n {
      let perPair = scale * Double(norms[i]) * Double(norms[i])
      for c in 0..<classes {
        let f = Double(outputs[i, c])
        sums[i * classes + c] = 2 * 0x1p-48 * (perPair * sums[i * classes + c] + f * f)
      }
    }
    variances = sums
  }

  /// How far two computed values of a loss may lie apart: |<g, e>| + 1/2 curvature |e|^2 for errors e of the outputs,
  /// sqrt(sum g^2 tau^2) + 1/2 curvature sum tau^2.
  ///
  /// `gradient` is that of the loss in the outputs (n x C). Where the loss is large the first term counts, and it is a
  /// small part of the loss; the second is what single precision leaves of any loss.
  func lossError(gradient: Matrix, curvature: Double) -> Double {
    var (along, square) = (0.0, 0.0)
    for i in 0..<gradient.rows {
      for c in 0..<gradient.columns {
        let (g, variance) = (Double(gradient[i, c]), variances[i * gradient.columns + c])
        along += g * g * variance
        square += variance
      }
    }
    return along.squareRoot() + curvature * square / 2
  }
}

extension TrainingEngine {
  /// |w_r| for every neuron as it is now (m).
  func weightNorms() -> [Float] {
    team.workers.norms(ofRows: neuronCount) { withWeights($0, $1) }
  }
}
