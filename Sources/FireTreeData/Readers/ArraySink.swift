import FireTreeCore

/// Where decoded elements go: the features, and the target column apart.
///
/// Wide elements of training data are counted from origins where 32 bits would lose their digits. An array by rows is
/// kept in Double until they are known; a column that comes as a whole tells its own.
struct ArraySink {
  private var features: Matrix
  private var labels: [Double]
  private let target: Int?
  private var store: RowStore?
  private var origins: [Int: Double]
  private let findsOrigins: Bool

  /// `origins`: those of a model. Throws a usage error when there is no memory for the elements.
  init(
    rows: Int, columns: Int, target: Int?, origins: [Int: Double]?, isWide: Bool, byRow: Bool
  ) throws(FireTreeError) {
    features = try Matrix(allocating: isWide && byRow ? 0 : rows, by: columns)
    labels = try [Double](allocating: target == nil ? 0 : rows, repeating: 0)
    self.target = target
    self.origins = origins ?? [:]
    findsOrigins = isWide
    if isWide && byRow { store = RowStore(columns: columns) }
  }

  mutating func put(row: Int, _ elements: [Double]) throws(FireTreeError) {
    if let target { labels[row] = elements[target] }
    let (target, origins) = (target, origins)
    try store?.beginRow()
    if store != nil {
      for (position, element) in elements.enumerated() where position != target {
        store?.set(Self.feature(position, target), element)
      }
      return
    }
    features.withMutableView { features in
      for (position, element) in elements.enumerated() where position != target {
        let column = Self.feature(position, target)
        features[row, column] = Float(element - (origins.isEmpty ? 0 : origins[column] ?? 0))
      }
    }
  }

  mutating func put(column: Int, _ elements: ArraySlice<Double>) throws(FireTreeError) {
    if column == target {
      labels = try Array(copying: elements)
      return
    }
    let column = Self.feature(column, target)
    if findsOrigins {
      var store = RowStore(columns: 1)
      for element in elements {
        try store.beginRow()
        store.set(0, element)
      }
      origins[column] = store.origins()[0]
    }
    let origin = origins[column] ?? 0
    features.withMutableView { features in
      for (row, element) in elements.enumerated() { features.row(row)[column] = Float(element - origin) }
    }
  }

  /// The position among the features of a column of the file.
  private static func feature(_ column: Int, _ target: Int?) -> Int {
    target.map { column > $0 ? column - 1 : column } ?? column
  }

  consuming func finish() throws(FireTreeError) -> (
    features: Matrix, labels: [Double], origins: [Int: Double]
  ) {
    guard let store else { return (features, labels, origins) }
    let origins = store.origins()
    return (try store.matrix(origins: origins), labels, origins)
  }
}
