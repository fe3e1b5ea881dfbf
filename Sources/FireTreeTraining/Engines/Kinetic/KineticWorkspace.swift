import FireTreeCore

/// Working memory of one shard, for up to n points.
///
/// A quad belongs to a coefficient or to a candidate: alpha or s; what it moves by with the clock's P, with its Q, and
/// with the carry of velocities.
struct KineticWorkspace {
  let terms: GramWorkspace
  /// Coefficients of the support; correlations of candidates; coefficients of the velocity, in the first lane.
  let quads: UnsafeMutablePointer<SIMD4<Float>>
  let values: UnsafeMutablePointer<SIMD4<Float>>
  let velocity: UnsafeMutablePointer<SIMD4<Float>>
  /// Margins at the clock's ages (16), and what is asked of them.
  let margins: UnsafeMutablePointer<Float>
  let floors: UnsafeMutablePointer<Float>
  /// For how many ages candidates last.
  let lives: UnsafeMutablePointer<UInt8>

  static func with<Result>(points: Int, _ body: (KineticWorkspace) -> Result?) -> Result? {
    let room = points + 16
    return GramWorkspace.with(points: points) { terms in
      withUnsafeTemporaryAllocation(byteCount: 49 * room + 128, alignment: 64) { memory in
        guard let base = memory.baseAddress else { return nil }
        let margins = base.bindMemory(to: Float.self, capacity: 32)
        let quads = (base + 128).bindMemory(to: SIMD4<Float>.self, capacity: 3 * room)
        quads.initialize(repeating: .zero, count: 3 * room)
        return body(
          KineticWorkspace(
            terms: terms, quads: quads, values: quads + room, velocity: quads + 2 * room, margins: margins,
            floors: margins + 16, lives: (base + 128 + 48 * room).assumingMemoryBound(to: UInt8.self)))
      }
    }
  }
}
