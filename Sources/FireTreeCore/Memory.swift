/// What is done where memory cannot be had.
public enum Memory {
  /// From this size on a request is compared with what is available; less is not worth the look.
  private static let lookedAt = ByteCount(32 << 20)
  /// Whether addresses are limited (RLIMIT_AS), so that each request may be the last.
  private static let isLimited = SystemLimits.addressSpace.bytes < .max
  /// Addresses that are left when a request is granted: for what is too small to be asked for, and for the stacks of
  /// threads, without which Dispatch would wait for ever.
  private static let reserve = ByteCount(isLimited ? 8 << 20 : 0) * (1 + min(Workers.all.threads, 16))

  /// Throws a usage error that names the bytes when they cannot be had, or are more than is available: a system that
  /// promises more than it has ends the process later.
  ///
  /// What grows with the data, the width or the classes is asked for here: by `AlignedBuffer`, and before arrays take it,
  /// for which Swift itself would end the process. Between the answer and the taking another thread may take it too; then
  /// Swift does. Complexity: O(1), some microseconds for large requests and where addresses are limited.
  public static func ask(for size: ByteCount) throws(FireTreeError) {
    guard isLimited || size >= lookedAt else { return }
    guard size < lookedAt || size <= .available, SystemLimits.hasAddresses(for: size + reserve) else {
      throw refusal(of: size)
    }
  }

  /// The same for `count` elements of a type.
  public static func ask<Element>(for count: Int, of type: Element.Type) throws(FireTreeError) {
    try ask(for: ByteCount(MemoryLayout<Element>.stride) * count)
  }

  static func refusal(of size: ByteCount) -> FireTreeError {
    let room = ByteCount(ByteCount.available.bytes - reserve.bytes)
    return .usage("no memory for \(size): this machine has \(room) available")
  }

  /// Ends the process where nobody can be told: by default with a fatal error. A program that wants another end sets it
  /// once, before it starts a thread.
  nonisolated(unsafe) public static var end: @Sendable (FireTreeError) -> Never = { fatalError("\($0)") }

  /// `value`, or the end of the process: for sizes that do not grow with the input, and in inner work that cannot
  /// throw. All else throws.
  public static func demand<Value>(_ value: @autoclosure () throws(FireTreeError) -> Value) -> Value {
    do throws(FireTreeError) { return try value() } catch { end(error) }
  }
}

// What is called `fixed` or `fix` is for work that cannot throw: without memory the process ends (`Memory.end`).
extension Array {
  /// `count` times `value`: the array to make where a size grows with the data, the width or the classes.
  ///
  /// Throws a usage error when there is no memory for it. Precondition: `count` is at least 0.
  package init(allocating count: Int, repeating value: Element) throws(FireTreeError) {
    try Memory.ask(for: count, of: Element.self)
    self.init(repeating: value, count: count)
  }

  /// A copy of a part. Throws a usage error when there is no memory for it.
  package init(copying part: ArraySlice<Element>) throws(FireTreeError) {
    try Memory.ask(for: part.count, of: Element.self)
    self.init(part)
  }

  package static func fixed(_ count: Int, repeating value: Element) -> Array {
    Memory.demand(try Array(allocating: count, repeating: value))
  }

  /// The elements of all parts, one after the other.
  package static func fixed(joining parts: some Collection<Array>) -> Array {
    var all: Array = []
    all.fixRoom(for: parts.reduce(0) { $0 + $1.count })
    for part in parts { all += part }
    return all
  }

  /// Makes sure that `count` elements more can be appended without another allocation. Precondition: nobody else holds the
  /// elements; else appending copies them, and asks nobody.
  ///
  /// Throws a usage error when there is no memory for them. Complexity: O(1), amortised over the elements appended.
  @inlinable @inline(__always)
  package mutating func makeRoom(for count: Int) throws(FireTreeError) {
    if capacity - self.count < count { try grow(by: count) }
  }

  @inlinable @inline(__always)
  package mutating func fixRoom(for count: Int) {
    if capacity - self.count < count { Memory.demand(try grow(by: count)) }
  }

  @inlinable @inline(never)
  package mutating func grow(by count: Int) throws(FireTreeError) {
    let (sum, isOverflow) = self.count.addingReportingOverflow(count)
    var room = isOverflow ? .max : Swift.max(sum, 2 * capacity)
    do throws(FireTreeError) {
      try Memory.ask(for: room, of: Element.self)
    } catch {
      // Twice the room may be too much where what is needed is not.
      guard room > sum else { throw error }
      try Memory.ask(for: sum, of: Element.self)
      room = sum
    }
    reserveCapacity(room)
  }
}
