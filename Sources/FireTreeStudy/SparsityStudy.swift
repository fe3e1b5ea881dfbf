import FireTree

/// Firing share and drift through training, at several widths.
struct SparsityStudy: Study {
  static let keyColumns = ["points", "neurons", "dimension"]
  static let valueColumns = [
    "iteration", "engine", "loss", "firing_share", "expected_share", "largest_movement", "mean_movement",
    "share_bound", "radius", "pairs_compared", "ties",
  ]

  private let settings: StudySettings
  private let points: Int
  private let dimension: Int
  private let widths: [Int]
  private let iterations: Int

  init(_ settings: StudySettings) {
    self.settings = settings
    points = settings.points([settings.choose(full: 256, quick: 64, smoke: 12)])[0]
    dimension = settings.data?.points.dimension ?? settings.choose(full: 64, quick: 32, smoke: 8)
    widths = settings.choose(
      full: [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20], quick: [1 << 10, 1 << 12, 1 << 14],
      smoke: [1 << 6, 1 << 7, 1 << 8])
    iterations = settings.choose(full: 128, quick: 64, smoke: 8)
  }

  var cells: [StudyCell] {
    widths.map { neurons in
      StudyCell(key: ["\(points)", "\(neurons)", "\(dimension)"]) {
        [settings, points, dimension, iterations] in
        let instance = StudyInstance(points: points, dimension: dimension, neurons: neurons, settings)
        let norms = instance.points.norms()
        let course = try TrainingCourse(
          instance, learningRate: instance.learningRate(workers: settings.workers), iterations: iterations,
          workers: settings.workers)
        let expected = SparsityLemma.share(threshold: instance.threshold, norms: norms, movement: 0)
        let radius = SparsityLemma.radius(threshold: instance.threshold)
        return course.stages.map { stage in
          let bound = SparsityLemma.share(
            threshold: instance.threshold, norms: norms, movement: stage.largestMovement)
          // The audits of a course are counted with its first row.
          let (compared, ties) = stage.iteration == 0 ? (course.audit.compared, course.audit.ties) : (0, 0)
          return ["\(stage.iteration)", course.engine.rawValue]
            + [
              stage.loss, stage.firingShare, expected, stage.largestMovement, stage.meanMovement, bound,
              radius,
            ].map { "\($0)" } + ["\(compared)", "\(ties)"]
        }
      }
    }
  }

  private func rows(_ table: StudyTable, _ neurons: Int) -> [StudyTable.Record] {
    table.records.filter { $0.whole("neurons") == neurons }
  }

  func report(_ table: StudyTable) -> StudyReport {
    var report = StudyReport(
      title: "Firing and drift through training",
      method: """
        \(iterations) steps of plain gradient descent at half of 1 / lambda_max on \(points) \
        \(settings.data == nil ? "random unit vectors with random labels of ±1" : "points of the file"), d = \(dimension), \
        at the papers' threshold.

        Lemma. When every |w_r(t) - w_r(0)| <= R, neuron r fires on x_i at t only if <w_r(0), x_i> > b - R |x_i| \
        (Cauchy-Schwarz). These are independent events, so for |x_i| = 1 at most 2 m P[N(0, 1) > b - R] neurons fire on a \
        point, but with a chance of exp(-m P / 3) (Chernoff). For R <= 1/b that is of the order of m exp(-b^2 / 2).

        Expected at start: P[N(0, 1) > b]. Bound: P[N(0, 1) > b - D] with D the largest movement measured. Radius: 1/b.
        """)
    report.tables = [
      (
        "Shares of pairs that fire, and how far weights have moved at the end.",
        StudyTable.markdown(
          [
            "m", "expected at start", "at start", "at the end", "growth", "bound", "largest movement",
            "mean movement", "radius", "loss at the end / at start",
          ], widths.compactMap { summary(rows(table, $0)) }, left: 0)
      )
    ]
    report.findings = findings(table)
    report.panels = [
      panel("firing share", "share", table) { $0.number("firing_share") },
      panel("largest movement of a weight", "distance", table) { $0.number("largest_movement") },
    ]
    report.pairsCompared = table.records.reduce(0) { $0 + $1.whole("pairs_compared") }
    report.ties = table.records.reduce(0) { $0 + $1.whole("ties") }
    report.claims = claims(table)
    return report
  }

