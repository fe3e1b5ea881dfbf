import CorrelationTrees
import FireTreeCore

/// The planes of a candidate in kinetic training.
enum KineticPlane {
  /// s(t0), of the anchor.
  static let anchored = 0
  /// Where the neuron's clock may be when the candidate has to be computed again, and its reach (see `KineticStep`).
  static let limit = 1
  static let reach = 2
  /// Of the support: alpha without what Gamma adds to it while the point fires, and what the velocity differs by from
  /// that of a point that has fired all along, or else never.
  static let alpha = 3
  static let residue = 4

  static func count(usesVelocity: Bool) -> Int { usesVelocity ? 5 : 4 }
}

/// A neuron of kinetic training.
///
/// Of its list the candidates that fire come first, then the others that have fired since the anchor: these are its
/// support, all that have a coefficient.
struct KineticNeuron: Sendable {
  /// The neuron's clock: the lengths of its steps, as vectors of coefficients, added up since the anchor; never less than
  /// that. It stands at the step to which its countdown says it was moved; when that was set anew by a bound since, the
  /// clock is as far as the countdown says (`KineticStep.advance`).
  var path: Double = 0
  /// Where the clock may be before the drift has to be measured.
  var driftDue: Float = 0
  /// What the countdown was when the clock was moved, and how many times what that takes the clock may have gone.
  var room: Float = -.infinity
  var stretch: Float = 1
  var skin: Float = 0
  /// Candidates that fire; those with a coefficient.
  var firing: Int32 = 0
  var support: Int32 = 0
  /// sum of G_ij^2 over the support, twice.
  var spread: Float = 0
  /// With momentum, of the residues: how much of them is left, how far they have carried since they were set, and the
  /// length of the vector of them when they were.
  var decay: Float = 1
  var carry: Float = 0
  var residue: Float = 0

  /// The nearest float that is not above a value. A rounding rule as an argument would be compared by a call.
  @inline(__always)
  static func floatBelow(_ value: Double) -> Float {
    let near = Float(value)
    return Double(near) > value ? near.nextDown : near
  }
}

/// What says whether a neuron has to be looked at: all that is read of most neurons in a step. See `KineticStep.schedule` and
/// `StepHistory`.
struct KineticCountdown: Sendable {
  /// What was left of the room of the neuron's candidates when its clock was last moved or this was set anew.
  var slack: Float = -.infinity
  /// What one more step like the last would have taken of that at most.
  var taken: Float = 0
  /// That step, modulo 2^16, and the number of points on which the neuron fires.
  var moment: UInt16 = 0
  var firing: UInt16 = 0
}

/// All neurons, as shards write them.
struct KineticNeurons {
  let states: UnsafeMutablePointer<KineticNeuron>
  let countdowns: UnsafeMutablePointer<KineticCountdown>
}

/// Neurons whose skin is spent, between their last look and their new anchor.
struct RetiredNeurons: Sendable {
  struct Entry: Sendable {
    var neuron: Int32
    var firing: Int32
    var support: Int32
  }

  private(set) var entries: [Entry] = []
  /// The supports, one after the other, those that fired first; s - b and the velocity's coefficients.
  private(set) var points: [UInt16] = []
  private(set) var excess: [Float] = []
  private(set) var velocities: [Float] = []
  /// The next entry and where its points are, for whoever goes through them in order.
  private var next = (entry: 0, point: 0)

  /// `velocities` (support) is nil without momentum.
  mutating func append(
    neuron: Int, firing: Int, support: Int, points new: UnsafePointer<UInt16>,
    correlations: UnsafePointer<Float>, threshold: Float, velocities: UnsafePointer<Float>?
  ) {
    entries.append(Entry(neuron: Int32(neuron), firing: Int32(firing), support: Int32(support)))
    for k in 0..<support {
      points.append(new[k])
      excess.append(correlations[k] - threshold)
      if let velocities { self.velocities.append(velocities[k]) }
    }
  }

  /// The entry of `neuron` and where its points start, if it is the next.
  mutating func take(_ neuron: Int) -> (entry: Entry, start: Int)? {
    guard next.entry < entries.count, Int(entries[next.entry].neuron) == neuron else { return nil }
    let result = (entries[next.entry], next.point)
    next = (next.entry + 1, next.point + Int(result.0.support))
    return result
  }
}
