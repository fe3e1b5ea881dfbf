import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// The choice of an engine, on a machine that is written down: a function of sizes alone.
@Suite struct EnginePlanTests {
  /// Two cores at 2e11 flops a second.
  static let machine = MachineProfile(
    correlationRate: 170e9, accumulationRate: 180e9, pointRate: 36e9, groupRate: 55e9, markSeconds: 0.25e-9,
    gatherSeconds: 1e-9, pairSeconds: 4e-9, elementSeconds: 0.5e-9, bandwidth: 50e9, regionSeconds: 2e-6)

  static func shape(
    _ points: Int, _ dimension: Int, _ neurons: Int, firing: FiringProfile, stored: Int? = nil,
    velocity: Bool = false
  ) -> ProblemShape {
    ProblemShape(
      points: points, dimension: dimension, neurons: neurons, outputs: 10, usesVelocity: velocity,
      storedElements: stored ?? points * dimension, firing: firing)
  }

  static func plan(
    _ shape: ProblemShape, iterations: Int = 60, memory: ByteCount = ByteCount(1 << 40)
  ) -> EnginePlan {
    EnginePlan(for: shape, iterations: iterations, machine: machine, availableMemory: memory)
  }

  private static func independent(
    _ points: Int, _ dimension: Int, _ neurons: Int, share: Double, stored: Int? = nil
  ) -> ProblemShape {
    shape(
      points, dimension, neurons, firing: FiringProfile(independent: share, points: points), stored: stored)
  }

  // MARK: The table

  /// Few points: almost nothing of a dense step is needed, by either way of avoiding it.
  @Test(arguments: [1, 4, 16, 64], [10_000, 1_000_000]) func fewPointsAndManyNeurons(
    points: Int, neurons: Int
  ) {
    let plan = Self.plan(Self.independent(points, 784, neurons, share: 0.01))
    #expect(plan.choice != .dense)
    let chosen = plan.choice.map { plan[$0].cost.step } ?? .infinity
    #expect(chosen < plan[.dense].cost.step / 2)
    #expect(plan[.weightTree].cost.step < plan[.dense].cost.step)
  }

  /// Half of all pairs fire: work pair by pair is slower than a matrix product.
  @Test(arguments: [200, 1000, 8000], [500, 20_000]) func muchFires(points: Int, neurons: Int) {
    #expect(Self.plan(Self.independent(points, 784, neurons, share: 0.5)).choice == .dense)
  }

  /// The same share, but all of it on the same points: the square of k_r counts.
  @Test func clustersCostTheGramEngine() {
    let spread = Self.independent(8000, 784, 5000, share: 0.03)
    var clustered = spread
    clustered.firing.squaredShare = 0.02
    let (a, b) = (Self.plan(spread), Self.plan(clustered))
    #expect(b[.gram].cost.step > 5 * a[.gram].cost.step)
    #expect(b[.dense] == a[.dense])
    #expect(b.choice != .gram)
  }

  /// Sparse points make products cheap; what is done for every pair stays.
  @Test func sparsePoints() {
    let dense = Self.independent(1000, 10_000, 2000, share: 0.03)
    let sparse = Self.independent(1000, 10_000, 2000, share: 0.03, stored: 60_000)
    for kind in EngineKind.allCases {
      #expect(Self.plan(sparse)[kind].cost.step < Self.plan(dense)[kind].cost.step / 2, "\(kind)")
    }
  }

  /// An engine with costly preprocessing needs steps to pay for it.
  @Test func withoutStepsNothingBeatsDenseByItsSteps() {
    let shape = Self.independent(1000, 784, 20_000, share: 0.02)
    #expect(Self.plan(shape, iterations: 0).choice == .dense)
    #expect(Self.plan(shape, iterations: 1000).choice != .dense)
  }

  // MARK: Memory

