import Synchronization

extension LimitTuning {
  /// What a tuning looks at: points for every constant coordinate, with the thresholds to be tried on them.
  struct Search {
    /// The points with one constant coordinate.
    struct Slice {
      /// As `Candidate.constant`.
      var constant: Float?
      /// n x d'.
      var points: DataPoints
      /// By place in the grid.
      var thresholds: [Float]
    }

    var slices: [Slice]
    /// Of every point (n x C).
    var targets: Matrix
    var validation: Validation
    /// The one that is given, or nil for the best of a path.
    var ridge: Double?

    /// The candidates that have a regression, by threshold, then by constant.
    ///
    /// On as many threads at once as there is memory for, each with a candidate of its own; those left over help. `progress` is told
    /// the number of the candidate that is begun, from 1, and how many there are. Throws a usage error with the bytes that one needs when
    /// they are not to be had. Complexity: that of `LimitKernel` and `RidgePath` for each.
    func candidates(workers: Workers, progress: (Int, Int) -> Void) throws(FireTreeError) -> [Candidate] {
      let grid = (slices.map(\.thresholds.count).max() ?? 0)
      let places = (0..<grid).flatMap { step in slices.indices.map { (step, $0) } }
      let (outer, inner) = try team(of: workers, for: places.count)
      let begun = Mutex(0)
      let outcomes = outer.map(shards: places.count) { index -> Result<Candidate?, FireTreeError> in
        begun.withLock {
          $0 += 1
          progress($0, places.count)
        }
        let (step, slice) = places[index]
        return Result { () throws(FireTreeError) in
          try candidate(of: slices[slice], step: step, workers: inner)
        }
      }
      var result: [Candidate] = []
      for outcome in outcomes { if let found = try outcome.get() { result.append(found) } }
      return result
    }

    private func candidate(
      of slice: Slice, step: Int, workers: Workers
    ) throws(FireTreeError) -> Candidate? {
      let threshold = slice.thresholds[step]
      let kernel = try LimitKernel(points: slice.points, threshold: threshold, workers: workers)
      let path = try RidgePath(of: kernel, targets: targets, validation: validation, ridge: ridge)
      guard let best = path.best else { return nil }
      return Candidate(
        threshold: threshold, step: step, constant: slice.constant, ridge: best.ridge, error: best.error)
    }

    /// Threads that take candidates, and threads for each of these.
    private func team(
      of workers: Workers, for count: Int
    ) throws(FireTreeError) -> (outer: Workers, inner: Workers) {
      let one = RidgePath.requiredMemory(points: targets.rows, outputs: targets.columns, workers: workers)
      let available = ByteCount.available
      try one.requireAvailable(for: "the limit kernel of \(targets.rows) points", available: available)
      var outer = max(1, min(workers.threads, count))
      while outer > 1 && one * outer > available { outer -= 1 }
      return (Workers(threads: outer), Workers(threads: max(1, workers.threads / outer)))
    }
  }
}

extension LimitTuning {
  /// Tunes what `configuration` leaves open of a limit kernel, on a sample of the points of `dataset`; nil when nothing is open.
  ///
  /// `targets` are the encoded ones (n x C). Throws a usage error when there is no memory for it, or no point that could be held out;
  /// a data error for points that cannot be scaled, or whose squares overflow; a failure when OpenBLAS computes wrongly on this
  /// processor. Complexity: that of `RidgePath` on at most `pointsAtMost` points for each candidate.
  init?(
    _ dataset: Dataset, target: Target, targets: Matrix, fit: PreprocessingFit,
    configuration: TrainingConfiguration, progress: (Int, Int) -> Void
  ) throws(FireTreeError) {
    let given = configuration.preprocessing.constant
    guard configuration.needsTuning() else { return nil }
    let sample = try StratifiedSplit.sample(of: target, atMost: Self.pointsAtMost, seed: configuration.seed)
    let features = sample.count == dataset.count ? dataset.features : try dataset.features.chosen(sample)
    var slices: [Search.Slice] = []
    for constant in given.map({ [$0] }) ?? Self.constants(for: dataset.kind) {
      let preprocessing = try fit.preprocessing(constant: constant)
      let points = try preprocessing.apply(to: features)
      slices.append(
        Search.Slice(
          constant: constant, points: points,
          thresholds: configuration.thresholdsToTry(
            on: points, unit: fit.rootMeanSquareNorm(after: preprocessing))))
    }
    try self.init(
      slices, target: target.chosen(sample), targets: targets.chosen(sample), total: dataset.count,
      configuration: configuration, progress: progress)
  }

