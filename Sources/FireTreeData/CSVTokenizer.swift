import CLibCSV
import FireTreeCore

/// Feeds a stream through libcsv, which cuts it into fields and rows.
///
/// Blanks around unquoted fields are dropped, quotes are checked strictly. Line ends of every kind are
/// reported as they come, those of blank lines too, so that a consumer can count lines: see `LineCounter`.
enum CSVTokenizer {
  /// Called with a field (a C string) and its length.
  typealias FieldCallback = @convention(c) (UnsafeMutableRawPointer?, Int, UnsafeMutableRawPointer?) -> Void
  /// Called with the character that ended the row, or -1 at the end of the file.
  typealias RowCallback = @convention(c) (Int32, UnsafeMutableRawPointer?) -> Void

  /// A field longer than this is refused: a quote that never closes takes in the rest of the file.
  private static let longestField = 1 << 26

  /// Runs to the end of the stream, or until `isDone` says so after a block.
  ///
  /// Throws a data error for malformed quoting, at the row that `line` gives.
  static func run(
    _ stream: ByteStream, delimiter: UInt8, context: UnsafeMutableRawPointer, field: FieldCallback,
    row: RowCallback, line: () -> Int, isDone: () -> Bool
  ) throws(FireTreeError) {
    let parser = UnsafeMutablePointer<csv_parser>.allocate(capacity: 1)
    defer { parser.deallocate() }
    let options = CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL
    guard csv_init(parser, UInt8(options)) == 0 else { throw .failure("no memory for a csv parser") }
    defer { csv_free(parser) }
    csv_set_delim(parser, delimiter)
    while let block = try stream.nextBlock() {
      let parsed = csv_parse(parser, block.baseAddress, block.count, field, row, context)
      if isDone() { return }
      if parsed != block.count {
        guard csv_error(parser) == CSV_EPARSE else {
          throw .failure("no memory for a field of '\(stream.path)'")
        }
        let reason = "bad quoting: a quote inside an unquoted field, or text after a closing quote"
        throw .data(file: stream.path, row: line(), reason)
      }
      guard csv_get_buffer_size(parser) <= longestField else {
        throw .data(file: stream.path, row: line(), "a field is longer than \(longestField) bytes")
      }
    }
    let status = csv_fini(parser, field, row, context)
    if status != 0 && !isDone() {
      throw .data(file: stream.path, row: line(), "bad quoting: a quoted field does not end")
    }
  }
}

/// Counts physical lines from what the tokenizer reports.
struct LineCounter {
  /// The line on which the current row began, from 1.
  private(set) var line = 1
  private var insideRow = 0
  private var lastTerminator: Int32 = 0

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

/// A CSV file of one column, as text.
struct CSVColumn {
  private var labels: [(text: String, row: Int)] = []
  private var lines = LineCounter()
  private var fields = 0
  private var tooWide: Int?
  private let limit: Int

  /// The first `limit` fields of the file, each with its row.
  ///
  /// Throws a data error when a row has several fields.
  static func read(_ path: String, limit: Int) throws(FireTreeError) -> [(text: String, row: Int)] {
    let stream = try ByteStream(path: path)
    try CSVEncoding.skipMark(stream)
    var column = CSVColumn(limit: limit)
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
    if let row = column.tooWide {
      throw .data(file: path, row: row, expected: "one label", found: "several fields")
    }
    return column.labels
  }

  private init(limit: Int) { self.limit = limit }

  private var isDone: Bool { tooWide != nil || labels.count >= limit }

  private mutating func field(_ text: UnsafePointer<CChar>, _ count: Int) {
    if isDone { return }
    fields += 1
    lines.note(text, count: count)
    guard fields == 1 else {
      tooWide = lines.line
      return
    }
    let bytes = UnsafeBufferPointer(start: text, count: count)
    labels.append((String(decoding: bytes.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self), lines.line))
  }

  private mutating func endRow(_ terminator: Int32) {
    lines.endLine(terminator: terminator, isEmpty: fields == 0)
    fields = 0
  }
}
