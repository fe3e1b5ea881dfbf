import CorrelationTrees
import FireTreeCore

/// The engines by name.
public enum EngineKind: String, CaseIterable, Sendable {
  case dense
  case dataTree = "data-tree"
  case weightTree = "weight-tree"
  case gram
  case weights

  /// The engine type. A new engine is one line here.
  public var type: any TrainingEngine.Type {
    switch self {
    case .dense: DenseEngine.self
    case .dataTree: TreeEngine<DataTree>.self
    case .weightTree: TreeEngine<WeightTree>.self
    case .gram: GramEngine.self
    case .weights: WeightEngine.self
    }
  }
}
