import FireTreeCore

/// Reads the elements of a binary array, whatever header described them, as data points.
enum ArrayReader {
  static func read(
    _ request: ReadRequest, _ stream: ByteStream, layout: ArrayLayout
  ) throws(FireTreeError) -> Reading {
    let (target, schema) = try columns(request, layout)
    let (features, labels) = try elements(stream, layout, limit: request.limit, target: target)
    var builder: TargetBuilder?
    if let target {
      var labelled = request.targetBuilder(path: request.path, place: "column \(target + 1)")
      for (index, label) in labels.enumerated() { try labelled.append(label, row: index + 1) }
      builder = labelled
    }
    return Reading(kind: layout.kind, features: .dense(features), target: builder, schema: schema)
  }

  /// Which column is the target, if one is, and what remains.
  private static func columns(
    _ request: ReadRequest, _ layout: ArrayLayout
  ) throws(FireTreeError) -> (target: Int?, FeatureSchema) {
    let count = layout.columns
    var target: Int?
    if let given = request.options.target { target = try position(given, request, layout) }
    if let schema = request.schema {
      let labelled = request.hasLabelsFile || target != nil
      let found = labelled ? nil : schema.targetPosition(amongColumns: count)
      let fits = labelled ? count - (target == nil ? 0 : 1) == schema.count : found != nil
      guard fits else {
        let expected =
          labelled ? counted(schema.count + (target == nil ? 0 : 1), "column") : schema.expectedColumns
        throw .data(file: request.path, expected: expected, found: count)
      }
      return (target ?? found ?? nil, schema)
    }
    guard target != nil || request.hasLabelsFile else { throw request.missingTarget }
    let features = count - (target == nil ? 0 : 1)
    guard features > 0 else { throw .data(file: request.path, "there are no feature columns") }
    return (target, FeatureSchema(count: features, targetIndex: target))
  }

  private static func position(
    _ target: TargetColumn, _ request: ReadRequest, _ layout: ArrayLayout
  ) throws(FireTreeError) -> Int {
    let index: Int
    switch target {
    case .index(let given): index = given
    case .name(let name): index = Int(name) ?? Int.max
    }
    let count = layout.columns
    guard layout.shape.count == 2 else {
      let reason = "a target column needs an array of 2 dimensions, not of \(layout.shape.count)"
      throw FireTreeError(.usage, file: request.path, reason)
    }
    guard index >= -count && index < count else {
      throw FireTreeError(.usage, file: request.path, "no column \(index): columns are 0 to \(count - 1)")
    }
    return index < 0 ? count + index : index
  }

  // MARK: Elements

  /// The first `limit` points; with a `target`, that column apart, in Double.
  ///
  /// Throws a data error for a wrong number of bytes and for elements that are not finite in 32 bits.
  static func elements(
    _ stream: ByteStream, _ layout: ArrayLayout, limit: Int, target: Int?
  ) throws(FireTreeError) -> (Matrix, labels: [Double]) {
    try checkSize(stream, layout)
    let rows = min(layout.rows, limit)
    let columns = layout.columns - (target == nil ? 0 : 1)
    try (ByteCount.matrix(rows: rows, columns: columns) + ByteCount(rows + layout.columns) * 16)
      .requireAvailable(for: "'\(stream.path)'")
    var sink = ArraySink(
      path: stream.path, features: Matrix(rows: rows, columns: columns),
      labels: [Double](repeating: 0, count: target == nil ? 0 : rows), target: target)
    if layout.columnMajor && layout.columns > 1 {
      try readColumns(stream, layout, rows, &sink)
    } else {
      try readRows(stream, layout, rows, &sink)
    }
    if columns > 0 { try checkFinite(sink.features, target, stream.path) }
    if rows == layout.rows, !(try stream.peek().isEmpty) {
      throw .data(file: stream.path, expected: "\(layout.elementBytes) bytes of elements", found: "more")
    }
    return (sink.features, sink.labels)
  }