  @Test func whatDoesNotFitIsNotTaken() throws {
    let shape = Self.independent(16, 784, 100_000, share: 0.01)
    let all = Self.plan(shape)
    let chosen = try #require(all.choice)
    #expect(chosen != .dense && all.candidates.allSatisfy { $0.verdict == .fits })
    let dense = DenseEngine.memory(for: shape).most
    let least = Self.plan(shape, memory: dense)
    #expect(least.choice == .dense && least[.dense].verdict == .fits)
    #expect(least[chosen].verdict == .needsMoreMemory && least[chosen].memory == all[chosen].memory)
    let none = Self.plan(shape, memory: ByteCount(dense.bytes - 1))
    #expect(none.choice == nil)
    let error = #expect(throws: FireTreeError.self) { try none.requireChoice() }
    #expect(error?.kind == .usage)
    #expect(
      error?.reason == "no engine fits: dense, which needs least, needs \(dense) of memory, "
        + "this machine has \(ByteCount(dense.bytes - 1)) available")
    #expect(none.reason.hasPrefix("engine: none fits: dense, which needs least, needs \(dense)"))
  }

  /// A limitation of an engine is its verdict, in its words.
  @Test func moreThan16BitsOfPoints() throws {
    let shape = Self.independent(70_000, 20, 100, share: 0.01)
    let limitation = try #require(GramEngine.limitation(for: shape))
    let plan = Self.plan(shape)
    #expect(plan[.gram].verdict == .limited(limitation) && plan.choice != .gram && plan.choice != nil)
    #expect(plan[.weights].verdict == .fits)
  }

  // MARK: What holds at every size

  @Test(arguments: [1, 2, 3, 16, 256, 10_000, 60_000], [1, 2, 10, 784, 50_000])
  func costsAreFinite(points: Int, dimension: Int) {
    for neurons in [1, 2, 17, 5000, 10_000_000] {
      for share in [0, 1e-4, 0.05, 0.5, 0.99] {
        for stored in [nil, max(1, points * dimension / 100)] {
          let plan = Self.plan(Self.independent(points, dimension, neurons, share: share, stored: stored))
          for (step, preprocessing) in plan.candidates.map({ ($0.cost.step, $0.cost.preprocessing) }) {
            #expect(
              step > 0 && step.isFinite && preprocessing >= 0 && preprocessing.isFinite,
              "n \(points), d \(dimension), m \(neurons), share \(share)")
          }
        }
      }
    }
  }

  /// An engine that is taken in place of dense does less than half of dense's work, as counted in real steps.
  @Test(arguments: [4, 40, 200], [(20, 4000), (200, 4000), (200, 500)])
  func theChoiceWorksLessThanDense(points: Int, sizes: (dimension: Int, neurons: Int)) throws {
    var random = SeededGenerator(seed: UInt64(points))
    let x = DataPoints.dense(random.unitRows(points, columns: sizes.dimension))
    let targets = random.matrix(rows: points, columns: 2)
    for share in [0.002, 0.02, 0.1, 0.3] {
      let threshold = Float(NormalDistribution.threshold(firingShare: share, norms: x.norms()))
      let network = try Network(
        neurons: sizes.neurons, dimension: sizes.dimension, outputs: 2, threshold: threshold, seed: 1)
      let shape = ProblemShape(
        points: x, neurons: sizes.neurons, outputs: 2, usesVelocity: false,
        firing: FiringProfile(points: x, threshold: threshold, neurons: sizes.neurons, workers: .all))
      let choice = try Self.plan(shape).requireChoice()
      let (own, dense) = (work(choice, network, x, targets), work(.dense, network, x, targets))
      #expect(choice == .dense || own < dense / 2, "\(choice), share \(share): \(own) of \(dense)")
    }
  }

  /// Multiply-adds, and nodes and candidates looked at or written, of the first pass and ten steps: d for an inner product
  /// and for each pair of the gradient. In Gram space a neuron that fires on k points takes k^2 instead of k d.
  private func work(
    _ kind: EngineKind, _ network: Network, _ points: DataPoints, _ targets: Matrix
  ) -> Double {
    var engine = kind.make(network, points, rate: 0.1)
    let d = points.dimension
    var work = network.neuronCount * points.count * d
    for _ in 0..<10 {
      let counts = engine.step(towards: targets).counts
      work += counts[.innerProducts] * d + counts[.nodesVisited] + counts[.nodesWritten]
      work += counts[.candidatesComputed] + counts[.neuronsLookedAt] + counts[.pairsChanged]
      work +=
        kind == .gram || kind == .kinetic
        ? engine.firingLists.reduce(0) { $0 + $1.count * $1.count } : engine.firingPairs * d
    }
    return Double(work)
  }

  /// Widths that nobody can allocate are planned without a trap, and so is nothing at all.
  @Test func absurdSizes() {
    for size in [Int.max, Int.max / 2, 1 << 40] {
      let plan = Self.plan(
        Self.shape(
          1 << 24, 1 << 24, size, firing: FiringProfile(independent: 0.01, points: 1 << 24), stored: 1 << 40,
          velocity: true), iterations: .max)
      #expect(plan.choice == nil && plan.reason.hasPrefix("engine: none fits"))
    }
    #expect(Self.plan(Self.shape(0, 0, 0, firing: .silent), iterations: -1).reason.hasPrefix("engine: "))
  }

  // MARK: Words

  @Test func theReasonNamesWhatItIsFor() throws {
    let few = Self.plan(Self.independent(16, 784, 100_000, share: 0.0125))
    let chosen = try #require(few.choice?.rawValue)
    #expect(few.reason.hasPrefix("engine: \(chosen) (0.00"))
    #expect(
      few.reason.contains(/\ s a step predicted, dense 0\.0[0-9]+ s; 1\.[23]% of pairs fire\)$/),
      "\(few.reason)")
    let much = Self.plan(Self.independent(1000, 784, 20_000, share: 0.5))
    #expect(
      much.reason.contains(
        /^engine: dense \(0\.[0-9]+ s a step predicted, [a-z-]+ [0-9.]+ s; 50% of pairs fire\)$/),
      "\(much.reason)")
    #expect(!few.reason.contains("\n"))
  }

  @Test func kindsAreFoundByTheirEngines() throws {
    let network = try Network(neurons: 3, dimension: 2, outputs: 1, threshold: 0, seed: 1)
    let points = DataPoints.dense(Matrix([[1, 0]]))
    for kind in EngineKind.allCases {
      #expect(EngineKind(of: kind.make(network, points, rate: 0).engine) == kind)
    }
  }
}
