import FireTreeCore

/// A table while it is read: fields go straight to the row of features or to the target.
struct CSVTable {
  let request: ReadRequest
  private(set) var layout: CSVLayout?
  private(set) var store = RowStore(columns: 0)
  private(set) var target: TargetBuilder?
  private(set) var failure: FireTreeError?
  private(set) var isDone = false
  private(set) var lines = LineCounter()

  private var roles: [CSVLayout.Role] = []
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
      firstRow.append(String(text, count: count))
      return
    }
    guard column < roles.count else { return }
    switch roles[column] {
    case .feature(let position):
      if let value = NumberText.float(text, count: count), value.isFinite {
        row[position] = value
      } else {
        reject(text, count, column)
      }
    case .target:
      lines.note(text, count: count)
      if rowFailure == nil { appendTarget(text, count) }
    case .ignored: lines.note(text, count: count)
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
      reason = "\(quoted(String(text, count: count))) is not a finite 32-bit number"
    } else {
      reason = "\(quoted(String(text, count: count))) is not a number"
    }
    let place = layout?.place(column) ?? "column \(column + 1)"
    rowFailure = .data(file: request.path, row: lines.line, "\(place): \(reason)")
  }
}
