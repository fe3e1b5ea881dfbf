import ArgumentParser
import FireTree

extension DatasetFormat: ExpressibleByArgument {}
extension LearningTask: ExpressibleByArgument {}
extension ColumnScaling: ExpressibleByArgument {}
extension EngineKind: ExpressibleByArgument {}
extension Network.OutputLayout: ExpressibleByArgument {}
extension InitialWeights.Distribution: ExpressibleByArgument {}
extension InitialWeights.Start: ExpressibleByArgument {}
extension TrainingConfiguration.Optimizer: ExpressibleByArgument {}
extension LimitTuning.Method: ExpressibleByArgument {}

/// A number, or `auto`.
enum Automatic<Value: ExpressibleByArgument>: ExpressibleByArgument {
  case automatic
  case value(Value)

  init?(argument: String) {
    if argument == "auto" {
      self = .automatic
    } else if let value = Value(argument: argument) {
      self = .value(value)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .automatic: "auto"
    case .value(let value): value.defaultValueDescription
    }
  }

  static var allValueStrings: [String] {
    Value.allValueStrings.isEmpty ? [] : ["auto"] + Value.allValueStrings
  }
}

extension Automatic<EngineKind> {
  /// What was typed, as what is meant.
  var choice: TrainingConfiguration.Engine {
    switch self {
    case .automatic: .automatic
    case .value(let kind): .value(kind)
    }
  }
}

/// A threshold: a number, `auto`, or `paper`.
enum ThresholdChoice: ExpressibleByArgument {
  case automatic, paper
  case value(Float)

  init?(argument: String) {
    switch argument {
    case "auto": self = .automatic
    case "paper": self = .paper
    default:
      guard let value = Float(argument: argument) else { return nil }
      self = .value(value)
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .automatic: "auto"
    case .paper: "paper"
    case .value(let value): "\(value)"
    }
  }

  /// What was typed, as what is meant.
  var configuration: TrainingConfiguration.Threshold {
    switch self {
    case .automatic: .automatic
    case .paper: .paper
    case .value(let value): .value(value)
    }
  }
}

enum YesOrNo: String, ExpressibleByArgument, CaseIterable { case yes, no }

enum WeightsChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, stored, seeded

  var configuration: TrainingConfiguration.Weights {
    switch self {
    case .auto: .automatic
    case .stored: .value(.stored)
    case .seeded: .value(.seeded)
    }
  }
}

enum MomentumKind: String, ExpressibleByArgument, CaseIterable {
  case nesterov
  case heavyBall = "heavy-ball"
}

// A value that may begin with a minus is taken whatever it looks like (`unconditional`), so that a negative number is
// one, or is refused as one.

/// How the data file is read. The file itself is an argument of each command.
struct DataOptions: ParsableArguments {
  @Option(help: "Format of the data file; by default from its name.") var format: DatasetFormat?
  @Option(help: ArgumentHelp("File that holds the labels of IDX or NPY data.", valueName: "file"))
  var labels: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Target column: a name, or a position from 0 (negative from the end).", valueName: "column"))
  var target: String?
  @Option(help: "What is learned; by default from the labels.") var task: LearningTask?
  @Option(help: "Whether the first row of a CSV file names the columns; by default found out.") var header:
    YesOrNo?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Separator of a CSV file; by default found out.", valueName: "character"))
  var delimiter: String?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Decimal sign of a CSV file.", valueName: "character"))
  var decimal: String = "."
  @Flag(help: "Columns of a LIBSVM file count from 0.") var zeroBased = false
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Use only the first n rows, after those skipped.", valueName: "n"))
  var points: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Leave out the first n rows.", valueName: "n"))
  var skip: Int = 0

