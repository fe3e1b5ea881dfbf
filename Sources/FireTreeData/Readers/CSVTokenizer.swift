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
    // Between tabs a quote inside a field is one of the text, as other programs have it.
    let strict = delimiter == 0x09 ? 0 : CSV_STRICT
    let options = strict | CSV_STRICT_FINI | CSV_APPEND_NULL | CSV_REPALL_NL
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