  /// Numbers that tell classes apart, and are the targets themselves for one output.
  static func keys(of targets: Matrix) throws(FireTreeError) -> Target {
    try Memory.ask(for: targets.rows, of: Double.self)
    return .values(
      (0..<targets.rows).map { row in
        (0..<targets.columns).reduce(0.0) { $0 + Double($1 + 1) * Double(targets[row, $1]) }
      })
  }

  /// The same for points as a network sees them, which have no constant coordinate to choose.
  init?(
    points: DataPoints, targets: Matrix, configuration: TrainingConfiguration
  ) throws(FireTreeError) {
    guard configuration.needsTuning(ofPreparedPoints: true) else { return nil }
    let keys = try Self.keys(of: targets)
    let sample = try StratifiedSplit.sample(
      of: keys, atMost: Self.pointsAtMost, seed: configuration.seed)
    let chosen = try points.chosen(sample)
    let squares = chosen.norms().reduce(0.0) { $0 + Double($1) * Double($1) }
    let norm = (squares / Double(max(sample.count, 1))).squareRoot()
    let slice = Search.Slice(
      constant: nil, points: chosen, thresholds: configuration.thresholdsToTry(on: chosen, unit: norm))
    try self.init(
      [slice], target: keys.chosen(sample), targets: targets.chosen(sample),
      total: points.count, configuration: configuration, progress: { _, _ in })
  }

  private init(
    _ slices: [Search.Slice], target: Target, targets: Matrix, total: Int,
    configuration: TrainingConfiguration, progress: (Int, Int) -> Void
  ) throws(FireTreeError) {
    guard total > 0 else { throw FireTreeError(.data, "there are no data points") }
    var search = Search(slices: slices, targets: targets, validation: .leaveOneOut)
    if configuration.tuning == .holdOut {
      let split = try StratifiedSplit(of: target, holdingOut: Self.shareHeldOut, seed: configuration.seed)
      guard !split.heldOut.isEmpty else {
        throw .usage("no point can be held out of \(total) where each class keeps one: tune by leave-one-out")
      }
      search.validation = .holdOut(training: split.training, heldOut: split.heldOut)
    }
    // A network may go without a penalty, which the limit kernel cannot: the rest is then tuned with the best one.
    if case .value(let ridge) = configuration.ridge, ridge > 0 { search.ridge = ridge }
    try self.init(
      search, method: configuration.tuning, total: total, isRidgeChosen: configuration.ridge == .automatic,
      workers: configuration.workers, progress: progress)
  }
}

extension TrainingConfiguration {
  /// What the limit kernel decides of: the network of infinite width, and Gauss-Newton.
  private var isTuned: Bool { predictor == .limitKernel || usesGaussNewton }

  /// Whether `LimitTuning` has something to choose; the constant coordinate of prepared points is not for it.
  public func needsTuning(ofPreparedPoints: Bool = false) -> Bool {
    let isConstantOpen = preprocessing.constant == nil && !ofPreparedPoints
    return isTuned && (threshold == .automatic || ridge == .automatic || isConstantOpen)
  }

  /// The given threshold, or those of the grid for points of the root mean square norm `unit`.
  fileprivate func thresholdsToTry(on points: DataPoints, unit: Double) -> [Float] {
    switch threshold {
    case .automatic: LimitTuning.thresholds.map { Float(Double($0) * unit) }
    case .paper: [Network.paperThreshold(neurons: neurons)]
    case .value(let value): [value]
    case .firingShare(let share):
      [Float(NormalDistribution.threshold(firingShare: share, norms: points.norms()))]
    }
  }
}