  func resolved() throws -> DatasetOptions {
    var separator: Character?
    if let delimiter {
      let text = delimiter == "\\t" ? "\t" : delimiter
      guard text.count == 1, let first = text.first else {
        throw FireTreeError.usage("the delimiter must be one character, not '\(delimiter)'")
      }
      separator = first
    }
    guard decimal.count == 1, let decimalSign = decimal.first else {
      throw FireTreeError.usage("the decimal sign must be a point or a comma, not '\(decimal)'")
    }
    return DatasetOptions(
      format: format, labels: labels, target: target.map { TargetColumn.name($0) }, task: task,
      header: header.map { $0 == .yes }, delimiter: separator, points: points, skip: skip,
      decimal: decimalSign, zeroBased: zeroBased)
  }

  func readTraining(_ path: String) throws -> Dataset {
    try Dataset(contentsOf: path, options: resolved())
  }

  func read(_ path: String, for model: Model, requiresTarget: Bool) throws -> Dataset {
    var classes: [String]?
    if case .classification(let names) = model.encoding { classes = names }
    let dataset = try Dataset(
      contentsOf: path, for: model.schema, classes: classes, options: resolved(),
      requiresTarget: requiresTarget)
    if let omission = dataset.omission { Message.note(omission) }
    return dataset
  }
}

