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

  /// The elements row by row, without the padding.
  mutating func update(_ matrix: Matrix) {
    matrix.withView { view in
      for row in 0..<view.rows {
        update(UnsafeRawBufferPointer(start: view.row(row), count: view.columns * MemoryLayout<Float>.size))
      }
    }
  }

  /// Eight hexadecimal digits.
  var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }
}
