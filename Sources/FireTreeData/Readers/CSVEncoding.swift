import FireTreeCore

/// What the first bytes of a CSV file tell: its encoding and its delimiter.
enum CSVEncoding {
  /// Skips the byte order mark of UTF-8. Throws a data error for UTF-16.
  static func skipMark(_ stream: ByteStream) throws(FireTreeError) {
    let head = try stream.peek()
    if head.starts(with: [0xEF, 0xBB, 0xBF]) { stream.skip(3) }
    if head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF]) {
      throw .data(file: stream.path, "the text is UTF-16; save it as UTF-8")
    }
  }

  /// Takes a first line `sep=;`, with which spreadsheets state the delimiter. Returns the delimiter, or nil without one.
  static func takeDelimiterLine(_ stream: ByteStream) throws(FireTreeError) -> UInt8? {
    let head = try stream.peek()
    guard head.starts(with: Array("sep=".utf8)), head.count > 5 else { return nil }
    let (delimiter, end) = (head[4], head[5])
    guard end == 0x0A || end == 0x0D else { return nil }
    stream.skip(end == 0x0D && head.count > 6 && head[6] == 0x0A ? 7 : 6)
    return delimiter
  }

  /// Candidates. Semicolons and tabs come first: what they separate may hold decimal commas.
  private static let delimiters: [UInt8] = [0x3B, 0x09, 0x2C, 0x7C, 0x20]
  private static let linesLookedAt = 10

  /// The delimiter of the lines that `head` starts with: the first candidate that occurs equally often in
  /// each of them, else the one that is most frequent in the first line, else a comma.
  static func delimiter(of head: UnsafeBufferPointer<UInt8>, decimal: Character) -> UInt8 {
    var lines = countsByLine(head)
    if decimal == ",", let comma = delimiters.firstIndex(of: 0x2C) {
      for line in lines.indices { lines[line][comma] = 0 }
    }
    guard let first = lines.first else { return 0x2C }
    for (index, candidate) in delimiters.enumerated() {
      if first[index] > 0 && lines.allSatisfy({ $0[index] == first[index] }) { return candidate }
    }
    // Blanks are too common in names and values to be trusted where the lines disagree.
    let best = delimiters.indices.dropLast().max { (first[$0], -$0) < (first[$1], -$1) } ?? 0
    return first[best] > 0 ? delimiters[best] : 0x2C
  }

  /// How often each candidate separates something, outside quotes, in each of the first lines that are whole.
  private static func countsByLine(_ head: UnsafeBufferPointer<UInt8>) -> [[Int]] {
    var lines: [[Int]] = []
    var counts = [Int](repeating: 0, count: delimiters.count)
    var (isQuoted, isBlank, previousIsBlank) = (false, true, true)
    for byte in head {
      if byte == 0x22 { isQuoted.toggle() }
      if !isQuoted && (byte == 0x0A || byte == 0x0D) {
        if !isBlank { lines.append(counts) }
        if lines.count == linesLookedAt { return lines }
        counts = [Int](repeating: 0, count: delimiters.count)
        (isBlank, previousIsBlank) = (true, true)
        continue
      }
      // A run of blanks separates once, before a field rather than after the last.
      let isSpace = byte == 0x20
      if !isQuoted, let index = delimiters.firstIndex(of: byte), !isSpace { counts[index] += 1 }
      if !isQuoted && !isSpace && previousIsBlank && !isBlank { counts[delimiters.count - 1] += 1 }
      previousIsBlank = isSpace
      if !isSpace { isBlank = false }
    }
    if !isBlank && (lines.isEmpty || head.count < 1 << 16) { lines.append(counts) }
    return lines
  }
}
