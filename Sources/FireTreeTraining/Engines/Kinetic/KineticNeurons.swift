import FireTreeCore

/// A neuron of kinetic training.
///
/// Of its list the candidates that fire come first, then the others that have fired since the anchor: these are its
/// support, all that have a coefficient.
package struct KineticNeuron: Sendable {
  /// The neuron's clock: the lengths of its steps, as vectors of coefficients, added up since the anchor; never less than
  /// that. It stands at the step to which its countdown says it was moved; when that was set anew by a bound since, the
  /// clock is as far as the countdown says (`KineticStep.advance`).
  package var path: Double = 0
  /// Where the clock may be before the drift has to be measured.
  package var driftDue: Float = 0
  /// What the countdown was when the clock was moved, and how many times what that takes the clock may have gone.
  package var room: Float = -.infinity
  package var stretch: Float = 1
  package var skin: Float = 0
  /// sum of G_ij^2 over the support, twice.
  package var spread: Float = 0
  /// Candidates that fire; those with a coefficient.
  package var firing: UInt16 = 0
  package var support: UInt16 = 0
  /// With momentum, of the residues: how much of them is left, how far they have carried since they were set, and the
  /// length of the vector of them when they were.
  package var decay: Float = 1
  package var carry: Float = 0
  package var residue: Float = 0

  package init() {}

  /// The nearest float that is not above a value. A rounding rule as an argument would be compared by a call.
  @inline(__always)
  static func floatBelow(_ value: Double) -> Float {
    let near = Float(value)
    return Double(near) > value ? near.nextDown : near
  }
}

/// What says whether a neuron has to be looked at. See `KineticStep.schedule` and `StepHistory`.
package typealias KineticCountdown = Kernels.Countdown

/// All neurons, and their countdowns.
///
/// A neuron is a cache line: what is known of it, and the first of the points on which it fires, so that moving its clock
/// reads nothing else. Lists lie far apart, and most of what reading one takes is to find its page.
package struct KineticNeurons: Sendable {
  private var lines: AlignedBuffer
  private var countdowns: [KineticCountdown]
  private let usesVelocity: Bool

  /// Neurons that are to be anchored.
  ///
  /// Throws a usage error when there is no memory for them.
  package init(count: Int, usesVelocity: Bool) throws(FireTreeError) {
    precondition(
      MemoryLayout<KineticNeuron>.offset(of: \.decay) == Line.still
        && MemoryLayout<KineticNeuron>.size == Line.moving, "a neuron is kept as it is")
    lines = try AlignedBuffer(count: count * Line.size / MemoryLayout<Float>.stride)
    let late = KineticCountdown(slack: -.infinity, taken: 0, moment: 0, firing: 0)
    countdowns = try [KineticCountdown](allocating: count, repeating: late)
    self.usesVelocity = usesVelocity
  }

  /// The neurons in borrowed memory.
  package struct View {
    fileprivate let lines: UnsafeMutableRawPointer
    fileprivate let usesVelocity: Bool
    package let countdowns: UnsafeMutablePointer<KineticCountdown>

    @inline(__always)
    package subscript(neuron: Int) -> Line {
      Line(start: lines + neuron * Line.size, usesVelocity: usesVelocity)
    }

    /// How many points there is room for in a neuron's line.
    package var pointsAtHand: Int { (Line.size - (usesVelocity ? Line.moving : Line.still)) / 2 }

    /// Asks for a neuron that is about to be read.
    @inline(__always)
    package func prefetch(_ neuron: Int) {
      Kernels.prefetch((lines + neuron * Line.size).assumingMemoryBound(to: UInt8.self), count: Line.size)
    }
  }

  /// One neuron.
  package struct Line {
    fileprivate let start: UnsafeMutableRawPointer
    fileprivate let usesVelocity: Bool

    fileprivate static let size = 64
    /// Bytes of a `KineticNeuron`: without momentum, without what there is of it.
    fileprivate static let still = 32
    fileprivate static let moving = 44

    @inline(__always)
    package var neuron: KineticNeuron {
      get {
        var result = KineticNeuron()
        withUnsafeMutablePointer(to: &result) {
          let target = UnsafeMutableRawPointer($0)
          if usesVelocity {
            target.copyMemory(from: start, byteCount: Self.moving)
          } else {
            target.copyMemory(from: start, byteCount: Self.still)
          }
        }
        return result
      }
      nonmutating set {
        withUnsafePointer(to: newValue) {
          if usesVelocity {
            start.copyMemory(from: $0, byteCount: Self.moving)
          } else {
            start.copyMemory(from: $0, byteCount: Self.still)
          }
        }
      }
    }

    /// The first points of the list, `View.pointsAtHand`.
    @inline(__always)
    package var points: UnsafePointer<UInt16> {
      UnsafePointer((start + (usesVelocity ? Self.moving : Self.still)).assumingMemoryBound(to: UInt16.self))
    }

    /// Copies as many points as there is room for from a list, of which that many can be read.
    @inline(__always)
    package func keep(_ points: UnsafePointer<UInt16>) {
      let first = usesVelocity ? Self.moving : Self.still
      (start + first).copyMemory(from: points, byteCount: Self.size - first)
    }
  }

  package mutating func withView<Result>(_ body: (View) -> Result) -> Result {
    if !isKnownUniquelyReferenced(&lines) { lines = Memory.demand(try lines.copy()) }
    let (start, usesVelocity) = (UnsafeMutableRawPointer(lines.base), usesVelocity)
    return withExtendedLifetime(lines) {
      countdowns.withUnsafeMutableBufferPointer { countdowns in
        guard let countdowns = countdowns.baseAddress else { preconditionFailure("a network has neurons") }
        return body(View(lines: start, usesVelocity: usesVelocity, countdowns: countdowns))
      }
    }
  }

  /// A neuron and its countdown, to read.
  package subscript(neuron: Int) -> (neuron: KineticNeuron, countdown: KineticCountdown) {
    precondition(countdowns.indices.contains(neuron), "neuron \(neuron) of \(countdowns.count)")
    let line = Line(
      start: UnsafeMutableRawPointer(lines.base) + neuron * Line.size, usesVelocity: usesVelocity)
    return withExtendedLifetime(lines) { (line.neuron, countdowns[neuron]) }
  }
}
