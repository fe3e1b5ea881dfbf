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
  private static let pageSize = 4096
  private static let hugePageThreshold = 16 << 20

  /// Precondition: the memory can be had. Plan large allocations with `ByteCount` first.
  public init(count: Int) {
    precondition(count >= 0, "a buffer cannot have \(count) elements")
    let bytes = count * MemoryLayout<Float>.stride + Self.alignment
    guard let allocation = calloc(bytes, 1) else {
      preconditionFailure("no memory for a buffer of \(bytes) bytes")
    }
    self.allocation = allocation
    #if os(Linux)
      // Rows of a wide network are visited at random; large pages spare most of the address translation.
      if bytes >= Self.hugePageThreshold {
        let start = allocation.alignedUp(toMultipleOf: Self.pageSize)
        madvise(start, bytes - (start - allocation), Int32(MADV_HUGEPAGE))
      }
    #endif
    self.base = allocation.alignedUp(toMultipleOf: Self.alignment)
      .bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  deinit { free(allocation) }

  public func copy() -> AlignedBuffer {
    let other = AlignedBuffer(count: count)
    other.base.update(from: base, count: count)
    return other
  }
}
