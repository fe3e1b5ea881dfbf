import Glibc
import Synchronization

extension LinearAlgebra {
  /// Addresses that OpenBLAS takes for each product that runs beside others; it keeps them.
  private static let workspace = ByteCount(128 << 20)
  /// For how many products they have been taken.
  private static let reserved = Mutex(0)

  /// Takes what products on all `workers` at once need, where addresses are limited (RLIMIT_AS): OpenBLAS would wait for
  /// ever for what it does not get. To be called before work on so many workers.
  ///
  /// Throws a usage error when there is not that much. Complexity: O(1) without a limit.
  public static func reserve(for workers: Workers) throws(FireTreeError) {
    guard SystemLimits.addressSpace.bytes < .max else { return }
    let missing = max(0, workers.threads - reserved.withLock { $0 })
    let needed = workspace * missing
    guard SystemLimits.hasAddresses(for: needed) else {
      throw .usage(
        "products on \(workers.threads) threads at once need \(needed) of addresses more, which the limit of the process "
          + "does not leave: fewer threads need less")
    }
    // Functions of OpenBLAS that its header does not name. All are taken before any is given back to its store.
    guard missing > 0, let allocate = dlsym(nil, "blas_memory_alloc"),
      let free = dlsym(nil, "blas_memory_free")
    else { return }
    typealias Allocate = @convention(c) (Int32) -> UnsafeMutableRawPointer?
    typealias Free = @convention(c) (UnsafeMutableRawPointer?) -> Void
    let buffers = (0..<workers.threads).map { _ in unsafeBitCast(allocate, to: Allocate.self)(0) }
    for buffer in buffers { unsafeBitCast(free, to: Free.self)(buffer) }
    reserved.withLock { $0 = max($0, workers.threads) }
  }
}
