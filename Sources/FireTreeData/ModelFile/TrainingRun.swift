/// The facts of the training that a model came from, for people and for reproduction; predictions do not use them.
///
/// What is not known is nil: a file of version 0.1.0 has no threshold, version or reason of the stop.
public struct TrainingRun: Codable, Equatable, Sendable {
  public struct Momentum: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable {
      case none, nesterov
      case heavyBall = "heavy-ball"
    }

    public var kind: Kind
    public var coefficient: Float

    public init(kind: Kind, coefficient: Float) {
      self.kind = kind
      self.coefficient = coefficient
    }
  }

  /// The version of FireTree that this is.
  public static let libraryVersion = "0.1.0"

  /// The name of the engine.
  public var engine: String?
  /// How the network was trained: `gradient-descent`, `gauss-newton`; a file without it was trained by descent.
  public var optimizer: String?
  /// The name of the loss function, and its value at the end.
  public var lossFunction: String?
  public var finalLoss: Double?
  /// The threshold b of the neurons at the start.
  public var threshold: Float?
  /// The learning rate of the last step.
  public var learningRate: Float?
  public var momentum: Momentum?
  public var seed: UInt64?
  /// How the initial hidden weights are distributed: `gaussian`, `hadamard`.
  public var initial: String?
  /// Which neurons started with the same weights: `independent`, `paired`.
  public var start: String?
  /// Steps taken.
  public var iterations: Int?
  /// The penalty of a ridge regression, or of Gauss-Newton, in units of the mean diagonal of the limit kernel; and the mean squared
  /// leave-one-out error of the former.
  public var ridge: Double?
  public var leaveOneOutError: Double?
  /// Training points, n.
  public var points: Int?
  /// The version of FireTree that trained.
  public var version: String?
  /// What ended the training: `iterations`, `target loss`, `convergence`, `observer`.
  public var stop: String?
  /// Facts that this version does not know, or not in this form, as a model file has them, by name. They are written
  /// as they were read.
  public var others: [String: String] = [:]

  public init() {}
}

extension TrainingRun {
  /// Every fact as text by its name in model files, as `training.` and the name.
  public var facts: [String: String] {
    let known: [String: String?] = [
      "engine": engine, "optimizer": optimizer, "loss_function": lossFunction,
      "loss": finalLoss.map { "\($0)" },
      "threshold": threshold.map { "\($0)" }, "learning_rate": learningRate.map { "\($0)" },
      "momentum": momentum.map { "\($0.coefficient)" }, "momentum_kind": momentum?.kind.rawValue,
      "seed": seed.map(String.init), "initial": initial, "start": start,
      "iterations": iterations.map(String.init),
      "ridge": ridge.map { "\($0)" }, "leave_one_out_error": leaveOneOutError.map { "\($0)" },
      "points": points.map(String.init), "version": version, "stop": stop,
    ]
    return others.merging(known.compactMapValues { $0 }) { $1 }
  }

  /// Reads `facts`. A fact that does not read back as the same text goes to `others`, which loses nothing.
  init(facts: [String: String]) {
    others = facts
    engine = take("engine") { $0 }
    optimizer = take("optimizer") { $0 }
    lossFunction = take("loss_function") { $0 }
    finalLoss = take("loss", Double.init)
    threshold = take("threshold", Float.init)
    learningRate = take("learning_rate", Float.init)
    seed = take("seed") { UInt64($0) }
    initial = take("initial") { $0 }
    start = take("start") { $0 }
    iterations = take("iterations") { Int($0) }
    ridge = take("ridge", Double.init)
    leaveOneOutError = take("leave_one_out_error", Double.init)
    points = take("points") { Int($0) }
    version = take("version") { $0 }
    stop = take("stop") { $0 }
    if let kind = facts["momentum_kind"].flatMap(Momentum.Kind.init(rawValue:)) {
      momentum = take("momentum", Float.init).map { Momentum(kind: kind, coefficient: $0) }
      if momentum != nil { others["momentum_kind"] = nil }
    }
  }

  private mutating func take<Value>(_ name: String, _ parse: (String) -> Value?) -> Value? {
    guard let text = others[name], let value = parse(text), "\(value)" == text else { return nil }
    others[name] = nil
    return value
  }
}
