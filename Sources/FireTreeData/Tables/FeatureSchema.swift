/// What a model must know of its training file to pick the features from a new one.
public struct FeatureSchema: Sendable, Equatable, Codable {
  /// Number of features, d.
  public var count: Int
  /// Names of the features in order (d), or nil when the file had none, or the same one twice.
  public var names: [String]?
  /// Name of the target column, if it had one.
  public var targetName: String?
  /// Position of the target among all columns, from 0; nil when it was not a column.
  public var targetIndex: Int?

  /// Precondition: as many names as features.
  public init(count: Int, names: [String]? = nil, targetName: String? = nil, targetIndex: Int? = nil) {
    precondition(names.map { $0.count == count } ?? true, "\(count) features need as many names")
    self.count = count
    self.names = names
    self.targetName = targetName
    self.targetIndex = targetIndex
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
