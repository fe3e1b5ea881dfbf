import FireTreeCore

/// Reads labels from a file of their own: a 1-D IDX or NPY array, or a CSV file of one column.
enum LabelsReader {
  /// Throws a data error when the file does not hold one label for each of the `points`.
  static func read(_ path: String, for request: ReadRequest, points: Int) throws(FireTreeError)
    -> TargetBuilder
  {
    let format = try DatasetFormat(path: path)
    let (builder, count): (TargetBuilder, Int)
    switch format {
    case .csv: (builder, count) = try table(path, request, points: points)
    case .idx:
      (builder, count) = try array(path, request) { (s) throws(FireTreeError) in try IDXHeader.read(s) }
    case .npy:
      (builder, count) = try array(path, request) { (s) throws(FireTreeError) in try NPYHeader.read(s) }
    case .libsvm:
      throw FireTreeError(
        .usage, file: path, "labels are read from csv, idx and npy files, not from libsvm files")
    }
    guard count == points else {
      throw .data(
        file: path, expected: "\(points) labels, one for each point of '\(request.path)'", found: count)
    }
    return builder
  }

  private static func array(
    _ path: String, _ request: ReadRequest, _ header: (ByteStream) throws(FireTreeError) -> ArrayLayout
  ) throws(FireTreeError) -> (TargetBuilder, Int) {
    let stream = try ByteStream(path: path)
    let layout = try header(stream)
    guard layout.columns == 1 else {
      throw .data(file: path, expected: "one label a row", found: "an array of shape \(layout.shapeText)")
    }
    let (_, labels, _) = try ArrayReader.elements(stream, layout, for: request, target: 0)
    var builder = request.targetBuilder(path: path, place: "")
    // A byte a label is made for classes.
    if layout.scalar == .uint8 { builder.mostInferredClasses = 256 }
    for (index, label) in labels.enumerated() { try builder.append(label, row: index + 1) }
    return (builder, labels.count)
  }

  /// A column of text may start with its name or with a label: what follows, and the number of points, tell.
  private static func table(
    _ path: String, _ request: ReadRequest, points: Int
  ) throws(FireTreeError) -> (TargetBuilder, Int) {
    let skip = request.options.skip
    let limit = request.limit < Int.max - skip ? request.limit + skip : Int.max
    var labels = try CSVColumn.read(
      path, limit: limit < Int.max ? limit + 1 : limit, budget: MemoryBudget(request, path: path))
    if let first = labels.first, NumberText.double(first.text) == nil {
      let othersAreNumbers =
        labels.count > 1 && labels.dropFirst().allSatisfy { NumberText.double($0.text) != nil }
      let isName = CSVLayout.targetNames.contains(first.text.lowercased())
      if isName || othersAreNumbers || limit == Int.max && labels.count == points + skip + 1 {
        labels.removeFirst()
      }
    }
    labels.removeLast(max(0, labels.count - limit))
    labels.removeFirst(min(skip, labels.count))
    var builder = request.targetBuilder(path: path, place: "")
    for (text, row) in labels {
      var failure: FireTreeError?
      text.withCString { bytes in
        do throws(FireTreeError) {
          try builder.append(bytes, count: text.utf8.count, row: row)
        } catch { failure = error }
      }
      if let failure { throw failure }
    }
    return (builder, labels.count)
  }
}
