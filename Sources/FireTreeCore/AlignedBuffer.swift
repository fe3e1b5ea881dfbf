import Glibc

/// Zeroed floats on a 64-byte boundary, the storage of matrices and trees.
///
/// The memory comes from `calloc`, so that large buffers are untouched zero pages until they are written: the
/// first writer, which is usually the thread that will use a part, also places it.
///
/// Reference semantics: the owner is a value type that copies on write.
public final class AlignedBuffer: @unchecked Sendable {
  // Unchecked because the pointer is only written through an owner that holds the buffer uniquely.
  public let base: UnsafeMutablePointer<Float>
  /// Number of floats.
  public let count: Int
  private let allocation: UnsafeMutableRawPointer

  static let alignment = 64
  /// Large pages, and the size from which on a buffer starts on one.
  private static let hugePage = 2 << 20

  /// The way to memory that grows with the data, the width or the classes.
  ///
  /// Throws a usage error when there is no memory for them (`Memory.ask`). Precondition: `count` is at least 0.
  public init(count: Int) throws(FireTreeError) {
    precondition(count >= 0, "a buffer cannot have \(count) elements")
    let size = ByteCount(MemoryLayout<Float>.stride) * count
    let alignment = size.bytes >= Self.hugePage ? Self.hugePage : Self.alignment
    let total = size + ByteCount(alignment)
    try Memory.ask(for: size)
    guard let allocation = calloc(total.bytes, 1) else { throw Memory.refusal(of: size) }
    self.allocation = allocation
    let start = allocation.alignedUp(toMultipleOf: alignment)
    // Rows of weights and of Gram matrices are visited at random; large pages spare most of the address translation.
    if size.bytes >= Self.hugePage { madvise(start, size.bytes, Int32(MADV_HUGEPAGE)) }
    self.base = start.bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  /// A buffer inside work that cannot throw. Without memory for it the process ends (`Memory.end`).
  public static func fixed(count: Int) -> AlignedBuffer { Memory.demand(try AlignedBuffer(count: count)) }

  deinit { free(allocation) }

  /// Throws a usage error when there is no memory for it.
  public func copy() throws(FireTreeError) -> AlignedBuffer {
    let other = try AlignedBuffer(count: count)
    other.base.update(from: base, count: count)
    return other
  }
}
