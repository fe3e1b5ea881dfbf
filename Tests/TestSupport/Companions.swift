import CorrelationTrees
import FireTreeCore
import FireTreeTraining

/// Two trainings side by side, each along gradients of its own outputs.
///
/// As long as both fire on the same pairs they differ by rounding alone. A pair within rounding of the threshold (a tie)
/// may fall on either side of it, and from there on they are two trainings. The comparison ends there, or goes on when
/// they are made one again.
public struct Companions: Sendable {
  /// A pair that fires in one alone after a step before which both had fired on the same pairs.
  public struct Parting: Sendable {
    public var step: Int
    /// The smaller |s - b| of before and after the step, since what an engine computes again for its gradient may be
    /// rounded differently.
    public var excess: Double
    /// sum |w_j x_j| + |b|, and its number of terms other than 0.
    public var magnitude: Double
    public var terms: Int

    /// Whether the pair is within rounding of the threshold: with k roundings of mean zero the computed s is off by more
    /// than 5 sqrt(k) u sum |w_j x_j| with a probability of 2 exp(-25 / 2) (Higham and Mary 2019). An engine may round
    /// `more` often than there are terms.
    public func isTie(more: Int = 0) -> Bool {
      excess <= 5 * Double(terms + more).squareRoot() * 0x1p-24 * magnitude
    }
  }

  /// Steps before and after which both fired on the same pairs.
  public private(set) var together = 0
  /// The largest relative difference of losses after those steps.
  public private(set) var largestDifference = 0.0
  public private(set) var partings: [Parting] = []

  /// Trains both for `steps`; `body(step, loss)` is called after each with the loss of `engine`. `reunite` makes them fire on
  /// the same pairs again, as far as a tie lets it; without it the first parting is the end.
  public init(
    _ engine: inout Trainee, beside other: inout Trainee, targets: Matrix, steps: Int,
    _ body: (Int, Double, Trainee) -> Void = { _, _, _ in },
    reuniting reunite: ((inout Trainee, inout Trainee) -> Void)? = nil
  ) {
    var areTogether = true
    for step in 1...steps {
      let before = engine.network
      engine.step(towards: targets)
      other.step(towards: targets)
      let (value, expected) = (engine.loss(targets), other.loss(targets))
      body(step, value, engine)
      if areTogether {
        let pairs = Self.differences(engine, other)
        areTogether = pairs.isEmpty
        partings += pairs.map { Self.parting($0, step, [before, engine.network], engine.points) }
        if areTogether {
          together += 1
          largestDifference = max(largestDifference, abs(value - expected) / expected)
        }
      }
      guard !areTogether, let reunite else { continue }
      reunite(&engine, &other)
      areTogether = Self.differences(engine, other).isEmpty
    }
  }

  /// The pairs of neuron and point that fire in one alone. The dense engine computes its pairs again when it is asked for
  /// them, with other roundings: when but the numbers differ, the pair next to the threshold is the one.
  private static func differences(_ a: Trainee, _ b: Trainee) -> [SIMD2<Int>] {
    var (pairs, others): (Set<SIMD2<Int>>, [SIMD2<Int>]) = ([], [])
    a.firingSet.forEachPair { neuron, point, _ in pairs.insert(SIMD2(neuron, point)) }
    b.firingSet.forEachPair { neuron, point, _ in
      if pairs.remove(SIMD2(neuron, point)) == nil { others.append(SIMD2(neuron, point)) }
    }
    others += pairs
    guard others.isEmpty, a.firingPairs != b.firingPairs else { return others }
    var (nearest, distance) = (SIMD2(0, 0), Float.infinity)
    let (network, threshold) = (a.network, a.network.threshold)
    FiringSet(scanning: network.weights, points: a.points, atLeast: threshold - 1e-3, workers: .all)
      .forEachPair { neuron, point, s in
        if abs(s - threshold) < distance { (nearest, distance) = (SIMD2(neuron, point), abs(s - threshold)) }
      }
    return [nearest]
  }

  private static func parting(
    _ pair: SIMD2<Int>, _ step: Int, _ networks: [Network], _ points: DataPoints
  ) -> Parting {
    let b = Double(networks[0].threshold)
    let x = points.plainRows[pair.y]
    var result = Parting(step: step, excess: .infinity, magnitude: 0, terms: x.count { $0 != 0 })
    for network in networks {
      let products = zip(network.hiddenWeights.row(pair.x), x).map { Double($0.0) * $0.1 }
      result.excess = min(result.excess, abs(products.reduce(-b, +)))
      result.magnitude = max(result.magnitude, products.reduce(abs(b)) { $0 + abs($1) })
    }
    return result
  }
}
