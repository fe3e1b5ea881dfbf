import CZlib
import Foundation
import Testing

/// A folder of its own for one test, removed with everything in it at the end.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "firetree-cli-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  subscript(name: String) -> URL { url.appending(path: name) }

  /// Everything in the folder, hidden files too.
  var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
  }

  func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
  func bytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: self[name])) }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }
  func write(_ name: String, _ bytes: [UInt8]) throws { try Data(bytes).write(to: self[name]) }

  func writeGzip(_ name: String, _ bytes: [UInt8]) throws {
    let file = try #require(gzopen(self[name].path, "wb"))
    try #require(gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count))
    try #require(gzclose(file) == Z_OK)
  }

  func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(at: self[name], withIntermediateDirectories: false)
  }

  /// Gives an example file of the repository a name in this folder.
  func link(_ example: String, as name: String? = nil) throws {
    let examples = URL(fileURLWithPath: #filePath).appending(path: "../../../Examples/data").standardized
    try FileManager.default.createSymbolicLink(
      at: self[name ?? example], withDestinationURL: examples.appending(path: example))
  }

  /// The bundled digits, and the arguments that name them.
  func linkDigits() throws -> [String] {
    try link("t10k-images-idx3-ubyte.gz", as: "images.idx.gz")
    try link("t10k-labels-idx1-ubyte.gz", as: "labels.idx.gz")
    return ["images.idx.gz", "--labels", "labels.idx.gz"]
  }
}

/// Files of binary arrays.
enum ArrayFile {
  /// IDX of unsigned bytes.
  static func idx(_ shape: [Int], _ elements: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(shape.count)] + shape.flatMap { bigEndian($0) } + elements
  }

  static func bigEndian(_ size: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) }
  }

  /// NPY, version 1.0, little-endian 32-bit floats.
  static func npy(_ shape: [Int], _ elements: [Float], descr: String = "<f4", fortran: Bool = false)
    -> [UInt8]
  {
    let sizes = shape.map { "\($0), " }.joined()
    var header =
      "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(sizes)), }"
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = header.utf8.count
    return Array("\u{93}NUMPY".unicodeScalars.map { UInt8($0.value) }) + [
      1, 0, UInt8(length & 255), UInt8(length >> 8),
    ]
      + Array(header.utf8)
      + elements.flatMap { value in (0..<4).map { UInt8(value.bitPattern >> (8 * $0) & 255) } }
  }
}
