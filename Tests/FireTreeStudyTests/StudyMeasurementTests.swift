import FireTree
import FireTreeStudy
import TestSupport
import Testing

@Suite struct StudyMeasurementTests {
  private let workers = Workers(threads: 2)
  private var settings: StudySettings { StudySettings(size: .smoke, seed: 7, workers: workers) }

  @Test func everyEngineIsMeasuredAndCompared() throws {
    let instance = StudyInstance(points: 9, dimension: 6, neurons: 200, settings)
    let budget = EngineMeasurement.Budget(steps: 3, seconds: 10, predictedSeconds: 10)
    let found = try EngineMeasurement.all(instance, budget: budget, workers: workers)
    #expect(found.map(\.kind) == EngineKind.allCases)
    for one in found {
      #expect(one.reason == nil && one.preprocessing > 0 && one.step > 0 && one.steps == 3)
      #expect(one.audit.compared == 9 * 200 && one.audit.firing > 0 && one.audit.missed == 0)
      #expect(one.fields.count == EngineMeasurement.columns.count)
      #expect(one.firingShare == found[0].firingShare)
    }
  }

  @Test func whatWouldTakeTooLongIsLeftOut() throws {
    let instance = StudyInstance(points: 4, dimension: 3, neurons: 20, settings)
    let budget = EngineMeasurement.Budget(steps: 1, seconds: 1, predictedSeconds: 0)
    let found = try EngineMeasurement(.dense, instance, rate: 0.1, budget: budget, workers: workers)
    #expect(found.reason == "predicted to take too long" && found.audit.compared == 0)
    #expect(found.fields.prefix(4) == ["dense", "predicted to take too long", "", ""])
  }

  /// Unit vectors and labels that are functions of seed and place alone.
  @Test func instances() throws {
    let one = StudyInstance(points: 5, dimension: 7, neurons: 10, settings)
    let more = StudyInstance(points: 9, dimension: 7, neurons: 10, settings)
    #expect(try more.points[0..<5] == one.points)
    #expect(try more.targets.rows(0..<5) == one.targets)
    #expect(one.points.norms().allSatisfy { abs($0 - 1) < 1e-6 })
    #expect((0..<5).allSatisfy { abs(one.targets[$0, 0]) == 1 })
    let data = StudyData(
      name: "d", points: .dense(Matrix([[1], [2], [3]])), targets: Matrix([[4], [5], [6]]))
    let ofData = StudyInstance(
      points: 2, dimension: 9, neurons: 10, StudySettings(size: .smoke, workers: workers, data: data))
    #expect(ofData.points == .dense(Matrix([[1], [2]])) && ofData.targets == Matrix([[4], [5]]))
    let settings = StudySettings(size: .smoke, data: data)
    #expect(settings.points([1, 3, 9]) == [1, 3] && settings.points([7]) == [3])
  }

  @Test(arguments: DetectorKind.allCases) func everyDetectorIsMeasuredAndCompared(kind: DetectorKind) throws {
    let instance = DetectionInstance.training(
      neurons: 40, points: 40, dimension: 9, share: 0.05, seed: 1, workers: workers)
    let found = try DetectorTiming(
      kind, weights: instance.weights, changed: instance.movedWeights, points: .dense(instance.points),
      bound: instance.bound, workers: workers)
    #expect(found.comparison.compared == 2 * 40 * 40 && found.comparison.firing > 0)
    #expect(found.build > 0 && found.query > 0 && found.update > 0 && found.counts.pairsReported > 0)
    #expect(found.fields.count == DetectorTiming.columns.count)
  }

  /// Every detector gives the answers of `LinearScan` on hard and on training instances, or `DetectorTiming` throws.
  @Test(arguments: HardnessStudy.Name.allCases) func hardInstances(name: HardnessStudy.Name) throws {
    let instance = HardnessStudy.instance(name, vectors: 300, factor: 3, seed: 1)
    #expect(name == .training ? instance.moved.count > 250 : instance.moved.count == 300)
    for kind in DetectorKind.allCases {
      let found = try DetectorTiming(
        kind, weights: instance.weights, changed: instance.movedWeights, points: .dense(instance.points),
        bound: instance.bound, workers: workers)
      let reported = found.counts.pairsReported
      switch name {
      case .noPair: #expect(reported == 0, "\(kind)")
      case .planted: #expect(reported == 1, "\(kind)")
      case .training: #expect(reported > 500, "\(kind)")
      }
      #expect(found.comparison.compared == 180_000 && found.counts.nodesVisited > 0, "\(kind)")
    }
  }

  /// A pair that is left out, one that is invented, and one on the bound.
  @Test func differencesAreSeen() {
    let weights = Matrix([[1, 0], [0, 1]]), points = DataPoints.dense(Matrix([[0.5, 0.25], [0.75, 1]]))
    func compare(_ pairs: [(Int, Int, Float)], bound: Float) -> FiringAudit {
      var shard = FiringSet.Shard()
      for neuron in 0..<2 {
        for pair in pairs where pair.0 == neuron { shard.append(point: pair.1, correlation: pair.2) }
        shard.endRow(of: neuron)
      }
      return FiringAudit(
        of: FiringSet(shards: [shard]), neurons: 2, points: points, threshold: bound.nextDown,
        workers: workers
      ) { neurons, body in weights.withView { body($0.rows(neurons)) } }
    }
    let right = compare([(0, 0, 0.5), (0, 1, 0.75), (1, 1, 1)], bound: 0.4)
    #expect(
      right.compared == 4 && right.firing == 3 && right.missed == 0 && right.extra == 0 && right.ties == 0)
    let missing = compare([(0, 0, 0.5), (1, 1, 1)], bound: 0.4)
    #expect(missing.missed == 1 && missing.extra == 0)
    let invented = compare([(0, 0, 0.5), (0, 1, 0.75), (1, 0, 0.25), (1, 1, 1)], bound: 0.4)
    #expect(invented.missed == 0 && invented.extra == 1)
    // 0.5 reaches 0.5; without it, it is a tie.
    let tied = compare([(0, 1, 0.75), (1, 1, 1)], bound: 0.5)
    #expect(tied.missed == 0 && tied.ties == 1 && tied.firing == 3)
    // Equally a pair just below the bound that was reported.
    let above = compare([(0, 0, 0.5), (0, 1, 0.75), (1, 1, 1)], bound: Float(0.5).nextUp)
    #expect(above.extra == 0 && above.ties == 1 && above.firing == 2)
  }
}
