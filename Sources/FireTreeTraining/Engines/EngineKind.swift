import CorrelationTrees
import FireTreeCore

/// The engines by name.
public enum EngineKind: String, CaseIterable, Sendable {
  case dense
  case dataTree = "data-tree"
  case weightTree = "weight-tree"
  case halfSpaceData = "half-space-data"
  case halfSpaceWeights = "half-space-weights"
  case gram
  case weights
  case kinetic

  /// The engine type. A new engine is one line here.
  public var type: any TrainingEngine.Type {
    switch self {
    case .dense: DenseEngine.self
    case .dataTree: TreeEngine<DataTree>.self
    case .weightTree: TreeEngine<WeightTree>.self
    case .halfSpaceData: TreeEngine<HalfSpaceData>.self
    case .halfSpaceWeights: TreeEngine<HalfSpaceWeights>.self
    case .gram: GramEngine.self
    case .weights: WeightEngine.self
    case .kinetic: KineticEngine.self
    }
  }

  /// The kind of an engine; nil for an engine that has no name here.
  public init?(of engine: any TrainingEngine) {
    guard let kind = Self.allCases.first(where: { $0.type == Swift.type(of: engine) }) else { return nil }
    self = kind
  }
}
