import FireTree

let a = CommandLine.arguments
let kind = EngineKind(rawValue: a[1])!, n = Int(a[2])!, m = Int(a[3])!, d = Int(a[4])!, steps = Int(a[5])!
let mu = a.count > 6 ? Float(a[6])! : 0
var x = Matrix(rows: n, columns: d)
let g = CounterGenerator(seed: 7, stream: 9)
x.withMutableView { x in for i in 0..<n { 
 g.normals(row: i, into: x.row(i), count: d)
 let s = LinearAlgebra.dot(x.row(i), x.row(i), count: d).squareRoot()
 for j in 0..<d { x.row(i)[j] /= s } } }
var y = Matrix(rows: n, columns: 10)
for i in 0..<n { y[i, i % 10] = 1 }
let points = DataPoints.dense(x)
let clock = ContinuousClock()
var t = clock.now
let network = Network(neurons: m, dimension: d, outputs: 10, threshold: Network.paperThreshold(neurons: m), seed: 1)
print("init", (clock.now - t).seconds); t = clock.now
var engine: any TrainingEngine = kind.type.init(network: network, points: points, optimizer: GradientDescent(learningRate: 0, momentum: .none), workers: .all)
print("engine", (clock.now - t).seconds); t = clock.now
let lambda = TangentKernel(network: network, points: points, firing: engine.firingSet, workers: .all).largestEigenvalue()
print("lambda", lambda, (clock.now - t).seconds); t = clock.now
engine.optimizer = GradientDescent(learningRate: Float(1/lambda), momentum: mu == 0 ? .none : .nesterov(mu))
final class Printer: TrainingObserver {
  func observe(_ r: TrainingRecord, engine: any TrainingEngine) throws {
    print(r.iteration, r.loss, r.firingShare, r.seconds ?? 0, r.step?.neuronsMoved ?? 0, r.step?.phases.seconds.map { "\($0.phase) \($0.seconds)" } ?? "", r.step?.counts as Any)
  }
}
_ = try TrainingLoop(iterations: steps).run(&engine, targets: y, observers: [Printer()])
if a.count > 7 { print(FiringAudit(of: engine, workers: .all)) }
