/// The detectors of firing neurons by name: the one list of them, the plain one first.
public enum DetectorKind: String, CaseIterable, Sendable {
  case linearScan = "linear-scan"
  case dataTree = "data-tree"
  case weightTree = "weight-tree"
  case halfSpaceData = "half-space-data"
  case halfSpaceWeights = "half-space-weights"

  /// The detector type. A new detector is one line here.
  public var type: any FiringDetector.Type {
    switch self {
    case .linearScan: LinearScan.self
    case .dataTree: DataTree.self
    case .weightTree: WeightTree.self
    case .halfSpaceData: HalfSpaceData.self
    case .halfSpaceWeights: HalfSpaceWeights.self
    }
  }
}
