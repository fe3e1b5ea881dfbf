import CorrelationTrees
import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// The audit must see what a broken detector does.
@Suite struct FiringAuditTests {
  /// A detector that loses every pair of one neuron and invents one pair.
  struct Faulty: FiringDetector {
    private var scan: LinearScan
    init(weights: Matrix, points: DataPoints, workers: Workers) {
      scan = Memory.demand(try LinearScan(weights: weights, points: points, workers: workers))
    }
    var points: DataPoints { scan.points }
    var neuronCount: Int { scan.neuronCount }
    var memoryBytes: Int { scan.memoryBytes }
    static func requiredMemory(neurons: Int, points: Int, dimension: Int) -> ByteCount {
      LinearScan.requiredMemory(neurons: neurons, points: points, dimension: dimension)
    }
    func correlation(neuron: Int, point: Int) -> Float { scan.correlation(neuron: neuron, point: point) }
    mutating func update(_ neuron: Int, to weights: [Float]) -> OperationCounts {
      scan.update(neuron, to: weights)
    }
    mutating func update(_ neurons: [Int32], from weights: Matrix, workers: Workers) -> OperationCounts {
      scan.update(neurons, from: weights, workers: workers)
    }
    mutating func replacePoint(
      _ index: Int, with point: [Float], weights: Matrix, workers: Workers
    ) -> OperationCounts { scan.replacePoint(index, with: point, weights: weights, workers: workers) }
    func points(of neuron: Int, atLeast bound: Float) -> FiringList {
      scan.points(of: neuron, atLeast: bound)
    }
    func neurons(of point: Int, atLeast bound: Float) -> FiringList {
      scan.neurons(of: point, atLeast: bound)
    }
    func firingSet(atLeast bound: Float, workers: Workers) -> (set: FiringSet, counts: OperationCounts) {
      var (set, counts) = scan.firingSet(atLeast: bound, workers: workers)
      var shard = set.shards[0]
      let lost = shard.offsets[1]
      shard.points.replaceSubrange(0..<lost, with: [0])
      shard.correlations.replaceSubrange(0..<lost, with: [9])
      shard.neurons[0] = 1
      shard.offsets = shard.offsets.enumerated().map { $0.offset == 0 ? 0 : $0.element - lost + 1 }
      set.shards[0] = shard
      return (set, counts)
    }
    func _checkInvariants() {}
  }

  @Test func missedAndInventedPairsAreCounted() {
    // Neuron 0 fires on both points, neuron 1 on none, neuron 2 on the second alone, exactly at rounding's edge.
    let network = Network(
      hiddenWeights: Matrix([[2, 2], [0, 0], [0, Float(1).nextUp]]), outputWeights: Matrix([[1], [1], [1]]),
      threshold: 1)
    let points = DataPoints.dense(Matrix([[1, 0], [0, 1]]))
    var audit = TreeEngine<LinearScan>.make(network, points, rate: 0).audit()
    #expect((audit.compared, audit.firing, audit.missed, audit.extra, audit.ties) == (6, 3, 0, 0, 0))
    let faulty = TreeEngine<Faulty>.make(network, points, rate: 0)
    audit = faulty.audit()
    #expect((audit.compared, audit.firing, audit.missed, audit.extra, audit.ties) == (6, 3, 2, 1, 0))
  }

  /// An audit counts what it compares: parts that an engine does not return, or returns in the wrong place, end it.
  @Test func partsThatAreMissingEndTheAudit() async {
    await #expect(processExitsWith: .failure) {
      _ = FiringAudit(
        of: FiringSet(shards: []), neurons: 3, points: .dense(Matrix([[1]])), threshold: 0.5,
        workers: Workers(threads: 1)
      ) { neurons, body in Matrix([[1], [1], [1]]).withView { body($0.rows(neurons)) } }
    }
    await #expect(processExitsWith: .failure) {
      var stray = FiringSet.Shard()
      stray.append(point: 0, correlation: 1)
      stray.endRow(of: 7)
      _ = FiringAudit(
        of: FiringSet(shards: [stray]), neurons: 3, points: .dense(Matrix([[1]])), threshold: 0.5,
        workers: Workers(threads: 1)
      ) { neurons, body in Matrix([[1], [1], [1]]).withView { body($0.rows(neurons)) } }
    }
  }
}
