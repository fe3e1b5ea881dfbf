import CorrelationTrees
import FireTreeCore

/// Working memory of one shard, for up to n points.
struct KineticWorkspace {
  let terms: CandidateWorkspace
  /// What Gamma adds to the coefficients of points that fire.
  let shares: UnsafeMutablePointer<Float>
  /// Coefficients of the last step, or what they have turned by.
  let heading: UnsafeMutablePointer<Float>
  /// Coefficients of the velocity.
  let velocity: UnsafeMutablePointer<Float>
  /// Correlations of the candidates that a look computes, or of the support.
  let values: UnsafeMutablePointer<Float>
  /// How fast the heading moves these correlations.
  let speeds: UnsafeMutablePointer<Float>
  /// Where the candidates are that a look has computed, after it has changed the pattern.
  let places: UnsafeMutablePointer<UInt16>
  /// Where those are that the next look will compute.
  let nextPositions: UnsafeMutablePointer<UInt16>
  /// Points that stay, cease and begin to fire; those that have ceased and begun together when the new pace is found.
  let staying: UnsafeMutablePointer<UInt16>
  let ceasing: UnsafeMutablePointer<UInt16>
  let beginning: UnsafeMutablePointer<UInt16>
  let corrections: UnsafeMutablePointer<PatternChanges.Correction>

  static func with<Result>(points: Int, _ body: (KineticWorkspace) -> Result) -> Result {
    let room = points + 16
    return CandidateWorkspace.with(points: points) { terms in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 5 * room) { floats in
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 5 * room) { short in
          withUnsafeTemporaryAllocation(of: PatternChanges.Correction.self, capacity: 2 * room) {
            corrections in
            guard let floats = floats.baseAddress, let short = short.baseAddress,
              let corrections = corrections.baseAddress
            else { preconditionFailure("working memory has an address") }
            return body(
              KineticWorkspace(
                terms: terms, shares: floats, heading: floats + room, velocity: floats + 2 * room,
                values: floats + 3 * room, speeds: floats + 4 * room, places: short + 3 * room,
                nextPositions: short + 4 * room,
                staying: short, ceasing: short + room, beginning: short + 2 * room, corrections: corrections))
          }
        }
      }
    }
  }
}
