import FireTreeCore

/// What each column of a CSV file is for, decided when its first row is known.
struct CSVLayout {
  enum Role: Equatable {
    /// The position among the features.
    case feature(Int)
    case target, ignored
    /// After the delimiter that ends each row: nothing.
    case nothing
  }

  /// The role of each column.
  var roles: [Role]
  var schema: FeatureSchema
  var targetColumn: Int?
  var header: [String]?
  var notes: [String] = []

  /// Names by which a target column is known when none is given, the likeliest first.
  static let targetNames = ["target", "label", "class", "y"]

  /// `column 3`, and its name if it has one.
  func place(_ column: Int) -> String {
    guard let header, column < header.count else { return "column \(column + 1)" }
    return "column \(column + 1) (\(quoted(header[column])))"
  }

  /// Throws an error when the target or a feature cannot be found.
  init(firstRow: [String], request: ReadRequest) throws(FireTreeError) {
    let hasHeader = request.options.header ?? Self.looksLikeHeader(firstRow, request)
    header = hasHeader ? firstRow : nil
    let endsEmpty = firstRow.count > 1 && firstRow.last == ""
    roles = Array(repeating: .ignored, count: firstRow.count - (endsEmpty ? 1 : 0))
    schema = FeatureSchema(count: 0)
    if let known = request.schema {
      schema = known
      try assign(known, request)
    } else {
      try assignForTraining(request)
    }
    if request.options.header == nil { notes.append("header: \(hasHeader ? "first row" : "none")") }
    if let targetColumn { roles[targetColumn] = .target }
    if endsEmpty { roles.append(.nothing) }
  }

  /// A first row without any number is a header; so is one that counts 0, 1, 2, or that holds the name of the target, or
  /// a name, not a number, that a model asks for.
  private static func looksLikeHeader(_ firstRow: [String], _ request: ReadRequest) -> Bool {
    if firstRow.allSatisfy({ NumberText.double($0) == nil }) { return true }
    if firstRow.count > 2 && firstRow == firstRow.indices.map(String.init) { return true }
    if case .name(let name) = request.options.target, Int(name) == nil, firstRow.contains(name) {
      return true
    }
    if let names = request.schema?.names {
      return firstRow.contains { NumberText.double($0) == nil && names.contains($0) }
        || Set(names).isSubset(of: firstRow)
    }
    // "y" alone could be a class.
    return firstRow.contains { ["target", "label", "class"].contains($0.lowercased()) }
  }

  // MARK: Training

  private mutating func assignForTraining(_ request: ReadRequest) throws(FireTreeError) {
    if let given = request.options.target {
      targetColumn = try position(of: given, request.path)
    } else if !request.hasLabelsFile {
      targetColumn = try defaultTarget(request.path)
    }
    var names: [String] = []
    var count = 0
    for column in roles.indices where column != targetColumn {
      roles[column] = .feature(count)
      if let header { names.append(header[column]) }
      count += 1
    }
    if Set(names).count < names.count {
      notes.append("columns: told apart by position, as the header has the same name twice")
    }
    schema = FeatureSchema(
      count: count, names: header != nil ? names : nil,
      targetName: targetColumn.flatMap { header?[$0] }, targetIndex: targetColumn)
  }

  private mutating func defaultTarget(_ path: String) throws(FireTreeError) -> Int {
    let last = roles.count - 1
    if let header {
      let lowercase = header.map { $0.lowercased() }
      for name in Self.targetNames {
        guard let column = lowercase.firstIndex(of: name) else { continue }
        try requireUnique(header[column], path)
        notes.append("target: column \(quoted(header[column]))\(column == last ? " (last)" : "")")
        return column
      }
      notes.append("target: column \(quoted(header[last])) (last)")
    } else {
      notes.append("target: last column")
    }
    return last
  }

  // MARK: A trained model

  private mutating func assign(_ schema: FeatureSchema, _ request: ReadRequest) throws(FireTreeError) {
    if let header, let names = schema.names, Set(names).count == names.count {
      try assignByName(names, header, request.path)
      targetColumn = try targetByName(schema, header, request)
      return
    }
    if let given = request.options.target { targetColumn = try position(of: given, request.path) }
    let found =
      request.hasLabelsFile && roles.count != schema.count
      ? nil : schema.targetPosition(amongColumns: roles.count)
    if targetColumn == nil {
      guard let found else {
        let expected =
          request.hasLabelsFile ? counted(schema.count, "feature column") : schema.expectedColumns
        throw .data(file: request.path, expected: expected, found: roles.count)
      }
      targetColumn = found
    } else if roles.count != schema.count + 1 {
      throw .data(
        file: request.path, expected: "\(counted(schema.count, "feature column")) and the target",
        found: roles.count)
    }
    var position = 0
    for column in roles.indices where column != targetColumn {
      if let name = schema.names?[position], let found = header?[column], found != name {
        throw .data(
          file: request.path, row: 1, expected: "column \(quoted(name)), as in training",
          found: "\(quoted(found)): names that come twice need the same order")
      }
      roles[column] = .feature(position)
      position += 1
    }
  }

