/// What is done where memory cannot be had.
public enum Memory {
  /// From this size on a request is compared with what is available; less is not worth the look.
  private static let lookedAt = ByteCount(32 << 20)
  /// From this size on the system is asked; less comes out of what `reserve` leaves, and the C library takes it from what it
  /// has already.
  private static let asked = ByteCount(128 << 10)
  /// Addresses that are left when a request is granted: for all that is too small to be asked for, and for the stacks of
  /// threads, without which Dispatch would wait for ever.
  private static let reserve = ByteCount(8 << 20) * (1 + Workers.all.threads)

  /// Throws a usage error that names the bytes when they cannot be had, or are more than is available: a system that
  /// promises more than it has ends the process later.
  ///
  /// Every allocation that grows with the data, the width or the classes comes through here: those of `AlignedBuffer`, and
  /// those of arrays, which Swift itself would end the process for. Complexity: O(1), some microseconds.
  public static func ask(for size: ByteCount) throws(FireTreeError) {
    guard size >= asked else { return }
    guard size < lookedAt || size <= .available, SystemLimits.hasAddresses(for: size + reserve) else {
      throw refusal(of: size)
    }
  }

  static func refusal(of size: ByteCount) -> FireTreeError {
    .usage("no memory for \(size): this machine has \(ByteCount.available) available")
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

extension Array {
  /// `count` times `value`: the array to make where a size grows with the data, the width or the classes.
  ///
  /// Throws a usage error when there is no memory for it. Precondition: `count` is at least 0.
  public init(allocating count: Int, repeating value: Element) throws(FireTreeError) {
    try Memory.ask(for: ByteCount(MemoryLayout<Element>.stride) * count)
    self.init(repeating: value, count: count)
  }

  /// A copy of a part. Throws a usage error when there is no memory for it.
  public init(copying part: ArraySlice<Element>) throws(FireTreeError) {
    try Memory.ask(for: ByteCount(MemoryLayout<Element>.stride) * part.count)
    self.init(part)
  }

  /// The same in work that cannot throw. Without memory for it the process ends (`Memory.end`).
  public static func fixed(_ count: Int, repeating value: Element) -> Array {
    Memory.demand(try Array(allocating: count, repeating: value))
  }

  /// Makes sure that `count` elements more can be appended without asking anybody, as `append` itself would end the process.
  ///
  /// Throws a usage error when there is no memory for them. Complexity: O(1), amortised over the elements appended.
  @inlinable @inline(__always)
  public mutating func makeRoom(for count: Int) throws(FireTreeError) {
    if capacity - self.count < count { try grow(by: count) }
  }

  /// The same in work that cannot throw. Without memory for it the process ends (`Memory.end`).
  @inlinable @inline(__always)
  public mutating func fixRoom(for count: Int) {
    if capacity - self.count < count { Memory.demand(try grow(by: count)) }
  }

  @inlinable @inline(never)
  mutating func grow(by count: Int) throws(FireTreeError) {
    let (sum, isOverflow) = self.count.addingReportingOverflow(count)
    let room = isOverflow ? .max : Swift.max(sum, 2 * capacity)
    try Memory.ask(for: ByteCount(MemoryLayout<Element>.stride) * room)
    reserveCapacity(room)
  }
}
