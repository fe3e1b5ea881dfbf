/// Who trains a network together: members that hold all data points and some of the neurons each.
///
/// What is summed over neurons is summed in integers (`sum`), so that its bits depend neither on the threads of a member
/// nor on the number of members.
public protocol Team: Sendable {
  /// The threads of this member.
  var workers: Workers { get }

  /// Adds up over all members, in place; every member ends with the same values. Sums wrap around.
  func sum(_ values: UnsafeMutableBufferPointer<Int64>)

  /// The largest value of all members.
  func largest(_ value: Float) -> Float
}

/// A team of one: every neuron is here.
public struct LocalTeam: Team, Equatable {
  public let workers: Workers

  public init(workers: Workers = .all) { self.workers = workers }

  public func sum(_ values: UnsafeMutableBufferPointer<Int64>) {}
  public func largest(_ value: Float) -> Float { value }
}
