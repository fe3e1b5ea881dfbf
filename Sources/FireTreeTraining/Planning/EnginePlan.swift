import FireTreeCore

/// Memory and time of every engine for one problem, and which engine to take: what `--engine auto` goes by.
///
/// A pure function of the shape, the machine, the free memory and the number of steps. Nothing of the problem's size is
/// allocated.
public struct EnginePlan: Sendable, Equatable {
  /// Whether an engine can be taken.
  public enum Verdict: Sendable, Equatable {
    case fits
    /// More than there is.
    case needsMoreMemory
    /// Whatever the memory: `TrainingEngine.limitation`.
    case limited(String)
  }

  /// What is predicted of one engine.
  public struct Candidate: Sendable, Equatable {
    public var kind: EngineKind
    /// `EngineMemory.most` of `TrainingEngine.memory(for:)`.
    public var memory: ByteCount
    public var cost: PredictedCost
    /// The automatic learning rate, and the writing of the model.
    public var setUp: SetUpCost
    public var verdict: Verdict

    /// A whole training of so many steps, from the points to a model file, in seconds.
    public func total(iterations: Int) -> Double {
      setUp.rate + cost.total(iterations: iterations) + setUp.writing
    }
  }

  /// An engine is taken in place of `dense` only when it is predicted to take at most this share of the time of
  /// `dense`: predictions err, and `auto` shall not be slower than `dense`.
  public static let largestShareOfDense = 0.8

  /// One for each engine, in the order of `EngineKind.allCases`.
  public let candidates: [Candidate]
  /// The engine to take; nil when none fits.
  public let choice: EngineKind?
  public let availableMemory: ByteCount
  /// The number of steps that the choice is for.
  public let iterations: Int
  /// The share of all pairs that fires in the initial network.
  public let firingShare: Double

  /// Plans a training of `iterations` steps, with an automatic rate unless that is denied. `weights` says in which form an engine would hold them, and why it cannot. Where
  /// each step makes the engine anew (`GaussNewton`), a step is its preprocessing and the solution of the equations.
  ///
  /// The choice is the engine that fits with the least predicted time of everything together, or `dense`
  /// when that engine does not beat it clearly (`largestShareOfDense`).
  public init(
    for shape: ProblemShape, iterations: Int, machine: MachineProfile,
    availableMemory: ByteCount = ByteCount.available, hasAutomaticRate: Bool = true,
    remakesEngines: Bool = false,
    weights: (EngineKind) -> (form: HiddenWeights.Form, limitation: String?) = { _ in (.stored, nil) }
  ) {
    candidates = EngineKind.allCases.map { kind in
      let (form, weightsLimitation) = weights(kind)
      var shape = shape
      shape.isSeeded = form == .seeded
      var (memory, cost) = (
        kind.type.memory(for: shape).most, kind.type.predictedCost(for: shape, machine: machine)
      )
      if remakesEngines {
        memory = memory * 2 + GaussNewton.requiredMemory(points: shape.points, outputs: shape.outputs)
        cost = GaussNewton.predictedCost(for: shape, machine: machine, preprocessing: cost.preprocessing)
      }
      let verdict: Verdict =
        if let limitation = weightsLimitation ?? kind.type.limitation(for: shape) {
          .limited(limitation)
        } else {
          memory <= availableMemory ? .fits : .needsMoreMemory
        }
      return Candidate(
        kind: kind, memory: memory, cost: cost,
        setUp: SetUpCost(for: shape, machine: machine, hasAutomaticRate: hasAutomaticRate), verdict: verdict)
    }
    choice = Self.choice(among: candidates, iterations: iterations)
    self.iterations = iterations
    self.availableMemory = availableMemory
    firingShare = shape.firing.share
  }

