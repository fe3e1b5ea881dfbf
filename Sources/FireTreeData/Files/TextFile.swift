import FireTreeCore
import Glibc

/// Small files of text, read and written as a whole.
package enum TextFile {
  /// The text of the file, with replacement characters for what is no UTF-8; nil when there is no such file.
  ///
  /// Throws a data error when it cannot be read.
  package static func read(_ path: String) throws(FireTreeError) -> String? {
    guard let file = fopen(path, "re") else {
      if errno == ENOENT { return nil }
      throw .data(file: path, systemMessage(errno))
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&block, 1, block.count, file)
      bytes += block[..<count]
      if count < block.count { break }
    }
    guard ferror(file) == 0 else { throw .data(file: path, systemMessage(errno)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes the whole file, which appears under its name when complete (`AtomicFile`).
  package static func write(_ text: String, to path: String) throws(FireTreeError) {
    let file = try AtomicFile(path: path)
    try file.write(text)
    try file.commit()
  }

  /// Makes a folder, and those above it that are missing. Throws a failure when that cannot be done.
  package static func makeFolder(_ path: String) throws(FireTreeError) {
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFDIR else {
        throw FireTreeError(.failure, file: path, "cannot write: it is no folder")
      }
      return
    }
    let parent = path.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(separator: "/")
    if !parent.isEmpty { try makeFolder((path.hasPrefix("/") ? "/" : "") + parent) }
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw FireTreeError(.failure, file: path, "cannot make the folder: \(systemMessage(errno))")
    }
  }
}
