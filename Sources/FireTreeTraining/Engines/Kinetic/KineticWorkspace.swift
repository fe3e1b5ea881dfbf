import FireTreeCore

/// Working memory of one shard, for up to n points.
struct KineticWorkspace {
  let terms: GramWorkspace
  /// What Gamma adds to the coefficients of points that fire.
  let shares: UnsafeMutablePointer<Float>
  /// Coefficients of the last step.
  let heading: UnsafeMutablePointer<Float>
  /// Coefficients of the velocity.
  let velocity: UnsafeMutablePointer<Float>
  /// Correlations of the candidates that a look computes, or of the support.
  let values: UnsafeMutablePointer<Float>
  /// Points that stay, cease and begin to fire.
  let staying: UnsafeMutablePointer<UInt16>
  let ceasing: UnsafeMutablePointer<UInt16>
  let beginning: UnsafeMutablePointer<UInt16>
  let corrections: UnsafeMutablePointer<PatternChanges.Correction>

  static func with<Result>(points: Int, _ body: (KineticWorkspace) -> Result?) -> Result? {
    let room = points + 16
    return GramWorkspace.with(points: points) { terms in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 4 * room) { floats in
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 3 * room) { short in
          withUnsafeTemporaryAllocation(of: PatternChanges.Correction.self, capacity: 2 * room) {
            corrections in
            guard let floats = floats.baseAddress, let short = short.baseAddress,
              let corrections = corrections.baseAddress
            else { return nil }
            return body(
              KineticWorkspace(
                terms: terms, shares: floats, heading: floats + room, velocity: floats + 2 * room,
                values: floats + 3 * room,
                staying: short, ceasing: short + room, beginning: short + 2 * room, corrections: corrections))
          }
        }
      }
    }
  }
}
