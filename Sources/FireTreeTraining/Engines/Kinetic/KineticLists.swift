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

/// Neurons whose skin is spent, between their last look and their new anchor.
struct RetiredNeurons: Sendable {
  struct Entry: Sendable {
    var neuron: Int32
    var firing: UInt16
    var support: UInt16
    /// That of the new anchor.
    var skin: Float
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
    _ state: KineticNeuron, neuron: Int, skin: Float, points new: UnsafePointer<UInt16>,
    correlations: UnsafePointer<Float>, threshold: Float, velocities: UnsafePointer<Float>?
  ) {
    let support = Int(state.support)
    entries.fixRoom(for: 1)
    points.fixRoom(for: support)
    excess.fixRoom(for: support)
    if velocities != nil { self.velocities.fixRoom(for: support) }
    entries.append(
      Entry(neuron: Int32(neuron), firing: state.firing, support: state.support, skin: skin))
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
