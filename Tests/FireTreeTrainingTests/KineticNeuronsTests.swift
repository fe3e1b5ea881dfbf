import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

@Suite struct KineticNeuronsTests {
  /// What is kept of neurons, with points beside them, is what was kept, and copies go their own way.
  @Test(arguments: [false, true]) func linesKeepNeurons(usesVelocity: Bool) throws {
    var random = SeededGenerator(seed: 1)
    var neurons = try KineticNeurons(count: 9, usesVelocity: usesVelocity)
    let expected = (0..<9).map { k in
      let x = random.floats(8)
      var neuron = KineticNeuron()
      (neuron.path, neuron.driftDue, neuron.room) = (Double(x[0]), x[1], x[2])
      (neuron.stretch, neuron.skin, neuron.spread) = (x[3], x[4], x[5])
      (neuron.firing, neuron.support) = (UInt16(k), UInt16(2 * k))
      if usesVelocity { (neuron.decay, neuron.carry, neuron.residue) = (x[6], x[7], x[0]) }
      return neuron
    }
    let points = random.indices(16, below: 1000)
    let empty = neurons
    neurons.withView { view in
      for (k, neuron) in expected.enumerated() {
        view[k].keep(points)
        view[k].neuron = neuron
        view.countdowns[k].slack = Float(k)
      }
      for k in expected.indices {
        let kept = (0..<view.pointsAtHand).map { view[k].points[$0] }
        #expect(kept == Array(points.prefix(usesVelocity ? 10 : 16)))
      }
    }
    for (k, neuron) in expected.enumerated() {
      #expect("\(neurons[k].neuron)" == "\(neuron)" && neurons[k].countdown.slack == Float(k))
      #expect(empty[k].neuron.firing == 0 && empty[k].countdown.slack == -.infinity)
    }
  }
}