  /// Nothing is allocated for elements that the file is too small to hold.
  private static func checkSize(_ stream: ByteStream, _ layout: ArrayLayout) throws(FireTreeError) {
    guard let largest = stream.largestPossibleCount else { return }
    let available = max(0, largest - layout.headerBytes)
    let isWrong = stream.isCompressed ? layout.elementBytes > available : layout.elementBytes != available
    guard isWrong else { return }
    throw .data(
      file: stream.path, expected: "\(layout.elementBytes) bytes of elements (\(layout.shapeText))",
      found: stream.isCompressed ? "at most \(available)" : "\(available)")
  }

  private static func readRows(
    _ stream: ByteStream, _ layout: ArrayLayout, _ rows: Int, _ sink: inout ArraySink
  ) throws(FireTreeError) {
    var chunk = ElementChunk(layout, count: layout.columns)
    for row in 0..<rows {
      try chunk.read(stream, layout, before: row * layout.columns)
      sink.put(row: row, chunk.elements)
    }
  }

  private static func readColumns(
    _ stream: ByteStream, _ layout: ArrayLayout, _ rows: Int, _ sink: inout ArraySink
  ) throws(FireTreeError) {
    try (ByteCount(layout.rows) * 16).requireAvailable(for: "a column of '\(stream.path)'")
    var chunk = ElementChunk(layout, count: layout.rows)
    for (fileColumn, column) in layout.flattenedColumns().enumerated() {
      try chunk.read(stream, layout, before: fileColumn * layout.rows)
      sink.put(column: column, chunk.elements, rows: rows)
    }
  }

  private static func checkFinite(_ features: Matrix, _ target: Int?, _ path: String) throws(FireTreeError) {
    let found: (row: Int, column: Int)? = features.withView { view in
      for row in 0..<view.rows {
        let values = UnsafeBufferPointer(start: view.row(row), count: view.columns)
        if let column = values.firstIndex(where: { !$0.isFinite }) { return (row, column) }
      }
      return nil
    }
    guard let found else { return }
    let column = found.column + (target.map { found.column >= $0 ? 1 : 0 } ?? 0)
    throw .data(
      file: path, row: found.row + 1, "column \(column + 1): the element is not a finite 32-bit number")
  }
}

/// Elements that lie together in the file, a row or a column, decoded.
private struct ElementChunk {
  private var bytes: [UInt8]
  private(set) var elements: [Double]

  init(_ layout: ArrayLayout, count: Int) {
    bytes = Array(repeating: 0, count: count * layout.scalar.size)
    elements = Array(repeating: 0, count: count)
  }

  /// Reads the next elements; `before` elements were read already.
  mutating func read(
    _ stream: ByteStream, _ layout: ArrayLayout, before: Int
  ) throws(FireTreeError) {
    var failure: FireTreeError?
    var found = 0
    let count = elements.count
    bytes.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      do throws(FireTreeError) { found = try stream.read(bytes.count, into: base) } catch { failure = error }
      elements.withUnsafeMutableBufferPointer { elements in
        guard let target = elements.baseAddress else { return }
        layout.scalar.decode(base, count: count, bigEndian: layout.bigEndian, into: target)
      }
    }
    if let failure { throw failure }
    guard found == bytes.count else {
      throw .data(
        file: stream.path, expected: "\(layout.elementBytes) bytes of elements (\(layout.shapeText))",
        found: before * layout.scalar.size + found)
    }
  }
}

/// Where decoded elements go: the features, and the target column apart.
private struct ArraySink {
  let path: String
  var features: Matrix
  var labels: [Double]
  let target: Int?

  mutating func put(row: Int, _ elements: [Double]) {
    if let target { labels[row] = elements[target] }
    features.withMutableView { features in
      guard features.columns > 0 else { return }
      let values = features.row(row)
      let split = target ?? elements.count
      for column in 0..<split { values[column] = Float(elements[column]) }
      for column in split..<features.columns { values[column] = Float(elements[column + 1]) }
    }
  }

  mutating func put(column: Int, _ elements: [Double], rows: Int) {
    if column == target {
      for row in 0..<rows { labels[row] = elements[row] }
      return
    }
    let position = target.map { column > $0 ? column - 1 : column } ?? column
    features.withMutableView { features in
      for row in 0..<rows { features.row(row)[position] = Float(elements[row]) }
    }
  }
}
