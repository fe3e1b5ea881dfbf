import CorrelationTrees
import FireTreeCore

/// The planes of a candidate in kinetic training: s(t0), of the anchor; alpha since then, and what velocity is left from
/// before the neuron's last change, both of points that have fired since.
enum KineticPlane {
  static let anchored = 0
  static let alpha = 1
  static let residue = 2

  static func count(usesVelocity: Bool) -> Int { usesVelocity ? 3 : 2 }
}

/// A neuron of kinetic training. Of its list the points that fire come first, then those that have fired since the
/// anchor: its support. The others follow by how near they are to firing.
struct KineticNeuron: Sendable {
  var skin: Float = SkinModel.initial
  /// |w_r(t0)|.
  var weightNorm: Float = 0
  var firing: Int32 = 0
  var support: Int32 = 0
}

/// When each neuron has to be looked at again: see `KineticClock`.
struct KineticHands: Sendable {
  /// The step in which the neuron was looked at, as the clock's slot, and its number of firing points, as a class.
  var bins: [UInt16]
  /// The greatest age that it may reach, in steps, and the largest error that it bears until then.
  var deadlines: [UInt8]
  var reserves: [Float]

  init(neurons: Int) {
    bins = [UInt16](repeating: 0, count: neurons)
    deadlines = [UInt8](repeating: .max, count: neurons)
    reserves = [Float](repeating: .infinity, count: neurons)
  }

  /// Access from shards: each touches the neurons of its own.
  struct View {
    let bins: UnsafeMutablePointer<UInt16>
    let deadlines: UnsafeMutablePointer<UInt8>
    let reserves: UnsafeMutablePointer<Float>
  }

  mutating func withView<Result>(_ body: (View) -> Result) -> Result {
    bins.withUnsafeMutableBufferPointer { bins in
      deadlines.withUnsafeMutableBufferPointer { deadlines in
        reserves.withUnsafeMutableBufferPointer { reserves in
          guard let bins = bins.baseAddress, let deadlines = deadlines.baseAddress,
            let reserves = reserves.baseAddress
          else { preconditionFailure("a network has neurons") }
          return body(View(bins: bins, deadlines: deadlines, reserves: reserves))
        }
      }
    }
  }
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

  mutating func append(
    neuron: Int, firing: Int, support: Int, points new: UnsafePointer<UInt16>,
    correlations: UnsafePointer<SIMD4<Float>>, threshold: Float, velocities: UnsafePointer<SIMD4<Float>>?
  ) {
    entries.append(Entry(neuron: Int32(neuron), firing: Int32(firing), support: Int32(support)))
    for k in 0..<support {
      points.append(new[k])
      excess.append(correlations[k].x - threshold)
      if let velocities { self.velocities.append(velocities[k].x) }
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