  private mutating func assignByName(
    _ names: [String], _ header: [String], _ path: String
  ) throws(FireTreeError) {
    var columns: [String: Int] = [:]
    var repeated: Set<String> = []
    for (column, name) in header.enumerated() where columns.updateValue(column, forKey: name) != nil {
      repeated.insert(name)
    }
    let missing = names.filter { columns[$0] == nil }
    if let name = missing.first {
      let (what, hint) =
        missing.count == 1
        ? ("column \(quoted(name))", Self.near(name, header))
        : ("columns \(quotedList(missing))", "; there are \(quotedList(header))")
      throw .data(file: path, "no \(what), which the model needs\(hint)")
    }
    for (position, name) in names.enumerated() {
      guard let column = columns[name] else { continue }
      if repeated.contains(name) { throw Self.notUnique(name, path) }
      roles[column] = .feature(position)
    }
  }

  private func targetByName(
    _ schema: FeatureSchema, _ header: [String], _ request: ReadRequest
  ) throws(FireTreeError) -> Int? {
    if request.hasLabelsFile { return nil }
    if let given = request.options.target {
      let column = try position(of: given, request.path)
      guard roles[column] == .ignored else {
        throw FireTreeError(
          .usage, file: request.path, "\(place(column)) is a feature of the model, not its target")
      }
      return column
    }
    guard let name = schema.targetName, let column = header.firstIndex(of: name) else {
      if request.requiresTarget {
        let missing = schema.targetName.map { "no target column \(quoted($0))" } ?? "there is no target"
        throw .data(file: request.path, "\(missing): give the target column or a labels file")
      }
      return nil
    }
    try requireUnique(name, request.path)
    return column
  }

  // MARK: Finding a column

  private func position(of target: TargetColumn, _ path: String) throws(FireTreeError) -> Int {
    switch target {
    case .name(let name):
      if let column = header?.firstIndex(of: name) {
        try requireUnique(name, path)
        return column
      }
      if let index = Int(name) { return try position(ofIndex: index, path) }
      guard let header else {
        throw FireTreeError(
          .usage, file: path,
          "no column \(quoted(name)): there is no header; give the target as an index from 0")
      }
      throw FireTreeError(.usage, file: path, "no column \(quoted(name))\(Self.near(name, header))")
    case .index(let index): return try position(ofIndex: index, path)
    }
  }

  private func position(ofIndex index: Int, _ path: String) throws(FireTreeError) -> Int {
    let count = roles.count
    guard index >= -count && index < count else {
      let columns = count == 1 ? "the only column is 0" : "columns are 0 to \(count - 1)"
      throw FireTreeError(.usage, file: path, "no column \(index): \(columns)")
    }
    return index < 0 ? count + index : index
  }

  private func requireUnique(_ name: String, _ path: String) throws(FireTreeError) {
    guard let header, header.lazy.filter({ $0 == name }).count > 1 else { return }
    throw Self.notUnique(name, path)
  }

  private static func notUnique(_ name: String, _ path: String) -> FireTreeError {
    .data(file: path, "the header has the column \(quoted(name)) more than once")
  }

  /// A hint at the name that may have been meant, or the names there are.
  private static func near(_ name: String, _ header: [String]) -> String {
    let distances = header.prefix(10_000).map {
      editDistance(Array(name.lowercased().utf8), Array($0.lowercased().utf8))
    }
    if let best = distances.indices.min(by: { distances[$0] < distances[$1] }), distances[best] <= 2,
      2 * distances[best] <= name.utf8.count
    {
      return "; did you mean \(quoted(header[best]))?"
    }
    return "; there are \(quotedList(header))"
  }

  /// Levenshtein distance. Complexity: O(a.count b.count), of names cut to 64 bytes.
  private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    let (a, b) = (a.prefix(64), b.prefix(64))
    var previous = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var current = [i + 1]
      for (j, y) in b.enumerated() {
        current.append(min(current[j] + 1, previous[j + 1] + 1, previous[j] + (x == y ? 0 : 1)))
      }
      previous = current
    }
    return previous[b.count]
  }
}
