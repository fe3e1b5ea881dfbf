import FireTreeCore

/// What one step did.
public struct StepReport: Sendable, Equatable {
  /// Pairs that contributed to the gradient.
  public var firingPairs: Int
  /// Neurons whose weights changed.
  public var neuronsMoved: Int
  public var counts: Counters
  public var phases: PhaseTimes

  public init(
    firingPairs: Int, neuronsMoved: Int, counts: Counters = [:],
    phases: PhaseTimes = PhaseTimes()
  ) {
    self.firingPairs = firingPairs
    self.neuronsMoved = neuronsMoved
    self.counts = counts
    self.phases = phases
  }
}

/// Wall-clock seconds by phase of a step, in the order in which phases first occurred.
public struct PhaseTimes: Sendable, Equatable {
  public private(set) var seconds: [(phase: String, seconds: Double)] = []

  public init() {}

  /// Runs `body` and adds its time to `phase`.
  public mutating func measure<Result, Failure: Error>(
    _ phase: String, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let (clock, start) = (ContinuousClock(), ContinuousClock().now)
    let result = try body()
    add((clock.now - start).seconds, to: phase)
    return result
  }

  /// The seconds of a phase, 0 of one that did not occur.
  public subscript(phase: String) -> Double { seconds.first { $0.phase == phase }?.seconds ?? 0 }

  public mutating func add(_ time: Double, to phase: String) {
    if let index = seconds.firstIndex(where: { $0.phase == phase }) {
      seconds[index].seconds += time
    } else {
      seconds.append((phase, time))
    }
  }

  public static func == (a: PhaseTimes, b: PhaseTimes) -> Bool {
    a.seconds.elementsEqual(b.seconds) { $0 == $1 }
  }
}

extension Duration {
  /// The duration in seconds.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
