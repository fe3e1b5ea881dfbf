import FireTreeCore
import Glibc

/// An output file that appears under its name only when it is complete.
///
///     let file = try AtomicFile(path: "predictions.csv")
///     try file.write("prediction\n")
///     try file.commit()
///
/// Bytes go, buffered, to a file without a name in the same folder, which `commit` links under a temporary name and
/// renames. Without a commit, even when the process is killed, nothing remains and whatever had the name before
/// stays. A file that is replaced leaves its mode and, where that is permitted, its owner to the new one. Where the
/// system has no files without a name, the temporary name is there from the start and is removed with the value. A path
/// that names a device or a pipe is written directly. Not for use from several threads at once.
public final class AtomicFile {
  public let path: String
  /// What is renamed to: `path`, symbolic links followed.
  private let destination: String
  /// Where `destination` is, with a slash at the end; empty for the current folder.
  private let folder: String
  /// What is renamed to `destination`, once it has a name.
  private var temporary: String?
  private let isDirect: Bool
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  private static let bufferCapacity = 1 << 20

  /// Throws a failure when the folder cannot be written, or when the path is a directory or cannot be a name.
  public convenience init(path: String) throws(FireTreeError) {
    try self.init(path: path, mayBeNameless: true)
  }

  /// Without nameless files for a test of systems that have none.
  package init(path: String, mayBeNameless: Bool) throws(FireTreeError) {
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
    isDirect = exists && type != S_IFREG
    var resolved = path
    if exists, let real = realpath(path, nil) {
      resolved = String(cString: real)
      free(real)
    }
    self.path = path
    destination = resolved
    folder = resolved.lastIndex(of: "/").map { String(resolved[...$0]) } ?? ""
    if isDirect {
      descriptor = open(path, O_WRONLY | O_CLOEXEC)
    } else if mayBeNameless, let nameless = Self.openNameless(inFolder: folder) {
      descriptor = nameless
    } else {
      (temporary, descriptor) = Self.withFreeName(inFolder: folder) {
        open($0, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, 0o666)
      }
    }
    guard descriptor >= 0 else { throw failure() }
    if exists && !isDirect {
      // A new owner takes privileges from the mode, so the mode comes last.
      _ = fchown(descriptor, status.st_uid, status.st_gid)
      fchmod(descriptor, status.st_mode & 0o7777)
    }
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

  /// Calls `create` with random names until it does not meet a file that is there; what it returned last, negative for
  /// a failure.
  private static func withFreeName(
    inFolder folder: String, _ create: (String) -> Int32
  ) -> (name: String, result: Int32) {
    while true {
      let name = "\(folder).firetree-\(String(UInt64.random(in: 0 ... .max), radix: 36)).tmp"
      let result = create(name)
      if result >= 0 || errno != EEXIST { return (name, result) }
    }
  }

  /// Gives a nameless file a temporary name.
  private func link() throws(FireTreeError) {
    let source = "/proc/self/fd/\(descriptor)"
    let (name, result) = Self.withFreeName(inFolder: folder) {
      linkat(AT_FDCWD, source, AT_FDCWD, $0, AT_SYMLINK_FOLLOW)
    }
    guard result == 0 else { throw failure() }
    temporary = name
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
    if !isDirect && fsync(descriptor) != 0 { throw failure() }
    if !isDirect && temporary == nil { try link() }
    let closed = close(descriptor)
    descriptor = -1
    guard let temporary else { return }
    if closed != 0 || rename(temporary, destination) != 0 {
      let error = failure()
      unlink(temporary)
      throw error
    }
    syncFolder()
  }

  /// Makes the new name last through a loss of power, on file systems that can; the file is there either way.
  private func syncFolder() {
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private func discard() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    if let temporary { unlink(temporary) }
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
