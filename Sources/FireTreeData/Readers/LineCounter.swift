/// Counts physical lines from what the tokenizer reports.
struct LineCounter {
  /// The line on which the current row began, from 1.
  private(set) var line: Int
  private var insideRow = 0
  private var lastTerminator: Int32 = 0

  init(firstLine: Int = 1) { line = firstLine }

  /// A field may hold line feeds when it is quoted.
  mutating func note(_ text: UnsafePointer<CChar>, count: Int) {
    for position in 0..<count where text[position] == 0x0A { insideRow += 1 }
  }

  /// Forgets the fields of the current row, which come again.
  mutating func restartRow() { insideRow = 0 }

  /// Called at each line end. `isEmpty`: no field came since the last one.
  mutating func endLine(terminator: Int32, isEmpty: Bool) {
    // CR LF comes as two line ends, the second with nothing before it.
    let isSecondHalf = isEmpty && terminator == 0x0A && lastTerminator == 0x0D
    lastTerminator = isSecondHalf ? 0 : terminator
    if !isSecondHalf { line += 1 + insideRow }
    insideRow = 0
  }
}
