/// The training of the network of infinite width: ridge regression on the limit kernel (`KernelRidge`).
///
///     let configuration = TrainingConfiguration(predictor: .limitKernel)
///     let fit = try LimitFit(TrainingProblem(dataset, configuration: configuration))
///     try fit.model.write(to: "digits.safetensors")
///
/// It is a baseline for networks of any width and the mark that they tend to. Its cost grows with the points, n^3, instead of the
/// width; its model holds the points.
public struct LimitFit: Sendable {
  public let problem: TrainingProblem
  public let regression: KernelRidge
  /// One line for each choice that was made.
  public let notes: [String]

  /// Fits the coefficients, with the configured ridge or the one of the smallest leave-one-out error.
  ///
  /// Throws a usage error with the bytes needed where they do not fit this machine, before anything is allocated, and for a ridge
  /// that is too small; a data error for points whose squares overflow; a failure when OpenBLAS computes wrongly on this
  /// processor. Precondition: all points weigh the same.
  /// Complexity: that of `KernelRidge`.
  public init(_ problem: TrainingProblem) throws(FireTreeError) {
    precondition(problem.truth.weights == nil, "the limit kernel takes points of equal weight")
    try LinearAlgebra.check()
    let (configuration, n) = (problem.configuration, problem.points.count)
    try KernelRidge.requiredMemory(points: n, outputs: problem.outputs, workers: configuration.workers)
      .requireAvailable(
        for: "the limit kernel of \(n) points", available: problem.availableMemory)
    guard problem.points.norms().allSatisfy({ ($0 * $0).isFinite }) else {
      throw FireTreeError(
        .data, "the squared norms of the points are beyond 32-bit numbers: scale the columns")
    }
    switch configuration.ridge {
    case .value(let ridge):
      regression = try KernelRidge(
        points: problem.points, targets: problem.targets, threshold: problem.threshold, ridge: ridge,
        workers: configuration.workers)
      notes = []
    case .automatic:
      regression = try KernelRidge.tuned(
        points: problem.points, targets: problem.targets, threshold: problem.threshold,
        workers: configuration.workers)
      notes = ["ridge: \(regression.ridge) (the smallest leave-one-out error)"]
    }
    self.problem = problem
  }

  /// How what the regression on all other points gives at each point compares with the truth. Precondition: the problem comes from a
  /// data set.
  public func leaveOneOut() throws(FireTreeError) -> Evaluation {
    let encoding = reading.encoding
    return Evaluation(
      predictions: try encoding.decode(regression.leftOut), truth: try encoding.decode(problem.targets))
  }

  /// The model, which holds the training points. Precondition: the problem comes from a data set.
  public var model: Model {
    var run = TrainingRun()
    run.lossFunction = problem.loss.name
    run.finalLoss = regression.loss
    run.threshold = problem.threshold
    run.ridge = regression.ridge
    run.leaveOneOutError = regression.leaveOneOutError
    run.points = problem.points.count
    run.version = TrainingRun.libraryVersion
    return Model(
      predictor: .limitKernel(
        Predictor.LimitCoefficients(
          points: problem.points, coefficients: regression.coefficients, means: regression.means)),
      threshold: problem.threshold, preprocessing: reading.preprocessing, encoding: reading.encoding,
      schema: reading.schema, kind: reading.kind, training: run)
  }

  private var reading: TrainingProblem.Reading {
    guard let reading = problem.reading else {
      preconditionFailure("a model needs to know how data are read: the points were handed over as they are")
    }
    return reading
  }
}

extension TrainingProblem {
  /// The threshold of the limit kernel when none is given.
  public static let limitThreshold: Float = 1
}