  private static func choice(among candidates: [Candidate], iterations: Int) -> EngineKind? {
    let fitting = candidates.filter { $0.verdict == .fits }
    let total = { (candidate: Candidate) in candidate.total(iterations: iterations) }
    guard let fastest = fitting.min(by: { total($0) < total($1) }) else { return nil }
    guard let dense = fitting.first(where: { $0.kind == .dense }) else { return fastest.kind }
    return total(fastest) <= largestShareOfDense * total(dense) ? fastest.kind : .dense
  }

  /// The least predicted time of everything together, of those that fit; 0 when none does.
  public var shortestTotal: Double {
    candidates.filter { $0.verdict == .fits }.map { $0.total(iterations: iterations) }.min() ?? 0
  }

  /// What is predicted of `kind`.
  public subscript(kind: EngineKind) -> Candidate {
    guard let found = candidates.first(where: { $0.kind == kind }) else {
      preconditionFailure("a plan has every engine")
    }
    return found
  }

  /// The choice and why, in one line.
  public var reason: String {
    guard let choice else { return "engine: none fits: \(shortage)" }
    let chosen = self[choice].cost.step, dense = self[.dense]
    var parts = ["\(Self.seconds(chosen)) a step predicted"]
    if choice == .dense {
      parts += closest.map { [$0] } ?? []
    } else if dense.verdict == .fits {
      parts.append("dense \(Self.seconds(dense.cost.step))")
    } else {
      parts.append("dense does not fit")
    }
    return
      "engine: \(choice.rawValue) (\(parts.joined(separator: ", ")); \(Self.percent(firingShare)) of pairs fire)"
  }

  /// The fastest of the engines that fit besides `dense`.
  private var closest: String? {
    let total = { (candidate: Candidate) in candidate.total(iterations: iterations) }
    let others = candidates.filter { $0.kind != .dense && $0.verdict == .fits }
    guard let best = others.min(by: { total($0) < total($1) }) else { return nil }
    let text = "\(best.kind.rawValue) \(Self.seconds(best.cost.step))"
    return best.cost.step < self[.dense].cost.step ? text + " is not clearly faster in all" : text
  }

  /// Why no engine fits: the one that needs the least memory, or a limitation.
  private var shortage: String {
    let short = candidates.filter { $0.verdict == .needsMoreMemory }
    guard let least = short.min(by: { $0.memory < $1.memory }) else { return "every engine is limited" }
    return "\(least.kind.rawValue), which needs least, needs \(least.memory) of memory, "
      + "this machine has \(availableMemory) available"
  }

  /// Throws a usage error with the bytes needed when no engine fits; else returns the choice.
  public func requireChoice() throws(FireTreeError) -> EngineKind {
    guard let choice else { throw .usage("no engine fits: \(shortage)") }
    return choice
  }

  private static func seconds(_ value: Double) -> String { "\(DecimalText.twoDigits(value)) s" }
  private static func percent(_ share: Double) -> String { "\(DecimalText.twoDigits(100 * share))%" }
}

/// Numbers for messages, without a formatter.
enum DecimalText {
  /// A number of at least 0 with two significant digits, without an exponent: `0.031`, `1.2`, `44`, `12000`; below
  /// 1e-9 it is `0`.
  static func twoDigits(_ value: Double) -> String {
    guard value >= 1e-9 else { return "0" }
    guard value < 1e15 else { return "more than 1e15" }
    var (unit, places) = (1.0, 0)
    // Rounding may carry into a third digit: 9.96 is 10, not 10.0.
    while (value / unit).rounded() >= 100 { unit *= 10 }
    while places < 12, (value * tenTo(places + 1)).rounded() < 100 { places += 1 }
    guard places > 0 else { return "\(Int((value / unit).rounded()) * Int(unit))" }
    let scaled = Int((value * tenTo(places)).rounded())
    let digits = String(scaled % Int(tenTo(places)))
    return "\(scaled / Int(tenTo(places)))." + String(repeating: "0", count: places - digits.count) + digits
  }

  private static func tenTo(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { power, _ in 10 * power } }
}
