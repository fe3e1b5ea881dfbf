/// The choice of threshold, constant coordinate and ridge of the network of infinite width, so that nobody has to make it, and for
/// networks of finite width that Gauss-Newton trains.
///
/// A candidate is a threshold and a constant coordinate; its ridge is the best of its regularisation path (`RidgePath`). The error is
/// the mean squared leave-one-out error, or that at points held out, on at most 2,000 points, a sample stratified by class or by
/// the number that is learned. Of all thresholds whose error is within one standard error of the smallest the largest is taken,
/// as a network fires least with it and so trains fastest; then the best constant and ridge with it. What is given is kept.
///
/// The sample depends on data and seed alone, and a candidate is computed the same way whatever runs beside it: the same choice on
/// any number of threads.
public struct LimitTuning: Sendable, Equatable {
  /// By which error.
  public enum Method: String, CaseIterable, Sendable {
    /// Each point by the regression on all others.
    case leaveOneOut = "loo"
    /// A quarter of the points, stratified, by the regression on the others.
    case holdOut = "hold-out"
  }

  /// A threshold and a constant coordinate with the ridge of the smallest error.
  public struct Candidate: Sendable, Equatable {
    /// b.
    public var threshold: Float
    /// The place of the threshold in the grid, ascending; 0 for a given one.
    var step = 0
    /// In units of the root mean square norm of the points, 0 for none; nil for points that are not preprocessed.
    public var constant: Float?
    public var ridge: Double
    public var error: ErrorEstimate
  }

  public let method: Method
  /// Points on which it was done, and how many there are.
  public let sample: Int
  public let total: Int
  /// All that have a regression, by threshold, then by constant.
  public let candidates: [Candidate]
  public let choice: Candidate
  /// Whether the ridge was chosen rather than given.
  public let isRidgeChosen: Bool

  /// Thresholds, where the points have the root mean square norm 1.
  public static let thresholds: [Float] = [0, 0.5, 1, 1.85]
  /// Points on which candidates are compared, at most.
  public static let pointsAtMost = 2000
  static let shareHeldOut = 0.25

  /// Constant coordinates that are tried: without one for images too, where magnitude may say nothing.
  public static func constants(for kind: Dataset.Kind) -> [Float] {
    kind == .images ? [0, 0.5, 1] : [0.5, 1]
  }

  /// The best candidate but for the choice; its error may be the smaller one, within one standard error.
  public var runnerUp: Candidate? {
    candidates.lazy.filter { $0 != choice }.min { $0.error.mean < $1.error.mean }
  }

  /// Compares candidates. Throws a failure when none has a regression, a usage error when that is for the given ridge, and what a
  /// search throws.
  init(
    _ search: Search, method: Method, total: Int, isRidgeChosen: Bool, workers: Workers,
    progress: (Int, Int) -> Void
  ) throws(FireTreeError) {
    try LinearAlgebra.checkFactors()
    for slice in search.slices { try slice.points.requireSquares() }
    let candidates = try search.candidates(workers: workers, progress: progress)
    guard let choice = Self.choice(among: candidates) else {
      guard let ridge = search.ridge else {
        throw .failure("no ridge leaves the limit kernel positive definite within rounding")
      }
      throw KernelRidge.refusal(of: ridge)
    }
    (self.candidates, self.choice, self.method, self.isRidgeChosen) = (
      candidates, choice, method, isRidgeChosen
    )
    (sample, self.total) = (search.targets.rows, total)
  }

  /// The largest threshold within one standard error of the best candidate, with the best constant, the largest among equals.
  static func choice(among candidates: [Candidate]) -> Candidate? {
    guard let best = candidates.min(by: { $0.error.mean < $1.error.mean }) else { return nil }
    let bound = best.error.mean + best.error.standardError
    let eligible = candidates.filter { $0.error.mean <= bound }
    let largest = eligible.map(\.step).max()
    return eligible.filter { $0.step == largest }.min {
      ($0.error.mean, -($0.constant ?? 0)) < ($1.error.mean, -($1.constant ?? 0))
    }
  }

  /// `configuration` with the choice in the place of what was open.
  func applied(to configuration: TrainingConfiguration) -> TrainingConfiguration {
    var result = configuration
    if result.threshold == .automatic { result.threshold = .value(choice.threshold) }
    if result.preprocessing.constant == nil { result.preprocessing.constant = choice.constant }
    if result.ridge == .automatic { result.ridge = .value(choice.ridge) }
    return result
  }

  /// One line each: what was chosen, its error, and the runner-up.
  var notes: [String] {
    let name = method == .leaveOneOut ? "leave-one-out" : "hold-out"
    let part = sample < total ? "\(sample) of \(total)" : "\(total)"
    return [
      "tuned by \(name) on \(part) points: \(choice.description)",
      "\(name) error: \(Self.description(of: choice.error))",
    ] + (runnerUp.map { ["runner-up: \($0.description), error \(Self.description(of: $0.error))"] } ?? [])
  }

  private static func description(of error: ErrorEstimate) -> String {
    "\(Float(error.mean)) +- \(Float(error.standardError))"
  }

  /// Writes down how the choice was made.
  func record(in run: inout TrainingRun, seed: UInt64) {
    run.seed = seed
    run.tuning = TrainingRun.Tuning(
      method: method.rawValue, points: sample, choice: choice.facts, runnerUp: runnerUp?.facts)
  }
}

extension LimitTuning.Candidate {
  fileprivate var description: String {
    "threshold \(threshold), \(constant.map { "constant \($0), " } ?? "")ridge \(ridge)"
  }

  fileprivate var facts: TrainingRun.Candidate {
    TrainingRun.Candidate(
      threshold: threshold, constant: constant, ridge: ridge, error: error.mean,
      standardError: error.standardError)
  }
}
