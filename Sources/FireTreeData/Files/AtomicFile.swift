import FireTreeCore
import Synchronization
import Glibc

/// An output file that appears under its name only when it is complete.
///
///     let file = try AtomicFile(path: "predictions.csv")
///     try file.write("prediction\n")
///     try file.commit()
///
/// Bytes go, buffered, to a file without a name in the same folder, which `commit` links under a temporary name and
/// renames. Without a commit, even when the process is killed, nothing remains and whatever had the name before
/// stays. Where the system has no files without a name, the temporary name is there from the start and is removed
/// with the value. A path that names a device or a pipe is written directly. Not for use from several threads at
/// once.
public final class AtomicFile {
  public let path: String
  /// What is renamed to: `path`, symbolic links followed.
  private let destination: String
  /// What is renamed to `destination`; nil when the path is written directly.
  private let temporary: String?
  /// Whether the file has still to be linked under the name `temporary`.
  private let isNameless: Bool
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  private static let bufferCapacity = 1 << 20
  private static let serial = Atomic<Int>(0)

  /// Throws a failure when the folder cannot be written, or when the path is a directory or cannot be a name.
  public init(path: String) throws(FireTreeError) {
    guard !path.isEmpty else { throw FireTreeError(.failure, "cannot write: the file name is empty") }
    var status = stat()
    let exists = stat(path, &status) == 0
    guard exists || errno == ENOENT else {
      throw FireTreeError(.failure, file: path, "cannot write: \(systemMessage(errno))")
    }
    let type = status.st_mode & S_IFMT
    if exists && type == S_IFDIR {
      throw FireTreeError(.failure, file: path, "cannot write: it is a directory")
    }
    let isDirect = exists && type != S_IFREG
    var resolved = path
    if exists, let real = realpath(path, nil) {
      resolved = String(cString: real)
      free(real)
    }
    let folder = resolved.lastIndex(of: "/").map { String(resolved[...$0]) } ?? ""
    let number = Self.serial.wrappingAdd(1, ordering: .relaxed).newValue
    let temporary = isDirect ? nil : "\(folder).firetree-\(getpid())-\(number).tmp"
    let flags = O_WRONLY | O_CLOEXEC | (isDirect ? 0 : O_CREAT | O_EXCL)
    let nameless = isDirect ? nil : Self.openNameless(inFolder: folder)
    let descriptor = nameless ?? open(temporary ?? path, flags, 0o666)
    guard descriptor >= 0 else {
      throw FireTreeError(.failure, file: path, "cannot write: \(systemMessage(errno))")
    }
    self.path = path
    self.destination = resolved
    self.temporary = temporary
    self.isNameless = nameless != nil
    self.descriptor = descriptor
    buffer.reserveCapacity(Self.bufferCapacity)
  }

  deinit { discard() }

  /// A file that no folder lists and that goes with its descriptor, or nil where there are none.
  private static func openNameless(inFolder folder: String) -> Int32? {
    // O_TMPFILE, which Swift does not import. The file is linked later by its name under /proc.
    let nameless: Int32 = 0o20000000 | O_DIRECTORY
    guard access("/proc/self/fd", X_OK) == 0 else { return nil }
    let descriptor = open(folder.isEmpty ? "." : folder, O_WRONLY | O_CLOEXEC | nameless, 0o666)
    return descriptor >= 0 ? descriptor : nil
  }

  private func link(to name: String) throws(FireTreeError) {
    let source = "/proc/self/fd/\(descriptor)"
    guard linkat(AT_FDCWD, source, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 else { throw failure() }
  }

  /// Throws a failure when `path` could not be written, and leaves everything as it is.
  ///
  /// For programs that compute for long before they write.
  public static func requireWritable(_ path: String) throws(FireTreeError) {
    try AtomicFile(path: path).discard()
  }

  /// Throws a failure when the disk is full.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(FireTreeError) {
    if buffer.count + bytes.count > Self.bufferCapacity {
      try flush()
      if bytes.count >= Self.bufferCapacity { return try writeThrough(bytes) }
    }
    buffer.append(contentsOf: bytes)
  }

  /// Appends text as UTF-8. Throws a failure when the disk is full.
  public func write(_ text: String) throws(FireTreeError) {
    var failure: FireTreeError?
    var text = text
    text.withUTF8 { bytes in
      do throws(FireTreeError) { try write(UnsafeRawBufferPointer(bytes)) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Gives the file its name. Nothing can be written after that.
  ///
  /// Throws a failure when the last bytes cannot be stored; the name then keeps what it had.
  public func commit() throws(FireTreeError) {
    precondition(descriptor >= 0, "the file is committed already")
    try flush()
    // Some file systems tell of a full disk only now.
    if temporary != nil && fsync(descriptor) != 0 { throw failure() }
    if let temporary, isNameless { try link(to: temporary) }
    let closed = close(descriptor)
    descriptor = -1
    guard let temporary else { return }
    if closed != 0 || rename(temporary, destination) != 0 {
      let error = failure()
      unlink(temporary)
      throw error
    }
  }

  private func discard() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    if let temporary, !isNameless { unlink(temporary) }
  }

  private func flush() throws(FireTreeError) {
    var failure: FireTreeError?
    buffer.withUnsafeBytes { bytes in
      do throws(FireTreeError) { try writeThrough(bytes) } catch { failure = error }
    }
    buffer.removeAll(keepingCapacity: true)
    if let failure { throw failure }
  }

  private func writeThrough(_ bytes: UnsafeRawBufferPointer) throws(FireTreeError) {
    precondition(descriptor >= 0, "the file is committed already")
    var rest = bytes
    while let base = rest.baseAddress, rest.count > 0 {
      let written = posixWrite(descriptor, base, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw failure()
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  private func failure() -> FireTreeError {
    FireTreeError(.failure, file: path, "cannot write: \(systemMessage(errno))")
  }
}

/// `write(2)`, by a name that the methods above do not hide.
private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
