import FireTree

/// Which engine is the fastest over n and m.
struct RegimesStudy: Study {
  static let keyColumns = ["points", "neurons", "dimension"]
  static let valueColumns = EngineMeasurement.columns

  private let settings: StudySettings
  private let dimension: Int
  private let sizes: [(points: Int, neurons: Int)]

  /// Steps that preprocessing is spread over where both are compared: the default of training.
  static let iterations = 60

  init(_ settings: StudySettings) {
    self.settings = settings
    dimension = settings.data?.points.dimension ?? settings.choose(full: 256, quick: 128, smoke: 16)
    let points = settings.points(
      settings.choose(full: [16, 64, 256, 1024, 4096], quick: [16, 128, 1024], smoke: [4, 32]))
    let neurons = settings.choose(
      full: [1024, 8192, 65536, 524288], quick: [1024, 16384], smoke: [64, 256])
    let largest = settings.choose(full: 1 << 26, quick: 1 << 24, smoke: 1 << 20)
    sizes = points.flatMap { n in neurons.filter { $0 * n <= largest }.map { (n, $0) } }
  }

  var cells: [StudyCell] {
    sizes.map { points, neurons in
      StudyCell(key: ["\(points)", "\(neurons)", "\(dimension)"]) { [settings, dimension] in
        let instance = StudyInstance(points: points, dimension: dimension, neurons: neurons, settings)
        return try EngineMeasurement.all(
          instance, budget: ScalingStudy.budget(settings), workers: settings.workers
        ).map(\.fields)
      }
    }
  }

  /// The engines that were measured in one cell, the fastest first.
  private func ranking(
    _ table: StudyTable, _ size: (points: Int, neurons: Int), by time: (StudyTable.Record) -> Double
  ) -> [(engine: String, seconds: Double)] {
    table.records.filter {
      $0.whole("points") == size.points && $0.whole("neurons") == size.neurons && $0["status"] == "measured"
    }.map { ($0["engine"], time($0)) }.sorted { $0.1 < $1.1 }
  }

  func report(_ table: StudyTable) -> StudyReport {
    var report = StudyReport(
      title: "Which engine is the fastest over n and m",
      method: """
        Steps of plain gradient descent at the papers' threshold on \
        \(settings.data == nil ? "random unit vectors" : "the points of the file"), d = \(dimension). Behind each name: how \
        many times faster than `dense`.
        """)
    let step = { (row: StudyTable.Record) in row.number("step_seconds") }
    let whole = { (row: StudyTable.Record) in
      row.number("preprocess_seconds") + Double(Self.iterations) * row.number("step_seconds")
    }
    report.tables = [
      ("The fastest step.", winners(table, by: step)),
      (
        "The fastest training of \(Self.iterations) steps, preprocessing included.", winners(table, by: whole)
      ),
      ("Step times.", times(table)),
    ]
    report.findings = findings(table, by: step)
    report.panels = Array(Set(sizes.map(\.points))).sorted().map { n in
      StudyPanel(
        title: "a step, n = \(n)", xLabel: "m", yLabel: "seconds",
        series: EngineKind.allCases.map { kind in
          StudyPanel.Series(
            name: kind.rawValue,
            points: table.records.filter { $0.whole("points") == n && $0["engine"] == kind.rawValue }.map {
              SIMD2($0.number("neurons"), step($0))
            })
        })
    }
    report.pairsCompared = table.records.reduce(0) { $0 + $1.whole("pairs_compared") }
    report.ties = table.records.reduce(0) { $0 + $1.whole("ties") }
    report.claims = [claim(table, by: step)]
    return report
  }

  private func winners(_ table: StudyTable, by time: (StudyTable.Record) -> Double) -> String {
    let widths = Array(Set(sizes.map(\.neurons))).sorted()
    return StudyTable.markdown(
      ["n"] + widths.map { "m = \(StudyNumber.whole($0))" },
      Array(Set(sizes.map(\.points))).sorted().map { n in
        [StudyNumber.whole(n)]
          + widths.map { m in
            let found = ranking(table, (n, m), by: time)
            guard let best = found.first else { return "-" }
            let dense = found.first { $0.engine == "dense" }.map { $0.seconds / best.seconds }
            return best.engine + (dense.map { " (\(StudyNumber.text($0, digits: 2)))" } ?? "")
          }
      })
  }

  private func times(_ table: StudyTable) -> String {
    StudyTable.markdown(
      ["n", "m", "pairs that fire", "neurons moved"] + EngineKind.allCases.map(\.rawValue),
      sizes.map { size in
        let rows = table.records.filter {
          $0.whole("points") == size.points && $0.whole("neurons") == size.neurons
        }
        let some = rows.first { $0["status"] == "measured" }
        return [
          StudyNumber.whole(size.points), StudyNumber.whole(size.neurons),
          StudyNumber.percent(some?.number("firing_share") ?? .nan),
          StudyNumber.percent(some?.number("moved_share") ?? .nan),
        ]
          + EngineKind.allCases.map { kind in
            rows.first { $0["engine"] == kind.rawValue && $0["status"] == "measured" }
              .map { StudyNumber.seconds($0.number("step_seconds")) } ?? "-"
          }
      }, left: 0)
  }

  private func findings(_ table: StudyTable, by time: (StudyTable.Record) -> Double) -> [String] {
    let best = sizes.compactMap { ranking(table, $0, by: time).first?.engine }
    return EngineKind.allCases.map { kind in
      "\(kind.rawValue) has the fastest step in \(best.count { $0 == kind.rawValue }) of \(best.count) cells"
    }
  }

  /// Where a correlation tree beats dense training, and up to how many points.
  private func claim(_ table: StudyTable, by time: (StudyTable.Record) -> Double) -> StudyClaim {
    let trees = ["data-tree", "weight-tree"]
    let winning = sizes.filter { size in
      let found = ranking(table, size, by: time)
      guard let dense = found.first(where: { $0.engine == "dense" })?.seconds else { return false }
      return found.contains { trees.contains($0.engine) && $0.seconds < dense }
    }
    let largest = winning.map(\.points).max() ?? 0
    return StudyClaim(
      paper: .correlationTrees,
      claim: "Training with the correlation trees is faster than the dense n m d of an iteration.",
      place: "main theorem on training, introduction",
      measured: "a tree's step is faster than that of dense in \(winning.count) of \(sizes.count) cells"
        + (winning.isEmpty ? "" : ", with up to \(largest) points"),
      verdict: winning.count == sizes.count
        ? .holds
        : winning.isEmpty ? .doesNot : .holdsOnlyWhen("n is at most about \(StudyNumber.whole(largest))"))
  }
}
