import FireTreeCore

/// A CSV file of one column, as text.
struct CSVColumn {
  private var labels: [(text: String, row: Int)] = []
  private var lines = LineCounter()
  private var fields = 0
  private var tooWide: Int?
  private var budget: MemoryBudget
  private var bytes = 0
  private var failure: FireTreeError?
  private let limit: Int

  /// The first `limit` fields of the file, each with its row.
  ///
  /// Throws a data error when a row has several fields, a usage error when they do not fit the memory.
  static func read(_ path: String, limit: Int, budget: MemoryBudget) throws(FireTreeError) -> [(
    text: String, row: Int
  )] {
    let stream = try ByteStream(path: path)
    try CSVEncoding.skipMark(stream)
    var column = CSVColumn(limit: limit, budget: budget)
    var failure: FireTreeError?
    withUnsafeMutablePointer(to: &column) { column in
      do throws(FireTreeError) {
        try CSVTokenizer.run(
          stream, delimiter: 0x2C, context: column,
          field: { text, count, context in
            guard let text, let context else { return }
            context.assumingMemoryBound(to: CSVColumn.self).pointee.field(
              UnsafePointer(text.assumingMemoryBound(to: CChar.self)), count)
          },
          row: { terminator, context in
            context?.assumingMemoryBound(to: CSVColumn.self).pointee.endRow(terminator)
          },
          line: { column.pointee.lines.line }, isDone: { column.pointee.isDone })
      } catch { failure = error }
    }
    if let failure { throw failure }
    if let failure = column.failure { throw failure }
    if let row = column.tooWide {
      throw .data(file: path, row: row, expected: "one label", found: "several fields")
    }
    return column.labels
  }

  private init(limit: Int, budget: MemoryBudget) { (self.limit, self.budget) = (limit, budget) }

  private var isDone: Bool { failure != nil || tooWide != nil || labels.count >= limit }

  private mutating func field(_ text: UnsafePointer<CChar>, _ count: Int) {
    if isDone { return }
    fields += 1
    lines.note(text, count: count)
    guard fields == 1 else {
      tooWide = lines.line
      return
    }
    bytes += count + MemoryLayout<(String, Int)>.stride
    do throws(FireTreeError) {
      try labels.makeRoom(for: 1)
      labels.append((String(text, count: count), lines.line))
      try budget.check(held: bytes, coming: 2 * bytes, row: lines.line)
    } catch { failure = error }
  }

  private mutating func endRow(_ terminator: Int32) {
    lines.endLine(terminator: terminator, isEmpty: fields == 0)
    fields = 0
  }
}
