/// A number of bytes that cannot overflow: sums and products saturate.
///
/// What an engine needs is computed with this before anything is allocated, from sizes that a user typed.
public struct ByteCount: Sendable, Comparable, CustomStringConvertible {
  public let bytes: Int

  public init(_ bytes: Int) { self.bytes = max(bytes, 0) }

  /// The storage of a `Matrix` of this shape.
  public static func matrix(rows: Int, columns: Int) -> ByteCount {
    columns > Int.max / 64
      ? ByteCount(.max)
      : ByteCount(MemoryLayout<Float>.stride) * rows * Matrix.stride(columns: columns)
  }

  public static func + (a: ByteCount, b: ByteCount) -> ByteCount {
    let (sum, overflow) = a.bytes.addingReportingOverflow(b.bytes)
    return ByteCount(overflow ? .max : sum)
  }

  public static func * (a: ByteCount, factor: Int) -> ByteCount {
    let (product, overflow) = a.bytes.multipliedReportingOverflow(by: max(factor, 0))
    return ByteCount(overflow ? .max : product)
  }

  public static func < (a: ByteCount, b: ByteCount) -> Bool { a.bytes < b.bytes }

  /// `512 bytes`, `3.14 GB (3136000000 bytes)`.
  public var description: String {
    if bytes == .max { return "more than \(Int.max) bytes" }
    guard bytes >= 1_000_000 else { return "\(bytes) bytes" }
    let (unit, name) = bytes >= 1_000_000_000 ? (1_000_000_000, "GB") : (1_000_000, "MB")
    let (hundredths, whole) = (bytes % unit * 100 / unit, bytes / unit)
    return "\(whole).\(hundredths < 10 ? "0" : "")\(hundredths) \(name) (\(bytes) bytes)"
  }

  /// The memory that this process can be given now, without swapping: what is free, or less where a control group or
  /// `ulimit -v` allows less.
  public static var available: ByteCount { SystemLimits().memory }

  /// Throws a usage error that names the bytes needed when they are more than `available`.
  public func requireAvailable(
    for what: String, available: ByteCount = ByteCount.available
  ) throws(FireTreeError) {
    guard self <= available else {
      throw .usage("\(what) needs \(self) of memory, this machine has \(available) available")
    }
  }
}
