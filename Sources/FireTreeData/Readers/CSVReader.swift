import FireTreeCore

/// Reads a table of numbers, with or without a column of labels.
struct CSVReader {
  let request: ReadRequest
  let stream: ByteStream

  func read() throws(FireTreeError) -> Reading {
    try CSVEncoding.skipMark(stream)
    var notes: [String] = []
    let delimiter: UInt8
    let stated = try CSVEncoding.takeDelimiterLine(stream)
    if let given = request.options.delimiter?.asciiValue {
      delimiter = given
    } else if let stated {
      delimiter = stated
    } else {
      delimiter = CSVEncoding.delimiter(of: try stream.peek(), decimal: request.options.decimal)
      notes.append("delimiter: \(delimiter == 0x09 ? "tab" : "'\(Character(UnicodeScalar(delimiter)))'")")
    }
    var table = CSVTable(request: request, delimiter: delimiter, firstLine: stated == nil ? 1 : 2)
    try fill(&table, delimiter)
    if let failure = table.failure { throw failure }
    guard let layout = table.layout else { throw .data(file: request.path, "there are no rows") }
    guard table.store.rows + table.skipped > 0 else {
      throw .data(file: request.path, "there are no rows after the header")
    }
    try request.requirePoints(table.store.rows, ofRows: table.skipped)
    guard layout.schema.count > 0 else { throw .data(file: request.path, "there are no feature columns") }
    var schema = layout.schema
    notes += layout.notes
    if request.schema == nil {
      if layout.roles.first == .feature(0), layout.header?.first == "", table.store.countsRows(0) {
        notes.append("column 1 has no name and counts the rows: take it out of the file if it is no feature")
      }
      schema.origins = table.store.origins()
      notes += schema.originNotes
    }
    return Reading(
      kind: .table, features: .dense(try table.store.matrix(origins: schema.origins)), target: table.target,
      schema: schema, notes: notes)
  }

  private func fill(_ table: inout CSVTable, _ delimiter: UInt8) throws(FireTreeError) {
    var failure: FireTreeError?
    // The C callbacks reach the table through a pointer to it: a reference would be counted at every field.
    withUnsafeMutablePointer(to: &table) { table in
      do throws(FireTreeError) {
        try CSVTokenizer.run(
          stream, delimiter: delimiter, context: table,
          field: { text, count, context in
            guard let text, let context else { return }
            context.assumingMemoryBound(to: CSVTable.self).pointee.field(
              UnsafePointer(text.assumingMemoryBound(to: CChar.self)), count)
          },
          row: { terminator, context in
            context?.assumingMemoryBound(to: CSVTable.self).pointee.endRow(terminator)
          },
          line: { table.pointee.lines.line }, isDone: { table.pointee.isDone })
      } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
