import FireTreeCore

/// Working memory of one shard for what is done with a neuron's candidates, for up to n points.
package struct CandidateWorkspace {
  /// Points as rows and columns of G, and as rows of X.
  package let rows: UnsafeMutablePointer<UInt16>
  package let columns: UnsafeMutablePointer<UInt16>
  package let positions: UnsafeMutablePointer<UInt16>
  package let terms: UnsafeMutablePointer<UInt32>
  package let coefficients: UnsafeMutablePointer<Float>
  package let changes: UnsafeMutablePointer<Float>
  package let steps: UnsafeMutablePointer<Float>

  package static func with<Result>(points: Int, _ body: (CandidateWorkspace) -> Result) -> Result {
    let room = points + 16
    return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 3 * room) { short in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { terms in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * room) { floats in
          guard let short = short.baseAddress, let terms = terms.baseAddress, let floats = floats.baseAddress
          else { preconditionFailure("working memory has an address") }
          return body(
            CandidateWorkspace(
              rows: short, columns: short + room, positions: short + 2 * room, terms: terms,
              coefficients: floats, changes: floats + room, steps: floats + 2 * room))
        }
      }
    }
  }
}
