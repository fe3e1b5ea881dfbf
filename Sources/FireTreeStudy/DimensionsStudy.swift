import FireTree

/// What detectors take over the dimension: structures over the geometry of the points against trees over correlations.
struct DimensionsStudy: Study {
  static let keyColumns = ["dimension", "points", "neurons", "detector"]
  static let valueColumns = Array(DetectorTiming.columns.dropFirst())

  private let settings: StudySettings
  private let points: Int
  private let neurons: Int
  private static let dimensions = [2, 3, 5, 8, 12, 20, 50]

  init(_ settings: StudySettings) {
    self.settings = settings
    points = settings.choose(full: 2048, quick: 512, smoke: 24)
    neurons = settings.choose(full: 8192, quick: 2048, smoke: 64)
  }

  var cells: [StudyCell] {
    Self.dimensions.flatMap { d in
      DetectorKind.allCases.map { kind in
        StudyCell(key: ["\(d)", "\(points)", "\(neurons)", kind.rawValue]) { [settings, points, neurons] in
          let instance = StudyInstance(
            points: points, dimension: d, neurons: neurons, settings, usesData: false)
          let network = try instance.network(workers: settings.workers)
          let others = StudyInstance.directions(
            min(64, neurons), d, seed: settings.seed, stream: 18)
          return [
            Array(
              try DetectorTiming(
                kind, weights: network.hiddenWeights, changed: others, points: instance.points,
                bound: network.threshold.nextUp, workers: settings.workers
              ).fields.dropFirst())
          ]
        }
      }
    }
  }

  /// Numbers that were looked at to report all pairs, inner products included, for each pair of n m.
  private static func looked(_ row: StudyTable.Record) -> Double {
    (row.number("nodes_visited") + row.number("inner_products"))
      / (row.number("points") * row.number("neurons"))
  }

  private func record(_ table: StudyTable, _ detector: String, _ dimension: Int) -> StudyTable.Record? {
    table.records.first { $0["detector"] == detector && $0.whole("dimension") == dimension }
  }

  func report(_ table: StudyTable) -> StudyReport {
    var report = StudyReport(
      title: "Detectors over the dimension",
      method: """
        \(StudyNumber.whole(points)) random unit vectors and \(StudyNumber.whole(neurons)) weights of N(0, I) at the \
        papers' threshold. Each detector is built, reports every pair that fires, and then takes \
        \(min(64, neurons)) changed weights one by one; both answers are compared with those of `LinearScan`.
        """)
    let columns: [(String, (StudyTable.Record) -> String)] = [
      ("To build.", { StudyNumber.seconds($0.number("build_seconds")) }),
      ("To report all pairs.", { StudyNumber.seconds($0.number("query_seconds")) }),
      (
        "Stored numbers and inner products that reporting all pairs looks at, for each of the n m pairs.",
        { StudyNumber.text(Self.looked($0)) }
      ),
      ("To change one weight.", { StudyNumber.seconds($0.number("update_seconds")) }),
      ("To report the neurons of one point.", { StudyNumber.seconds($0.number("point_query_seconds")) }),
      ("To report the points of one neuron.", { StudyNumber.seconds($0.number("neuron_query_seconds")) }),
      ("Memory besides the points.", { StudyNumber.text($0.number("memory_bytes") / 1e6) + " MB" }),
    ]
    report.tables = columns.map { caption, text in
      (
        caption: caption,
        markdown: StudyTable.markdown(
          ["detector"] + Self.dimensions.map { "d = \($0)" },
          DetectorKind.allCases.map { kind in
            [kind.rawValue]
              + Self.dimensions.map { record(table, kind.rawValue, $0).map(text) ?? "-" }
          })
      )
    }
    report.findings = findings(table)
    report.panels = [
      ("to report all pairs", "query_seconds"), ("to build", "build_seconds"),
      ("to change a weight", "update_seconds"),
    ].map { title, column in panel(title, "seconds", table) { $0.number(column) } }
    report.panels.append(panel("looked at for each pair", "numbers", table, Self.looked))
    report.pairsCompared = table.records.reduce(0) { $0 + $1.whole("pairs_compared") }
    report.ties = table.records.reduce(0) { $0 + $1.whole("ties") }
    report.claims = claims(table)
    return report
  }

  private func panel(
    _ title: String, _ label: String, _ table: StudyTable, _ value: (StudyTable.Record) -> Double
  ) -> StudyPanel {
    StudyPanel(
      title: title, xLabel: "d", yLabel: label,
      series: DetectorKind.allCases.map { kind in
        StudyPanel.Series(
          name: kind.rawValue,
          points: Self.dimensions.compactMap { d in
            record(table, kind.rawValue, d).map { SIMD2(Double(d), value($0)) }
          })
      })
  }

  private func findings(_ table: StudyTable) -> [String] {
    DetectorKind.allCases.map { kind in
      let looked = Self.dimensions.map { d in
        record(table, kind.rawValue, d).map { StudyNumber.text(Self.looked($0)) } ?? "-"
      }
      return "\(kind.rawValue) looks at \(looked.joined(separator: ", ")) numbers for each pair in d = "
        + Self.dimensions.map { "\($0)" }.joined(separator: ", ")
    }
  }

  /// The detectors over the geometry of the points, by their names.
  private var halfSpaces: [DetectorKind] {
    DetectorKind.allCases.filter { $0.rawValue.hasPrefix("half-space") }
  }

  private func claims(_ table: StudyTable) -> [StudyClaim] {
    var claims = [queryClaim(table)]
    for kind in halfSpaces {
      let looked = Self.dimensions.map { d in record(table, kind.rawValue, d).map(Self.looked) ?? .nan }
      // A scan looks at one number for each pair.
      let useful = zip(Self.dimensions, looked).filter { $0.1 < 0.5 }.map(\.0)
      claims.append(
        StudyClaim(
          paper: .halfSpaces,
          claim:
            "Half-space reporting finds what fires in less than a scan: \(kind.rawValue), m^(1-Θ(1/d)) a query.",
          place: "main results, preprocessing of weights and of data",
          measured: "numbers looked at for each pair, a scan being 1: "
            + zip(Self.dimensions, looked).map { "\(StudyNumber.text($1, digits: 2)) in d = \($0)" }
            .joined(separator: ", "),
          verdict: useful.count == looked.count
            ? .holds : useful.isEmpty ? .doesNot : .holdsOnlyWhen("d is at most about \(useful.max() ?? 0)")))
    }
    return claims
  }

  /// A query of a tree: at most about 2 log m nodes for each pair that it reports, and one for each tree.
  private func queryClaim(_ table: StudyTable) -> StudyClaim {
    var worst = 0.0
    for (detector, trees, leaves) in [("data-tree", points, neurons), ("weight-tree", neurons, points)] {
      let depth = Double(Int.bitWidth - max(leaves - 1, 1).leadingZeroBitCount)
      for d in Self.dimensions {
        guard let row = record(table, detector, d) else { continue }
        worst = max(
          worst, row.number("nodes_visited") / (Double(trees) + depth * row.number("pairs_reported")))
      }
    }
    return StudyClaim(
      paper: .correlationTrees,
      claim:
        "A query takes O((1 + k) log m) for k reported pairs, the log n of the other tree alike, in any dimension.",
      place: "theorems on the data structures Correlation DTree and WTree, Query",
      measured:
        "at most \(StudyNumber.text(worst)) nodes for each tree and each level of a reported pair, over all d",
      verdict: worst <= 3 ? .holds : .doesNot)
  }
}