  private func summary(_ rows: [StudyTable.Record]) -> [String]? {
    guard let first = rows.first, let last = rows.last else { return nil }
    let growth = last.number("firing_share") / first.number("firing_share")
    return [StudyNumber.whole(first.whole("neurons"))]
      + [first.number("expected_share"), first.number("firing_share"), last.number("firing_share")]
      .map(StudyNumber.percent) + [StudyNumber.text(growth), StudyNumber.percent(last.number("share_bound"))]
      + [
        last.number("largest_movement"), last.number("mean_movement"), last.number("radius"),
        last.number("loss") / first.number("loss"),
      ].map { StudyNumber.text($0) }
  }

  private func panel(
    _ title: String, _ label: String, _ table: StudyTable, _ value: (StudyTable.Record) -> Double
  ) -> StudyPanel {
    StudyPanel(
      title: title, xLabel: "steps", yLabel: label, logarithmicX: false,
      series: widths.map { width in
        StudyPanel.Series(
          name: "m = \(StudyNumber.whole(width))",
          points: rows(table, width).map { SIMD2($0.number("iteration"), value($0)) })
      })
  }

  /// How the neurons that fire on a point grow with m, at the start and in the end.
  private func laws(_ table: StudyTable) -> (start: PowerLaw?, end: PowerLaw?) {
    let law = { (pick: ([StudyTable.Record]) -> StudyTable.Record?) in
      PowerLaw(
        widths.compactMap { width in
          pick(rows(table, width)).map { (Double(width), $0.number("firing_share") * Double(width)) }
        })
    }
    return (law { $0.first }, law { $0.last })
  }

  private func findings(_ table: StudyTable) -> [String] {
    let laws = laws(table)
    return [
      "neurons that fire on a point ~ m^e: e = \(StudyNumber.exponent(laws.start)) at the start, "
        + "\(StudyNumber.exponent(laws.end)) at the end; 4/5 is claimed as an upper bound"
    ]
      + widths.compactMap { width in
        guard let last = rows(table, width).last else { return nil }
        let ratio = last.number("largest_movement") / last.number("radius")
        return "m = \(StudyNumber.whole(width)): the weight that moved most moved "
          + "\(StudyNumber.text(ratio, digits: 2)) of the radius 1/b"
      }
  }

  private func claims(_ table: StudyTable) -> [StudyClaim] {
    let laws = laws(table)
    let start = laws.start?.interval.lowerBound ?? .infinity
    let excess = widths.compactMap { width in
      rows(table, width).first.map { $0.number("firing_share") / $0.number("expected_share") }
    }
    let inside = widths.filter { width in
      rows(table, width).allSatisfy { $0.number("largest_movement") <= $0.number("radius") }
    }
    let growth = rows(table, widths.last ?? 0)
    let last = (growth.last?.number("firing_share") ?? .nan) / (growth.first?.number("firing_share") ?? .nan)
    let least = inside.min().map { StudyNumber.whole($0) } ?? ""
    return [
      StudyClaim(
        paper: .correlationTrees,
        claim: "At b = sqrt(0.4 ln m) a point has O(m^(4/5)) neurons that fire.",
        place: "lemma on sparsity at the initialization",
        measured: "exponent of m \(StudyNumber.exponent(laws.start)) at the start, "
          + "\(StudyNumber.exponent(laws.end)) at the end",
        verdict: start <= 0.8 ? .holds : .doesNot),
      StudyClaim(
        paper: .halfSpaces, claim: "After initialization O(m exp(-b^2/2)) neurons fire on a point.",
        place: "lemma, sparsity after initialization",
        measured: "share at the start over P[N(0, 1) > b], at most exp(-b^2/2)/2: "
          + excess.map { StudyNumber.text($0) }.joined(separator: ", "),
        verdict: excess.allSatisfy { $0 < 2 } ? .holds : .doesNot),
      StudyClaim(
        paper: .halfSpaces,
        claim: "Through training weights stay within the radius in which firing stays sparse.",
        place: "lemma, sparsity in every iteration",
        measured: (inside.isEmpty
          ? "at no width within 1/b"
          : "within 1/b at m = " + inside.map { StudyNumber.whole($0) }.joined(separator: ", "))
          + ", of \(widths.count) widths; share grown \(StudyNumber.text(last)) times at the widest",
        verdict: inside.count == widths.count
          ? .holds
          : .holdsOnlyWhen(
            inside.isEmpty
              ? "m is larger than \(StudyNumber.whole(widths.last ?? 0))" : "m is at least about \(least)")),
    ]
  }
}
