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

  /// A choice by an error at points that the regressions had not seen.
  public struct Tuning: Codable, Equatable, Sendable {
    /// `loo`, leaving out one point after the other, or `hold-out`.
    public var method: String
    /// Points on which it was done.
    public var points: Int
    /// The candidate that was taken; its ridge before any change for all points.
    public var choice: Candidate
    /// The best of the others, which may have a smaller error; nil when there was no other.
    public var runnerUp: Candidate?

    public init(method: String, points: Int, choice: Candidate, runnerUp: Candidate?) {
      (self.method, self.points, self.choice, self.runnerUp) = (method, points, choice, runnerUp)
    }
  }

  /// A threshold and a constant coordinate, with the best ridge.
  public struct Candidate: Codable, Equatable, Sendable {
    public var threshold: Float
    /// In units of the root mean square norm of the points, 0 for none; nil for points that were not preprocessed.
    public var constant: Float?
    public var ridge: Double
    /// The mean square, over points and outputs, and its standard error over the points.
    public var error: Double
    public var standardError: Double

    public init(threshold: Float, constant: Float?, ridge: Double, error: Double, standardError: Double) {
      (self.threshold, self.constant, self.ridge) = (threshold, constant, ridge)
      (self.error, self.standardError) = (error, standardError)
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
  /// How threshold, constant coordinate and ridge were chosen; nil when they were given.
  public var tuning: Tuning?
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
    return others.merging(known.compactMapValues { $0 }) { $1 }.merging(tuning?.facts ?? [:]) { $1 }
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
    if let found = Tuning(facts: facts) {
      tuning = found
      for name in found.facts.keys { others[name] = nil }
    }
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

extension TrainingRun.Tuning {
  fileprivate var facts: [String: String] {
    choice.facts(prefix: "tuning").merging(runnerUp?.facts(prefix: "runner_up") ?? [:]) { $1 }
      .merging(["tuning": method, "tuning_points": "\(points)"]) { $1 }
  }

  /// Nil when facts are missing, or do not read back as the same text.
  fileprivate init?(facts: [String: String]) {
    guard let method = facts["tuning"], let points = facts["tuning_points"].flatMap(Int.init),
      let choice = TrainingRun.Candidate(facts: facts, prefix: "tuning")
    else { return nil }
    self.init(
      method: method, points: points, choice: choice,
      runnerUp: TrainingRun.Candidate(facts: facts, prefix: "runner_up"))
    guard self.facts.allSatisfy({ facts[$0.key] == $0.value }) else { return nil }
  }
}

extension TrainingRun.Candidate {
  fileprivate func facts(prefix: String) -> [String: String] {
    let values: [String: String?] = [
      "threshold": "\(threshold)", "constant": constant.map { "\($0)" }, "ridge": "\(ridge)",
      "error": "\(error)", "standard_error": "\(standardError)",
    ]
    return Dictionary(
      uniqueKeysWithValues: values.compactMapValues { $0 }.map { ("\(prefix)_\($0.key)", $0.value) })
  }

  fileprivate init?(facts: [String: String], prefix: String) {
    func number<Value>(_ name: String, _ parse: (String) -> Value?) -> Value? {
      facts["\(prefix)_\(name)"].flatMap(parse)
    }
    guard let threshold = number("threshold", Float.init), let ridge = number("ridge", Double.init),
      let error = number("error", Double.init), let standardError = number("standard_error", Double.init)
    else { return nil }
    self.init(
      threshold: threshold, constant: number("constant", Float.init), ridge: ridge, error: error,
      standardError: standardError)
  }
}
