import FireTree
import RealModule

/// The analysis of one training, and the training itself.
package struct TheoryComparison {
  package let threshold: Float
  package let outputs: Int
  package let learningRate: Float
  /// Eigenvalues of H at the start, and of the kernel of an infinitely wide network.
  package let spectrum: Spectrum
  package let expected: Spectrum
  /// 1 - eta lambda / 2 with lambda the smallest eigenvalue of H.
  package let predictedContraction: Double
  /// The largest and the geometric mean of L(t + 1) / L(t), over the steps in which L was above rounding.
  package let worstContraction: Double
  package let meanContraction: Double
  /// Those steps.
  package let steps: Int
  /// P[N(0, 1) > b] for points of norm 1, as expected and as measured at the start, and the most of any step.
  package let expectedShare: Double
  package let startShare: Double
  package let largestShare: Double
  /// The share that the sparsity lemma allows after the movement measured.
  package let shareBound: Double
  /// The largest |w_r(t) - w_r(0)| at the stages of the course, and what the analysis predicts at most.
  package let movement: Double
  package let predictedMovement: Double
  package let radius: Double
  /// The m at which the predicted movement is the radius.
  package let neededNeurons: Double
  package let audit: FiringAudit

  /// Below this share of the loss at the start, single precision decides the ratio of two losses.
  package static let smallestLoss = 1e-8

  /// Throws a failure when the loss diverges, a pair is missed or eigenvalues do not converge.
  /// Complexity: that of the training, and O((nC)^3).
  package init(_ instance: StudyInstance, iterations: Int, workers: Workers) throws {
    let network = try instance.network(workers: workers)
    let kernel = TangentKernel(of: network, points: instance.points, team: LocalTeam(workers: workers))
    threshold = network.threshold
    outputs = network.outputCount
    spectrum = try Spectrum(of: kernel.matrix())
    expected = try Spectrum(
      of: TangentKernel.expected(points: instance.points, threshold: threshold, workers: workers))
    let rate = spectrum.largest > 0 ? Float(1 / spectrum.largest) : 1
    learningRate = rate
    let course = try TrainingCourse(instance, learningRate: rate, iterations: iterations, workers: workers)
    predictedContraction = Self.contraction(learningRate: rate, smallest: spectrum.smallest)
    (worstContraction, meanContraction, steps) = Self.contractions(course.losses)
    let norms = instance.points.norms()
    expectedShare = SparsityLemma.share(threshold: threshold, norms: norms, movement: 0)
    startShare = course.stages.first?.firingShare ?? .nan
    largestShare = course.largestShare
    movement = course.stages.map(\.largestMovement).max() ?? .nan
    shareBound = SparsityLemma.share(threshold: threshold, norms: norms, movement: movement)
    radius = SparsityLemma.radius(threshold: threshold)
    let unscaled = Self.movement(
      points: instance.points.count, outputs: outputs, loss: course.losses.first ?? .nan, neurons: 1,
      smallest: spectrum.smallest)
    predictedMovement = unscaled / Double(instance.neurons).squareRoot()
    neededNeurons = (unscaled / radius) * (unscaled / radius)
    audit = course.audit
  }

  /// The factor of |f - y|^2 in a step that the analysis predicts at most; 1 when the kernel is singular.
  package static func contraction(learningRate: Float, smallest: Double) -> Double {
    1 - Double(learningRate) * max(smallest, 0) / 2
  }

  /// How far a weight moves at most when |f - y| shrinks by sqrt(1 - eta lambda / 2) in every step, for points of norm
  /// at most 1:
  ///
  ///     sum_t eta / sqrt(m) sum_i |<a_r, g_i(t)>| <= eta sqrt(nC / m) sum_t |g(t)| <= 4 sqrt(nC) |g(0)| / (sqrt(m) lambda)
  ///
  /// `loss` is |g(0)|^2 / 2. Infinite when lambda is not above 0.
  package static func movement(points: Int, outputs: Int, loss: Double, neurons: Int, smallest: Double)
    -> Double
  {
    guard smallest > 0 else { return .infinity }
    let error = (2 * loss).squareRoot()
    return 4 * (Double(points) * Double(outputs)).squareRoot() * error
      / (Double(neurons).squareRoot() * smallest)
  }

  /// The largest and the geometric mean ratio of successive losses, and how many ratios there are.
  package static func contractions(_ losses: [Double]) -> (worst: Double, mean: Double, steps: Int) {
    let limit = (losses.first ?? 0) * smallestLoss
    let ratios = zip(losses, losses.dropFirst()).filter { $0.1 > limit && $0.0 > 0 }.map { $0.1 / $0.0 }
    guard let worst = ratios.max() else { return (.nan, .nan, 0) }
    let mean = Double.exp(ratios.reduce(0) { $0 + Double.log($1) } / Double(ratios.count))
    return (worst, mean, ratios.count)
  }

  /// The fields of `TheoryStudy.valueColumns`.
  package var fields: [String] {
    let numbers = [
      spectrum.smallest, spectrum.largest, expected.smallest, expected.largest, predictedContraction,
      worstContraction, meanContraction,
    ]
    let others = [
      expectedShare, startShare, largestShare, shareBound, movement, predictedMovement, radius, neededNeurons,
    ]
    return ["\(outputs)", "\(threshold)", "\(learningRate)"] + numbers.map { "\($0)" } + ["\(steps)"]
      + others.map { "\($0)" } + ["\(audit.compared)", "\(audit.ties)"]
  }
}
