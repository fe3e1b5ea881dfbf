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

  /// Fits the coefficients. A ridge that was chosen on some of the points is raised, by factors of ten, where it is too small for
  /// the rounding of the kernel of all.
  ///
  /// Throws a usage error with the bytes needed where they do not fit this machine, before anything is allocated, and for a given
  /// ridge that is too small; a data error for points whose squares overflow; a failure when OpenBLAS computes wrongly on this
  /// processor. Precondition: the problem is one of the limit kernel, and all points weigh the same.
  /// Complexity: that of `KernelRidge`.
  public init(_ problem: TrainingProblem) throws(FireTreeError) {
    precondition(problem.truth.weights == nil, "the limit kernel takes points of equal weight")
    guard case .value(let ridge) = problem.configuration.ridge else {
      preconditionFailure("the ridge of a problem that is not one of the limit kernel")
    }
    try LinearAlgebra.checkFactors()
    let (configuration, n) = (problem.configuration, problem.points.count)
    try KernelRidge.requiredMemory(points: n, outputs: problem.outputs, workers: configuration.workers)
      .requireAvailable(
        for: "the limit kernel of \(n) points", available: problem.availableMemory)
    try problem.points.requireSquares()
    regression = try KernelRidge(
      points: problem.points, targets: problem.targets, threshold: problem.threshold, ridge: ridge,
      mayRaise: problem.tuning?.isRidgeChosen ?? false, workers: configuration.workers)
    notes =
      regression.ridge == ridge
      ? [] : ["ridge: \(regression.ridge), as \(ridge) is below the rounding of the kernel of all points"]
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
    run.leaveOneOutError = regression.leaveOneOut.mean
    if let tuning = problem.tuning { tuning.record(in: &run, seed: problem.configuration.seed) }
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

extension DataPoints {
  /// Throws a data error when the squares of their norms are beyond 32-bit numbers.
  func requireSquares() throws(FireTreeError) {
    guard norms().allSatisfy({ ($0 * $0).isFinite }) else {
      throw FireTreeError(
        .data, "the squared norms of the points are beyond 32-bit numbers: scale the columns")
    }
  }
}
