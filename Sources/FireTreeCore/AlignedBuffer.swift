#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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

  /// Precondition: the memory can be had. Plan large allocations with `ByteCount` first.
  public init(count: Int) {
    precondition(count >= 0, "a buffer cannot have \(count) elements")
    let size = count * MemoryLayout<Float>.stride
    let alignment = size >= Self.hugePage ? Self.hugePage : Self.alignment
    guard let allocation = calloc(size + alignment, 1) else {
      preconditionFailure("no memory for a buffer of \(size) bytes")
    }
    self.allocation = allocation
    let start = allocation.alignedUp(toMultipleOf: alignment)
    #if os(Linux)
      // Rows of weights and of Gram matrices are visited at random; large pages spare most of the address
      // translation.
      if size >= Self.hugePage { madvise(start, size, Int32(MADV_HUGEPAGE)) }
    #endif
    self.base = start.bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  deinit { free(allocation) }

  public func copy() -> AlignedBuffer {
    let other = AlignedBuffer(count: count)
    other.base.update(from: base, count: count)
    return other
  }
}
