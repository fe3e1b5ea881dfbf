import CZlib
import FireTreeCore
import FireTreeData
import Testing
import Glibc

/// A folder of its own for one test, removed with everything in it at the end.
final class TestFolder {
  let path: String

  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/firetree-tests-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } != nil }
    try #require(made)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  var names: [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      // In place: an entry ends with its name, and a copy of all its bytes would read beyond.
      guard let start = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
      let name = String(
        cString: (UnsafeRawPointer(entry) + start).assumingMemoryBound(to: CChar.self))
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  subscript(name: String) -> String { "\(path)/\(name)" }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = try #require(fopen(self[name], "wb"))
    defer { fclose(file) }
    try #require(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    return self[name]
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

  @discardableResult
  func writeGzip(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = try #require(gzopen(self[name], "wb"))
    try #require(bytes.isEmpty || gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count))
    try #require(gzclose(file) == Z_OK)
    return self[name]
  }

  func read(_ name: String) throws -> [UInt8] { try readBytes(self[name]) }

  /// What `body` throws, in one line, without the folder's name; `no error` when it throws nothing.
  func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch let error as FireTreeError {
      return error.description.replacing(path + "/", with: "")
    } catch {
      return "another error: \(error)"
    }
  }
}

func readBytes(_ path: String) throws -> [UInt8] {
  let file = try #require(fopen(path, "rb"))
  defer { fclose(file) }
  fseek(file, 0, SEEK_END)
  var bytes = [UInt8](repeating: 0, count: ftell(file))
  rewind(file)
  try #require(fread(&bytes, 1, bytes.count, file) == bytes.count)
  return bytes
}

/// A data file of the repository.
func example(_ name: String) -> String {
  let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
  return "/\(root)/Examples/data/\(name)"
}

extension Dataset {
  /// Every point, every coordinate.
  var rows: [[Float]] { (0..<count).map(features.point) }

  var classNames: [String]? {
    if case .classes(let names, _)? = target { return names }
    return nil
  }

  /// The class name of each point.
  var labels: [String]? {
    if case .classes(let names, let indices)? = target { return indices.map { names[Int($0)] } }
    return nil
  }

  var values: [Double]? {
    if case .values(let values)? = target { return values }
    return nil
  }
}

/// Bytes of a number.
func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// A small generator (splitmix64), so that a printed seed gives the same case again.
struct TestGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
