import FireTreeCore
import Glibc

/// Reads `label index:value ...` rows, which stay sparse. Indices count from 1, or from 0 where the options say so, and
/// ascend; `qid:` is read past; `#` starts a comment.
struct LibSVMReader {
  let request: ReadRequest
  let stream: ByteStream

  /// The largest index: one more column, a constant, must still have a 32-bit index.
  static let largestIndex = Int(Int32.max) - 1

  private var offsets = [0]
  private var columns: [Int32] = []
  private var values: [Float] = []
  private var largest = 0
  private var target: TargetBuilder?
  private var row = 0
  private var skipped = 0
  /// Elements of columns that the model does not know.
  private var unknown = 0
  private var budget: MemoryBudget
  private let highestAllowed: Int

  init(request: ReadRequest, stream: ByteStream) {
    self.request = request
    self.stream = stream
    self.budget = MemoryBudget(request)
    self.highestAllowed = request.schema?.count ?? Self.largestIndex
    self.target = request.targetBuilder(path: request.path, place: "label")
  }

  consuming func read() throws(FireTreeError) -> Reading {
    while offsets.count <= request.limit, let line = try stream.nextLine() {
      row += 1
      guard let base = line.baseAddress else { continue }
      try base.withMemoryRebound(to: CChar.self, capacity: line.count) { (text) throws(FireTreeError) in
        try parse(text, count: line.count)
      }
    }
    try request.requirePoints(offsets.count - 1, ofRows: skipped + offsets.count - 1)
    let count = request.schema?.count ?? largest
    guard request.schema?.origins.isEmpty ?? true else {
      throw FireTreeError(
        .usage, file: request.path, "the model's features have origins, which sparse data cannot")
    }
    guard count > 0, count <= Self.largestIndex else {
      throw .data(file: request.path, "there are no feature columns")
    }
    let rows = SparseRows(columns: count, offsets: offsets, columnIndices: columns, values: values)
    return Reading(
      kind: .sparse, features: .sparse(rows), target: target, schema: FeatureSchema(count: count),
      omission: unknown == 0
        ? nil : "ignored \(counted(unknown, "element")) beyond the model's \(counted(count, "feature"))")
  }

  // MARK: One row

  private static func isBlank(_ byte: CChar) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

  private mutating func parse(_ text: UnsafeMutablePointer<CChar>, count: Int) throws(FireTreeError) {
    var end = count
    if let comment = memchr(text, 0x23, count) {
      end = comment.assumingMemoryBound(to: CChar.self) - text
      text[end] = 0
    }
    var position = 0
    var previous = 0
    var isFirst = true
    while true {
      while position < end && Self.isBlank(text[position]) { position += 1 }
      guard position < end else { break }
      let start = position
      while position < end && !Self.isBlank(text[position]) { position += 1 }
      let token = text + start
      let length = position - start
      if isFirst {
        if skipped < request.options.skip {
          skipped += 1
          return
        }
        isFirst = false
        if try parseLabel(token, length) { continue }
      }
      previous = try parsePair(token, length, after: previous)
    }
    if isFirst { return }
    try offsets.makeRoom(for: 1)
    offsets.append(values.count)
    let bytes = (offsets.count + values.count) * MemoryLayout<Int>.size
    // An array that is full is copied to one of twice the size.
    try budget.check(held: bytes + (target?.bytes ?? 0), coming: 2 * bytes, row: row)
  }

  /// Returns false when the row starts with its first pair: data to predict need no labels.
  private mutating func parseLabel(
    _ token: UnsafeMutablePointer<CChar>, _ length: Int
  ) throws(FireTreeError) -> Bool {
    if target == nil || !request.requiresTarget, memchr(token, 0x3A, length) != nil {
      target = nil
      return false
    }
    guard NumberText.double(token, count: length) != nil else {
      throw error("expected a number as label, found \(quoted(String(token, count: length)))")
    }
    // The token ends at a blank; the label is read as a C string of its own.
    let separator = token[length]
    token[length] = 0
    defer { token[length] = separator }
    try target?.append(token, count: length, row: row)
    return true
  }

  private mutating func parsePair(
    _ token: UnsafeMutablePointer<CChar>, _ length: Int, after previous: Int
  ) throws(FireTreeError) -> Int {
    guard let colon = memchr(token, 0x3A, length) else {
      throw error("\(quoted(String(token, count: length))) is not an index:value pair")
    }
    let digits = colon.assumingMemoryBound(to: CChar.self) - token
    guard let index = parseIndex(token, digits) else {
      let text = String(token, count: digits)
      if text == "qid" && previous == 0 { return 0 }
      let hint = text == "0" ? "; for columns from 0 set the zero-based option" : ""
      throw error("index \(quoted(text)) is not a whole number from 1 to \(Self.largestIndex)\(hint)")
    }
    guard index > previous else {
      throw error(
        index == previous
          ? "index \(index) comes twice" : "index \(index) comes after index \(previous): indices must ascend"
      )
    }
    guard let value = NumberText.float(token + digits + 1, count: length - digits - 1) else {
      throw error("\(quoted(String(token, count: length))) is not an index:value pair")
    }
    guard value.isFinite else {
      let text = quoted(String(token + digits + 1, count: length - digits - 1))
      throw error("the value \(text) of index \(index) is not a finite 32-bit number")
    }
    if index > highestAllowed {
      unknown += 1
      return index
    }
    largest = max(largest, index)
    if value != 0 {
      try columns.makeRoom(for: 1)
      try values.makeRoom(for: 1)
      columns.append(Int32(index - 1))
      values.append(value)
    }
    return index
  }

  private func parseIndex(_ token: UnsafeMutablePointer<CChar>, _ digits: Int) -> Int? {
    guard digits > 0 else { return nil }
    var index = 0
    for position in 0..<digits {
      let digit = Int(token[position]) - 0x30
      guard digit >= 0 && digit <= 9 else { return nil }
      index = 10 * index + digit
      if index > Self.largestIndex { return nil }
    }
    // From here on columns count from 1.
    if request.options.zeroBased { return index < Self.largestIndex ? index + 1 : nil }
    return index > 0 ? index : nil
  }

  private func error(_ reason: String) -> FireTreeError { .data(file: request.path, row: row, reason) }
}
