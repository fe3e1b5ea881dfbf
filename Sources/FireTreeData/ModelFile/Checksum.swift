import CZlib
import FireTreeCore

/// A CRC-32 over bytes that come in pieces.
struct Checksum {
  private var value: UInt = 0

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    value = crc32_z(value, base.assumingMemoryBound(to: UInt8.self), bytes.count)
  }

  /// A string and a zero byte, so that two strings are not their concatenation.
  mutating func update(_ text: String) {
    var bytes = Array(text.utf8)
    bytes.append(0)
    bytes.withUnsafeBytes { update($0) }
  }

  /// The tensor's name and shape, `NAME 3 4` and a zero byte, then its elements.
  mutating func update(_ name: String, _ tensor: SafetensorsTensor) throws(FireTreeError) {
    update(([name] + tensor.shape.map(String.init)).joined(separator: " "))
    var part = self
    try tensor.forEachPiece { (bytes) throws(FireTreeError) in part.update(bytes) }
    self = part
  }

  /// Eight hexadecimal digits.
  var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }
}
