import FireTreeCore

/// Reads the elements of a binary array, whatever header described them, as data points.
enum ArrayReader {
  static func read(
    _ request: ReadRequest, _ stream: ByteStream, layout: ArrayLayout
  ) throws(FireTreeError) -> Reading {
    let (target, known) = try columns(request, layout)
    let (features, labels, origins) = try elements(stream, layout, for: request, target: target)
    var builder: TargetBuilder?
    if let target {
      var labelled = request.targetBuilder(path: request.path, place: "column \(target + 1)")
      for (index, label) in labels.enumerated() {
        try labelled.append(label, row: request.options.skip + index + 1)
      }
      builder = labelled
    }
    var schema = known
    schema.origins = origins
    return Reading(
      kind: layout.kind, features: .dense(features), target: builder, schema: schema,
      notes: request.schema == nil ? schema.originNotes : [])
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

  /// The points that are asked for; with a `target`, that column apart, in Double. `origins` were taken off the features.
  ///
  /// Throws a data error for a wrong number of bytes and for elements that are not finite in 32 bits, a usage error when
  /// they do not fit the memory.
  static func elements(
    _ stream: ByteStream, _ layout: ArrayLayout, for request: ReadRequest, target: Int?
  ) throws(FireTreeError) -> (features: Matrix, labels: [Double], origins: [Int: Double]) {
    try checkSize(stream, layout)
    let first = min(request.options.skip, layout.rows)
    let rows = first..<first + min(layout.rows - first, request.limit)
    try request.requirePoints(rows.count, ofRows: layout.rows)
    let columns = layout.columns - (target == nil ? 0 : 1)
    let isWide = layout.scalar.isWide && request.schema == nil
    let bytes =
      ByteCount.matrix(rows: rows.count, columns: columns) * (isWide ? 3 : 1)
      + ByteCount(rows.count + layout.columns) * 16
    try bytes.requireAvailable(for: "'\(stream.path)'", available: request.options.memory ?? .available)
    var sink = try ArraySink(
      rows: rows.count, columns: columns, target: target, origins: request.schema?.origins,
      isWide: isWide, byRow: !layout.columnMajor || layout.columns == 1)
    if layout.columnMajor && layout.columns > 1 {
      try readColumns(stream, layout, rows, &sink)
    } else {
      try readRows(stream, layout, rows, &sink)
    }
    if rows.upperBound == layout.rows, !(try stream.peek().isEmpty) {
      throw .data(file: stream.path, expected: "\(layout.elementBytes) bytes of elements", found: "more")
    }
    let result = try sink.finish()
    if columns > 0 { try checkFinite(result.features, firstRow: rows.lowerBound, target, stream.path) }
    return result
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
    _ stream: ByteStream, _ layout: ArrayLayout, _ rows: Range<Int>, _ sink: inout ArraySink
  ) throws(FireTreeError) {
    var chunk = try ElementChunk(layout, count: layout.columns)
    for row in 0..<rows.upperBound {
      try chunk.read(stream, layout, before: row * layout.columns)
      if row >= rows.lowerBound { try sink.put(row: row - rows.lowerBound, chunk.elements) }
    }
  }

  private static func readColumns(
    _ stream: ByteStream, _ layout: ArrayLayout, _ rows: Range<Int>, _ sink: inout ArraySink
  ) throws(FireTreeError) {
    try (ByteCount(layout.rows) * 16).requireAvailable(for: "a column of '\(stream.path)'")
    var chunk = try ElementChunk(layout, count: layout.rows)
    for (fileColumn, column) in layout.flattenedColumns().enumerated() {
      try chunk.read(stream, layout, before: fileColumn * layout.rows)
      try sink.put(column: column, chunk.elements[rows])
    }
  }

  private static func checkFinite(
    _ features: Matrix, firstRow: Int, _ target: Int?, _ path: String
  ) throws(FireTreeError) {
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
      file: path, row: firstRow + found.row + 1,
      "column \(column + 1): the element is not a finite 32-bit number")
  }
}

/// Elements that lie together in the file, a row or a column, decoded.
private struct ElementChunk {
  private var bytes: [UInt8]
  private(set) var elements: [Double]

  init(_ layout: ArrayLayout, count: Int) throws(FireTreeError) {
    bytes = try Array(allocating: count * layout.scalar.size, repeating: 0)
    elements = try Array(allocating: count, repeating: 0)
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
