import CZlib
import FireTreeCore
import Glibc

/// The bytes of a file from the first to the last, decompressed when the file is gzip.
///
/// Every reader of data sets reads through this one type, so every format may come compressed. Corrupt and
/// truncated gzip data are errors, never an early end.
final class ByteStream {
  let path: String
  /// Size on disk, or nil for what has none (a pipe).
  let fileBytes: Int?
  let isCompressed: Bool

  private let file: gzFile
  private var buffer: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private var start = 0
  private var end = 0
  private var exhausted = false

  private static let initialCapacity = 1 << 18
  /// A row of text longer than this is refused: it is no row, and the memory for it may not exist.
  private static let longestLine = 1 << 30

  /// Opens a file.
  ///
  /// Throws a data error when it is missing, unreadable, a directory or empty, or named `.gz` without being
  /// gzip.
  init(path: String) throws(FireTreeError) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw .data(file: path, systemMessage(errno)) }
    let type = status.st_mode & S_IFMT
    guard type != S_IFDIR else { throw .data(file: path, "is a directory") }
    let isRegular = type == S_IFREG
    if isRegular && status.st_size == 0 { throw .data(file: path, "the file is empty") }
    guard let file = gzopen(path, "rbe") else { throw .data(file: path, systemMessage(errno)) }
    gzbuffer(file, 1 << 17)
    self.path = path
    self.file = file
    self.fileBytes = isRegular ? Int(status.st_size) : nil
    self.isCompressed = gzdirect(file) == 0
    self.capacity = Self.initialCapacity
    self.buffer = .allocate(capacity: Self.initialCapacity + 1)
    if path.hasSuffix(".gz") && !isCompressed { throw .data(file: path, "is not a gzip file") }
    if try peek().isEmpty { throw .data(file: path, "the file is empty") }
  }

  deinit {
    gzclose_r(file)
    buffer.deallocate()
  }

  /// The most bytes that the file can hold, decompressed, or nil where that is not known.
  ///
  /// Sizes that a header states are compared with this before anything is allocated for them. Deflate cannot
  /// compress by more than a factor of 1032.
  var largestPossibleCount: Int? {
    guard let fileBytes else { return nil }
    return isCompressed ? (ByteCount(fileBytes) * 1032).bytes : fileBytes
  }

  /// The bytes that come next, without consuming them; empty only at the end. At most 256 KiB.
  func peek() throws(FireTreeError) -> UnsafeBufferPointer<UInt8> {
    try fill()
    return UnsafeBufferPointer(start: buffer + start, count: end - start)
  }

  /// Consumes `count` bytes of what `peek` returned.
  func skip(_ count: Int) {
    precondition(count >= 0 && count <= end - start, "skipping more than was peeked")
    start += count
  }

  /// A block of bytes, consumed, valid until the next call; nil at the end.
  func nextBlock() throws(FireTreeError) -> UnsafeBufferPointer<UInt8>? {
    let block = try peek()
    start = end
    return block.isEmpty ? nil : block
  }

  /// Reads `count` bytes, or as many as there are, and returns their number.
  func read(_ count: Int, into target: UnsafeMutableRawPointer) throws(FireTreeError) -> Int {
    var done = min(count, end - start)
    target.copyMemory(from: buffer + start, byteCount: done)
    start += done
    while done < count && !exhausted {
      done += try readFile(into: target + done, count: count - done)
    }
    return done
  }

  /// The next `count` bytes as an array, fewer at the end. For headers: small counts only.
  func bytes(_ count: Int) throws(FireTreeError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    var failure: FireTreeError?
    var found = 0
    result.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      do throws(FireTreeError) { found = try read(count, into: base) } catch { failure = error }
    }
    if let failure { throw failure }
    return Array(result.prefix(found))
  }

  /// The next line without its line feed, consumed, valid until the next call; nil at the end.
  ///
  /// The byte after the line is in memory and is 0, so that C functions may read it as a string.
  func nextLine() throws(FireTreeError) -> UnsafeMutableBufferPointer<UInt8>? {
    var searched = 0
    while true {
      if let found = memchr(buffer + start + searched, 0x0A, end - start - searched) {
        let line = buffer + start
        let count = found - UnsafeMutableRawPointer(line)
        line[count] = 0
        start += count + 1
        return UnsafeMutableBufferPointer(start: line, count: count)
      }
      searched = end - start
      if exhausted {
        guard searched > 0 else { return nil }
        let line = UnsafeMutableBufferPointer(start: buffer + start, count: searched)
        buffer[end] = 0
        start = end
        return line
      }
      if searched == capacity { try grow() }
      try fill()
    }
  }

  // MARK: Filling

  private func grow() throws(FireTreeError) {
    guard capacity < Self.longestLine else {
      throw .data(file: path, "a row is longer than \(Self.longestLine) bytes")
    }
    if capacity >= 1 << 24 { try (ByteCount(capacity) * 2).requireAvailable(for: "a row of '\(path)'") }
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * capacity + 1)
    larger.update(from: buffer + start, count: end - start)
    buffer.deallocate()
    (buffer, capacity, start, end) = (larger, 2 * capacity, 0, end - start)
  }

  /// Moves what is left to the front and fills the buffer.
  private func fill() throws(FireTreeError) {
    if exhausted { return }
    if start > 0 {
      memmove(buffer, buffer + start, end - start)
      (start, end) = (0, end - start)
    }
    while end < capacity && !exhausted {
      end += try readFile(into: buffer + end, count: capacity - end)
    }
  }

  private func readFile(into target: UnsafeMutableRawPointer, count: Int) throws(FireTreeError) -> Int {
    let wanted = min(count, 1 << 30)
    let found = Int(gzread(file, target, UInt32(wanted)))
    if found == wanted { return found }
    var code: Int32 = 0
    _ = gzerror(file, &code)
    switch code {
    case Z_OK, Z_STREAM_END: break
    case Z_ERRNO: throw .data(file: path, systemMessage(errno))
    case Z_BUF_ERROR: throw .data(file: path, "the gzip data ends early")
    default: throw .data(file: path, "the gzip data is corrupt")
    }
    exhausted = true
    return max(found, 0)
  }
}
