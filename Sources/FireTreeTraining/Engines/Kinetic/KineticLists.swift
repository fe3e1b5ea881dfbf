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

/// A neuron of kinetic training.
///
/// Of its list the watched candidates come first, then the others that fire, then those that have fired since the anchor:
/// all these are its support. The rest follow by how near they are to firing. Watched candidates hover at the threshold;
/// they are computed in every step, so that the neuron need not be looked at whenever one of them may change state.
struct KineticNeuron: Sendable {
  var skin: Float = SkinModel.initial
  /// |w_r(t0)|.
  var weightNorm: Float = 0
  /// Candidates that fire and are not watched; those with a coefficient.
  var firing: Int32 = 0
  var support: Int32 = 0
  /// Watched candidates, and a bit for each that fires.
  var watched: UInt8 = 0
  var watchedFiring: UInt8 = 0

  static let mostWatched = 4

  /// Whether a position of the list is that of a candidate that fires.
  @inline(__always)
  func fires(at position: Int) -> Bool {
    position < Int(watched)
      ? watchedFiring >> UInt8(position) & 1 == 1 : position < Int(watched) + Int(firing)
  }

  /// Number of points on which the neuron fires.
  var firingCount: Int { Int(firing) + watchedFiring.nonzeroBitCount }
}

/// When each neuron has to be looked at again: see `KineticClock`.
struct KineticHands: Sendable {
  /// The step in which the neuron was looked at, as the clock's slot, and its number of firing points, as a class; the
  /// highest bit says that it has watched candidates.
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