/// The network and how it is trained: the same options with the same meaning in every command that trains.
struct TrainingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Width of the network, m; with gauss-newton also auto, tuned; in train also inf, ridge regression on the limit kernel.",
      valueName: "m"))
  var neurons: NetworkWidth = .neurons(5000)
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threshold b of the neurons: a number, paper, sqrt(0.4 ln m), or auto, the same, and for --neurons inf tuned.",
      valueName: "b"))
  var threshold: ThresholdChoice = .automatic
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Choose the threshold so that this share of all pairs fires at start.", valueName: "share"))
  var firingShare: Double?
  @Option(help: "How the network is trained; auto is gradient-descent.")
  var optimizer: TrainingConfiguration.Optimizer = .automatic
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Penalty on the movement of the weights, for gauss-newton and --neurons inf, over the mean diagonal of the limit kernel: a number, or auto, by leave-one-out.",
      valueName: "rho"))
  var ridge: Automatic<Double>?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Step size: a number, or auto, 1 / the largest eigenvalue of the tangent kernel.", valueName: "eta"))
  var learningRate: Automatic<Float> = .automatic
  @Option(help: "Kind of momentum.") var momentumKind: MomentumKind = .nesterov
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seed of the initial weights, and of the points to tune on.", valueName: "seed"))
  var seed: UInt64 = 0
  @Option(
    help: "Initial weights: normal, structured, or auto, structured for dense points of 256 to 4096 inputs.")
  var initial: Automatic<InitialWeights.Distribution> = .automatic
  @Option(help: "Whether neurons start in pairs of equal and opposite effect, so that outputs start at 0.")
  var start: InitialWeights.Start = .paired
  @Option(help: "Which outputs a neuron feeds: all, or one of them.") var outputs: Network.OutputLayout =
    .full
  @Option(help: "Whether training holds all hidden weights, or a seed and what it has added to them.")
  var weights: WeightsChoice = .auto
  @Option(parsing: .unconditional, help: ArgumentHelp("Threads; by default one a processor.", valueName: "n"))
  var threads: Int?
  @Option(help: "What is done to the columns; by default by the kind of data.") var columns: ColumnScaling?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Constant coordinate that is appended, over the rms norm of the points: a number, 0 for none, or auto, 1 for tables and sparse data, and for --neurons inf tuned.",
      valueName: "c"))
  var constant: Automatic<Float> = .automatic
  @Flag(help: "Append no constant coordinate.") var noConstant = false
  @Flag(inversion: .prefixedNo, help: "Scale every point to norm 1; by default always.") var unitNorm: Bool?

  /// What was typed, as what is meant.
  func resolved(
    engine: TrainingConfiguration.Engine, iterations: Int?, momentum: Float?, defaultMomentum: Float = 0.9,
    targetLoss: Double? = nil, allowsInfiniteWidth: Bool = false
  ) throws -> TrainingConfiguration {
    let mu = try checkedMomentum(momentum) ?? defaultMomentum
    var choice = threshold.configuration
    if let firingShare {
      guard case .automatic = threshold else {
        throw FireTreeError.usage("give a threshold or a firing share, not both")
      }
      choice = .firingShare(firingShare)
    }
    var rate = TrainingConfiguration.LearningRate.automatic
    if case .value(let value) = learningRate { rate = .value(value) }
    let workers = try Self.workers(threads)
    var configuration = TrainingConfiguration(
      optimizer: optimizer, engine: engine, outputs: outputs, threshold: choice, learningRate: rate,
      momentum: mu == 0 || optimizer == .gaussNewton
        ? .none : momentumKind == .nesterov ? .nesterov(mu) : .heavyBall(mu),
      iterations: iterations, targetLoss: targetLoss, seed: seed,
      preprocessing: PreprocessingOptions(columns: columns, constant: try coordinate(), unitNorm: unitNorm),
      workers: workers)
    switch neurons {
    case .neurons(let neurons): configuration.neurons = neurons
    case .automatic:
      guard optimizer == .gaussNewton else {
        throw FireTreeError.usage(
          "--neurons auto is for --optimizer gauss-newton: descent does not choose a width")
      }
      configuration.choosesNeurons = true
    case .infinite where allowsInfiniteWidth: configuration.predictor = .limitKernel
    case .infinite:
      throw FireTreeError.usage(
        "an infinite width has no engine and takes no steps: --neurons inf is for train")
    }
    if case .value(let value) = ridge { configuration.ridge = .value(value) }
    guard ridge == nil || configuration.predictor == .limitKernel || optimizer == .gaussNewton else {
      throw FireTreeError.usage(
        "--ridge is for --optimizer gauss-newton and --neurons inf: descent has no ridge")
    }
    configuration.weights = weights.configuration
    configuration.start = start
    if case .value(let value) = initial { configuration.initial = .value(value) }
    return configuration
  }

  /// Throws a usage error for options of descent beside another optimizer.
  private func checkedMomentum(_ momentum: Float?) throws -> Float? {
    guard optimizer == .gaussNewton else { return momentum }
    if case .value = learningRate {
      throw FireTreeError.usage(
        "--learning-rate has no meaning with --optimizer gauss-newton, whose steps have none")
    }
    guard momentum == nil else {
      throw FireTreeError.usage(
        "--momentum has no meaning with --optimizer gauss-newton, whose steps have none")
    }
    return nil
  }

  /// The constant coordinate that was typed; nil for the usual or the tuned one.
  private func coordinate() throws -> Float? {
    switch (constant, noConstant) {
    case (.automatic, let isLeftOut): return isLeftOut ? 0 : nil
    case (.value(let value), false): return value
    case (.value, true): throw FireTreeError.usage("give --constant or --no-constant, not both")
    }
  }

  static func workers(_ threads: Int?) throws -> Workers {
    let workers = try checked(threads)
    try LinearAlgebra.reserve(for: workers)
    return workers
  }

  private static func checked(_ threads: Int?) throws -> Workers {
    guard let threads else { return .all }
    guard threads >= 1 && threads <= 1024 else {
      throw FireTreeError.usage("the threads must be from 1 to 1024, not \(threads)")
    }
    return Workers(threads: threads)
  }
}

/// How a model's outputs are computed.
struct PassOptions: ParsableArguments {
  @Flag(help: "Compute every pair by a product, also where there is a shorter way.") var dense = false
  @Flag(help: "Compare the pairs that were taken to fire with a dense pass over all.") var check = false

  /// The outputs for raw features. Throws a failure when an audit finds a pair that was missed or invented.
  func outputs(of model: Model, for features: DataPoints, workers: Workers) throws -> Matrix {
    if check {
      let found = try model.audit(on: features, workers: workers)
      guard found.missed == 0 && found.extra == 0 else {
        throw FireTreeError.failure(
          "of \(found.firing) pairs that fire, \(found.missed) were missed, and \(found.extra) others were taken to fire"
        )
      }
      Message.note("checked: \(found.compared) pairs compared, \(found.firing) fire, none missed")
    }
    return try model.outputs(for: features, byDensePass: dense, workers: workers)
  }
}
