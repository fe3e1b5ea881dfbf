/// What is done where memory cannot be had.
public enum Memory {
  /// From this size on a request is compared with what is available; less is not worth the look.
  private static let lookedAt = ByteCount(32 << 20)

  static func isAvailable(_ size: ByteCount) -> Bool { size < lookedAt || size <= .available }

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
