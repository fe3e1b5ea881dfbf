import FireTreeCore

/// Reads a table of numbers, with or without a column of labels.
struct CSVReader {
  let request: ReadRequest
  let stream: ByteStream

  func read() throws(FireTreeError) -> Reading {
    try CSVEncoding.skipMark(stream)
    var notes: [String] = []
    let delimiter: UInt8
    if let given = request.options.delimiter?.asciiValue {
      delimiter = given
    } else {
      delimiter = CSVEncoding.delimiter(of: try stream.peek())
      notes.append("delimiter: \(delimiter == 0x09 ? "tab" : "'\(Character(UnicodeScalar(delimiter)))'")")
    }
    var table = CSVTable(request: request, delimiter: delimiter)
    try fill(&table, delimiter)
    if let failure = table.failure { throw failure }
    guard let layout = table.layout else { throw .data(file: request.path, "there are no rows") }
    guard table.store.rows > 0 else {
      throw .data(file: request.path, "there are no rows after the header")
    }
    guard layout.schema.count > 0 else { throw .data(file: request.path, "there are no feature columns") }
    let features = try table.store.matrix(for: request.path)
    return Reading(
      kind: .table, features: .dense(features), target: table.target, schema: layout.schema,
      notes: notes + layout.notes)
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

/// A table while it is read: fields go straight to the row of features or to the target.
struct CSVTable {
  let request: ReadRequest
  private(set) var layout: CSVLayout?
  private(set) var store = RowStore(columns: 0)
  private(set) var target: TargetBuilder?
  private(set) var failure: FireTreeError?
  private(set) var isDone = false
  private(set) var lines = LineCounter()

  private var roles: [Int] = []
  private var row: [Float] = []
  private var firstRow: [String] = []
  private var fields = 0
  /// What is wrong with the row so far; that it is ragged comes first, as it explains the rest.
  private var rowFailure: FireTreeError?
  /// A run of blanks is one delimiter, so the empty fields between them are none.
  private let skipsEmpty: Bool

  init(request: ReadRequest, delimiter: UInt8) {
    self.request = request
    self.skipsEmpty = delimiter == 0x20
  }

  mutating func field(_ text: UnsafePointer<CChar>, _ count: Int) {
    if isDone || (skipsEmpty && count == 0) { return }
    let column = fields
    fields += 1
    guard layout != nil else {
      lines.note(text, count: count)
      firstRow.append(string(text, count))
      return
    }
    guard column < roles.count else { return }
    let role = roles[column]
    if role >= 0 {
      if let value = NumberText.float(text, count: count), value.isFinite {
        row[role] = value
      } else {
        reject(text, count, column)
      }
    } else {
      lines.note(text, count: count)
      if role == CSVLayout.target && rowFailure == nil { appendTarget(text, count) }
    }
  }

  mutating func endRow(_ terminator: Int32) {
    if isDone { return }
    if fields > 0 {
      if layout == nil { startTable() } else { finishRow() }
    }
    lines.endLine(terminator: terminator, isEmpty: fields == 0)
    fields = 0
    isDone = failure != nil || store.rows >= request.limit
  }

  private mutating func startTable() {
    do throws(FireTreeError) {
      let layout = try CSVLayout(firstRow: firstRow, request: request)
      roles = layout.roles
      row = Array(repeating: 0, count: layout.schema.count)
      store = RowStore(columns: layout.schema.count)
      if let column = layout.targetColumn {
        target = request.targetBuilder(path: request.path, place: layout.place(column))
      }
      self.layout = layout
    } catch {
      failure = error
      return
    }
    guard layout?.header == nil else { return }
    fields = 0
    lines.restartRow()
    for text in firstRow { text.withCString { field($0, text.utf8.count) } }
    finishRow()
  }

  private mutating func finishRow() {
    if fields != roles.count {
      failure = .data(
        file: request.path, row: lines.line, expected: counted(roles.count, "field"), found: fields)
    } else if let rowFailure {
      failure = rowFailure
    } else {
      store.append(row)
    }
  }

  private mutating func appendTarget(_ text: UnsafePointer<CChar>, _ count: Int) {
    do throws(FireTreeError) {
      try target?.append(text, count: count, row: lines.line)
    } catch { rowFailure = error }
  }

  private mutating func reject(_ text: UnsafePointer<CChar>, _ count: Int, _ column: Int) {
    lines.note(text, count: count)
    guard rowFailure == nil else { return }
    let reason: String
    if count == 0 {
      reason = "missing value"
    } else if NumberText.float(text, count: count) != nil {
      reason = "\(quoted(string(text, count))) is not a finite 32-bit number"
    } else {
      reason = "\(quoted(string(text, count))) is not a number"
    }
    let place = layout?.place(column) ?? "column \(column + 1)"
    rowFailure = .data(file: request.path, row: lines.line, "\(place): \(reason)")
  }

  private func string(_ text: UnsafePointer<CChar>, _ count: Int) -> String {
    text.withMemoryRebound(to: UInt8.self, capacity: count) {
      String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
  }
}
