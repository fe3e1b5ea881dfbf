import FireTree

/// The studies by name.
public enum StudyKind: String, CaseIterable, Sendable {
  /// Preprocessing and step time of every engine in n, m and d.
  case scaling
  /// The fastest engine over n and m.
  case regimes
  /// Detectors over the dimension.
  case dimensions
  /// Detectors on orthogonal vectors and on training instances.
  case hardness
  /// Firing share and drift through training.
  case sparsity
  /// The analysis beside training: kernel, convergence, firing, movement.
  case theory

  /// The study type. A new study is one line here.
  public var type: any Study.Type {
    switch self {
    case .scaling: ScalingStudy.self
    case .regimes: RegimesStudy.self
    case .dimensions: DimensionsStudy.self
    case .hardness: HardnessStudy.self
    case .sparsity: SparsityStudy.self
    case .theory: TheoryStudy.self
    }
  }
}

/// One question with its measurements, cut into cells that are measured one after the other and kept when finished.
public protocol Study: Sendable {
  init(_ settings: StudySettings) throws(FireTreeError)

  /// The columns that tell cells apart, with which every row of the table begins.
  static var keyColumns: [String] { get }
  /// The columns that are measured.
  static var valueColumns: [String] { get }

  /// What there is to measure, in order.
  var cells: [StudyCell] { get }

  /// What the complete table says. A pure function of the table.
  func report(_ table: StudyTable) -> StudyReport
}

extension Study {
  public static var columns: [String] { keyColumns + valueColumns }
}

/// A measurement of one setting of a study.
public struct StudyCell: Sendable {
  /// The fields of the key columns.
  public let key: [String]
  /// Measures: the fields of the value columns, of one row or several.
  public let measure: @Sendable () throws -> [[String]]
}

/// What a study has found.
public struct StudyReport: Sendable {
  public var title: String
  /// What is measured and how, in a few sentences (Markdown).
  public var method: String
  /// Markdown tables with a line above each.
  public var tables: [(caption: String, markdown: String)] = []
  /// What was measured comes to this, a line each.
  public var findings: [String] = []
  public var panels: [StudyPanel] = []
  public var claims: [StudyClaim] = []
  /// Pairs that were compared with a dense pass or with `LinearScan`; a difference ends the study.
  public var pairsCompared = 0
  /// Of those, pairs that differ within rounding of the threshold.
  public var ties = 0
}

/// A claim of a paper and what the study says of it.
public struct StudyClaim: Sendable, Equatable {
  public enum Paper: String, Sendable {
    case correlationTrees = "2211.14227"
    case halfSpaces = "2110.04622"
  }

  public enum Verdict: Sendable, Equatable {
    case holds
    case holdsOnlyWhen(String)
    case doesNot
    /// What no measurement can decide.
    case open(String)

    public var text: String {
      switch self {
      case .holds: "holds"
      case .holdsOnlyWhen(let condition): "holds only when \(condition)"
      case .doesNot: "does not hold here"
      case .open(let reason): reason
      }
    }
  }

  public var paper: Paper
  public var claim: String
  /// Where the paper says it, by title: numbers differ between its versions.
  public var place: String
  public var measured: String
  public var verdict: Verdict
}

/// One diagram: lines over logarithmic or linear axes.
public struct StudyPanel: Sendable, Equatable {
  public struct Series: Sendable, Equatable {
    public var name: String
    public var points: [SIMD2<Double>]

    public init(name: String, points: [SIMD2<Double>]) {
      self.name = name
      self.points = points
    }
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var logarithmicX = true
  public var logarithmicY = true
  public var series: [Series]

  public init(
    title: String, xLabel: String, yLabel: String, logarithmicX: Bool = true, logarithmicY: Bool = true,
    series: [Series]
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.logarithmicX = logarithmicX
    self.logarithmicY = logarithmicY
    self.series = series
  }
}
