/// What a model must know of its training file to pick the features from a new one.
public struct FeatureSchema: Sendable, Equatable, Codable {
  /// Number of features, d.
  public var count: Int
  /// Names of the features in order (d), or nil when the file had none. Where one comes twice, new files must have them
  /// in the same order.
  public var names: [String]?
  /// Name of the target column, if it had one.
  public var targetName: String?
  /// Position of the target among all columns, from 0; nil when it was not a column.
  public var targetIndex: Int?

  /// What readers take off a feature in 64 bits before it is rounded to 32, by position: such features, a time since
  /// 1970 for example, would lose their digits otherwise. Features from elsewhere need it taken off too.
  public var origins: [Int: Double]

  /// Precondition: as many names as features.
  public init(
    count: Int, names: [String]? = nil, targetName: String? = nil, targetIndex: Int? = nil,
    origins: [Int: Double] = [:]
  ) {
    precondition(names.map { $0.count == count } ?? true, "\(count) features need as many names")
    self.count = count
    self.names = names
    self.targetName = targetName
    self.targetIndex = targetIndex
    self.origins = origins
  }

  /// One line for each origin.
  var originNotes: [String] {
    origins.keys.sorted().map { feature in
      let name = names.map { quoted($0[feature]) } ?? "\(feature + 1)"
      return
        "origin: feature \(name) is counted from \(origins[feature] ?? 0), as 32 bits would lose its digits"
    }
  }

  /// Position in a file of `columns` columns, by count alone, of the target; nil when there is none.
  ///
  /// Returns `.some(nil)` for features alone and nil when neither d nor d + 1 columns are there.
  func targetPosition(amongColumns columns: Int) -> Int?? {
    if columns == count { return .some(nil) }
    if columns == count + 1, let targetIndex, targetIndex >= 0, targetIndex <= count { return targetIndex }
    return nil
  }

  /// What `targetPosition` accepts, in words.
  var expectedColumns: String {
    targetIndex == nil
      ? counted(count, "feature column")
      : "\(counted(count, "feature column")) (or \(count + 1) with the target)"
  }
}
