import FireTreeCore

/// A table while it is read: fields go straight to the row of features or to the target.
struct CSVTable {
  let request: ReadRequest
  private(set) var layout: CSVLayout?
  private(set) var store = RowStore(columns: 0)
  private(set) var target: TargetBuilder?
  private(set) var failure: FireTreeError?
  private(set) var lines: LineCounter
  /// Rows left out so far.
  private(set) var skipped = 0

  private var isAtEnd = false
  private var roles: [CSVLayout.Role] = []
  private var budget: MemoryBudget
  private var firstRow: [String] = []
  private var nameBytes = 0
  private var fields = 0
  /// What is wrong with the row so far; that it is ragged comes first, as it explains the rest.
  private var rowFailure: FireTreeError?
  /// A run of blanks is one delimiter, so the empty fields between them are none.
  private let skipsEmpty: Bool
  private let decimalComma: Bool

  var isDone: Bool { failure != nil || isAtEnd }

  init(request: ReadRequest, delimiter: UInt8, firstLine: Int) {
    self.request = request
    lines = LineCounter(firstLine: firstLine)
    self.budget = MemoryBudget(request)
    self.skipsEmpty = delimiter == 0x20
    self.decimalComma = request.options.decimal == ","
  }

  mutating func field(_ text: UnsafePointer<CChar>, _ count: Int) {
    if isDone || (skipsEmpty && count == 0) { return }
    let column = fields
    fields += 1
    guard layout != nil else {
      lines.note(text, count: count)
      appendName(text, count)
      return
    }
    if isSkipping {
      lines.note(text, count: count)
      return
    }
    if column == 0 { beginRow() }
    guard column < roles.count, failure == nil else { return }
    if decimalComma { Self.pointComma(text, count) }
    switch roles[column] {
    case .feature(let position):
      if let value = NumberText.double(text, count: count), Float(value).isFinite {
        store.set(position, value)
      } else {
        reject(text, count, column)
      }
    case .target:
      lines.note(text, count: count)
      if rowFailure == nil { appendTarget(text, count) }
    case .ignored: lines.note(text, count: count)
    case .nothing: if count > 0 { reject(text, count, column) }
    }
  }

  private mutating func beginRow() {
    do throws(FireTreeError) { try store.beginRow() } catch { failure = error }
  }

  mutating func endRow(_ terminator: Int32) {
    if isDone { return }
    if fields > 0 {
      if layout == nil { startTable() } else { finishRow() }
    }
    lines.endLine(terminator: terminator, isEmpty: fields == 0)
    fields = 0
    isAtEnd = store.rows >= request.limit
  }

  private mutating func startTable() {
    do throws(FireTreeError) {
      let layout = try CSVLayout(firstRow: firstRow, request: request)
      roles = layout.roles
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
    for text in firstRow {
      // A copy, in which a comma may become a point.
      var bytes = Array(text.utf8CString)
      bytes.withUnsafeMutableBufferPointer { bytes in
        if let base = bytes.baseAddress { field(base, text.utf8.count) }
      }
    }
    if failure == nil { finishRow() }
  }

  private mutating func finishRow() {
    if fields != roles.count {
      failure = .data(
        file: request.path, row: lines.line, expected: counted(roles.count, "field"), found: fields)
    } else if isSkipping {
      skipped += 1
    } else {
      failure = rowFailure
      check(held: store.bytes + (target?.bytes ?? 0), coming: store.comingBytes)
    }
  }

  private var isSkipping: Bool { skipped < request.options.skip }

  private mutating func appendName(_ text: UnsafePointer<CChar>, _ count: Int) {
    guard let name = String(validating: text, count: count) else {
      failure = .data(file: request.path, row: lines.line, "column \(fields): the text is not UTF-8")
      return
    }
    firstRow.append(name)
    nameBytes += count + MemoryLayout<String>.stride
    // Names and roles of the columns.
    check(held: nameBytes, coming: 2 * nameBytes)
  }

  private mutating func check(held: Int, coming: Int) {
    do throws(FireTreeError) {
      try budget.check(held: held, coming: coming, row: lines.line)
    } catch { failure = error }
  }

  /// Puts a point in the place of a decimal comma.
  private static func pointComma(_ text: UnsafePointer<CChar>, _ count: Int) {
    // The tokenizer's buffer, or a copy of the first row.
    let bytes = UnsafeMutablePointer(mutating: text)
    guard let comma = (0..<count).first(where: { bytes[$0] == 0x2C }) else { return }
    bytes[comma] = 0x2E
    if NumberText.double(text, count: count) == nil { bytes[comma] = 0x2C }
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
    } else if layout?.roles[column] == .nothing {
      reason = "expected nothing, as in the first row, found \(quoted(String(text, count: count)))"
    } else if NumberText.hasDecimalComma(String(text, count: count)) {
      reason =
        "\(quoted(String(text, count: count))) is not a number: is its comma a decimal one? then set the decimal option"
    } else if NumberText.double(text, count: count) != nil {
      reason = "\(quoted(String(text, count: count))) is not a finite 32-bit number"
    } else {
      reason = "\(quoted(String(text, count: count))) is not a number"
    }
    let place = layout?.place(column) ?? "column \(column + 1)"
    rowFailure = .data(file: request.path, row: lines.line, "\(place): \(reason)")
  }
}
