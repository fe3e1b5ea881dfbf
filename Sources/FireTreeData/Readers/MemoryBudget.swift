import FireTreeCore

/// Looks now and then at the memory that is left while a reader's data grow, so that a file too large ends in one line
/// and not in a killed process.
struct MemoryBudget {
  private let path: String
  /// What the reader may hold, or nil for as much as there is.
  private let limit: ByteCount?
  private let interval: Int
  private var nextLook: Int

  init(path: String, limit: ByteCount?) {
    self.path = path
    self.limit = limit
    interval = min(1 << 24, max(1, (limit ?? ByteCount(.max)).bytes / 8))
    nextLook = interval
  }

  init(_ request: ReadRequest, path: String? = nil) {
    self.init(path: path ?? request.path, limit: request.options.memory)
  }

  /// Throws a usage error when `coming` bytes more than the `held` ones do not fit.
  @inline(__always)
  mutating func check(held: Int, coming: Int, row: Int) throws(FireTreeError) {
    if held >= nextLook { try look(held: held, coming: coming, row: row) }
  }

  private mutating func look(held: Int, coming: Int, row: Int) throws(FireTreeError) {
    nextLook = held + interval
    let available = limit.map { ByteCount($0.bytes - held) } ?? .available
    guard ByteCount(coming) > available else { return }
    throw FireTreeError(
      .usage, file: path, row: row,
      "the data up to here need \(ByteCount(held) + ByteCount(coming)) of memory, of \(ByteCount(held) + available) "
        + "that are available; use fewer points")
  }
}
