import FireTreeCore

/// Working memory of one shard for what is done with a neuron's candidates, for up to n points.
package struct CandidateWorkspace {
  /// Points as rows and columns of G, and as rows of X.
  package let rows: UnsafeMutablePointer<UInt16>
  package let columns: UnsafeMutablePointer<UInt16>
  package let positions: UnsafeMutablePointer<UInt16>
  /// For `sorted` alone, whose callers may be at work with the others.
  private let order: UnsafeMutablePointer<UInt16>
  package let terms: UnsafeMutablePointer<UInt32>
  package let coefficients: UnsafeMutablePointer<Float>
  package let changes: UnsafeMutablePointer<Float>
  package let steps: UnsafeMutablePointer<Float>

  package static func with<Result>(points: Int, _ body: (CandidateWorkspace) -> Result) -> Result {
    let room = points + 16
    return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 4 * room) { short in
      withUnsafeTemporaryAllocation(of: UInt32.self, capacity: room) { terms in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * room) { floats in
          guard let short = short.baseAddress, let terms = terms.baseAddress, let floats = floats.baseAddress
          else { preconditionFailure("working memory has an address") }
          return body(
            CandidateWorkspace(
              rows: short, columns: short + room, positions: short + 2 * room, order: short + 3 * room,
              terms: terms,
              coefficients: floats, changes: floats + room, steps: floats + 2 * room))
        }
      }
    }
  }

  /// The places of `count` points, ascending by point, in memory of its own.
  ///
  /// Complexity: O(count) where they ascend already, O(count^2) for few, O(count log count) else.
  func sorted(_ points: UnsafePointer<UInt16>, count: Int) -> UnsafePointer<UInt16> {
    guard count <= 64 else {
      for place in 0..<count { order[place] = UInt16(place) }
      var places = UnsafeMutableBufferPointer(start: order, count: count)
      places.sort { points[Int($0)] < points[Int($1)] }
      return UnsafePointer(order)
    }
    for place in 0..<count {
      var slot = place
      while slot > 0, points[Int(order[slot - 1])] > points[place] {
        order[slot] = order[slot - 1]
        slot -= 1
      }
      order[slot] = UInt16(place)
    }
    return UnsafePointer(order)
  }
}
