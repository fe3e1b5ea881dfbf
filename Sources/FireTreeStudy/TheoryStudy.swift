import FireTree

/// What the convergence analysis predicts, beside what training does.
struct TheoryStudy: Study {
  static let keyColumns = ["points", "neurons", "dimension"]
  static let valueColumns = [
    "outputs", "threshold", "learning_rate", "smallest", "largest", "expected_smallest", "expected_largest",
    "predicted_contraction", "worst_contraction", "mean_contraction", "steps", "expected_share",
    "start_share",
    "largest_share", "share_bound", "movement", "predicted_movement", "radius", "needed_neurons",
    "pairs_compared", "ties",
  ]

  /// The order of a kernel whose eigenvalues are computed, at most.
  static let largestOrder = 2048

  private let settings: StudySettings
  private let points: Int
  private let dimension: Int
  private let widths: [Int]
  private let iterations: Int

  init(_ settings: StudySettings) throws(FireTreeError) {
    self.settings = settings
    let outputs = settings.data?.targets.columns ?? 1
    guard outputs <= Self.largestOrder else {
      throw .usage("the study of theory takes at most \(Self.largestOrder) outputs, the data have \(outputs)")
    }
    let wanted = settings.points([settings.choose(full: 128, quick: 48, smoke: 10)])[0]
    points = min(wanted, Self.largestOrder / outputs)
    dimension = settings.data?.points.dimension ?? settings.choose(full: 64, quick: 32, smoke: 8)
    widths = settings.choose(
      full: [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20], quick: [1 << 10, 1 << 12, 1 << 14],
      smoke: [1 << 8, 1 << 9])
    iterations = settings.choose(full: 256, quick: 64, smoke: 16)
  }

  var cells: [StudyCell] {
    widths.map { neurons in
      StudyCell(key: ["\(points)", "\(neurons)", "\(dimension)"]) {
        [settings, points, dimension, iterations] in
        let instance = StudyInstance(points: points, dimension: dimension, neurons: neurons, settings)
        return [
          try TheoryComparison(instance, iterations: iterations, workers: settings.workers).fields
        ]
      }
    }
  }

  func report(_ table: StudyTable) -> StudyReport {
    var report = StudyReport(
      title: "The analysis beside training",
      method: """
        \(iterations) steps of plain gradient descent at eta = 1 / lambda_max of the tangent kernel H at the start, on \
        \(points) \(settings.data == nil ? "random unit vectors with random labels of ±1" : "points of the file"), \
        d = \(dimension), at the papers' threshold. The analyses take a much smaller eta, of the order lambda / n^2. \
        Eigenvalues are those of the whole kernel; expected ones are those of an infinitely wide network. Contraction is \
        the factor of |f - y|^2 in one step: predicted at most 1 - eta lambda / 2 with lambda the smallest eigenvalue \
        of H. Predicted movement: 4 sqrt(nC) |f(0) - y| / (sqrt(m) lambda), which follows from that contraction; \
        neurons needed: the m at which it equals the radius 1/b of the sparsity lemma.
        """)
    let rows = table.records
    let number = { (column: String) in { (row: StudyTable.Record) in StudyNumber.text(row.number(column)) } }
    let share = { (column: String) in { (row: StudyTable.Record) in StudyNumber.percent(row.number(column)) }
    }
    report.tables = [
      (
        "Kernel and convergence.",
        Self.markdown(
          rows,
          [
            ("smallest eigenvalue", number("smallest")), ("expected", number("expected_smallest")),
            ("largest", number("largest")), ("expected", number("expected_largest")),
            ("eta", number("learning_rate")),
            ("contraction predicted", { StudyNumber.text($0.number("predicted_contraction"), digits: 6) }),
            ("worst measured", { StudyNumber.text($0.number("worst_contraction"), digits: 6) }),
            ("mean measured", { StudyNumber.text($0.number("mean_contraction"), digits: 6) }),
          ])
      ),
      (
        "Firing and movement.",
        Self.markdown(
          rows,
          [
            ("share expected at start", share("expected_share")), ("at start", share("start_share")),
            ("largest", share("largest_share")), ("bound", share("share_bound")),
            ("largest movement", number("movement")), ("radius", number("radius")),
            ("movement predicted", number("predicted_movement")),
            ("neurons needed", number("needed_neurons")),
          ])
      ),
    ]
    report.findings = rows.map(Self.finding)
    report.panels = [
      Self.panel("eigenvalues of H", "eigenvalue", rows, ["smallest", "expected_smallest", "largest"]),
      Self.panel("movement of a weight", "distance", rows, ["movement", "predicted_movement", "radius"]),
    ]
    report.pairsCompared = rows.reduce(0) { $0 + $1.whole("pairs_compared") }
    report.ties = rows.reduce(0) { $0 + $1.whole("ties") }
    report.claims = claims(rows)
    return report
  }

  private static func markdown(
    _ rows: [StudyTable.Record], _ columns: [(String, (StudyTable.Record) -> String)]
  ) -> String {
    StudyTable.markdown(
      ["m"] + columns.map(\.0),
      rows.map { row in [StudyNumber.whole(row.whole("neurons"))] + columns.map { $0.1(row) } }, left: 0)
  }

  private static func panel(
    _ title: String, _ label: String, _ rows: [StudyTable.Record], _ columns: [String]
  ) -> StudyPanel {
    StudyPanel(
      title: title, xLabel: "m", yLabel: label,
      series: columns.map { column in
        StudyPanel.Series(
          name: column, points: rows.map { SIMD2($0.number("neurons"), $0.number(column)) })
      })
  }

  private static func finding(_ row: StudyTable.Record) -> String {
    let text = { (column: String) in StudyNumber.text(row.number(column), digits: 6) }
    return
      "m = \(StudyNumber.whole(row.whole("neurons"))): contraction at most \(text("predicted_contraction")) "
      + "predicted, \(text("worst_contraction")) measured in the worst of \(row["steps"]) steps; movement "
      + "\(StudyNumber.text(row.number("movement"))) of a radius of \(StudyNumber.text(row.number("radius")))"
  }

  private func claims(_ rows: [StudyTable.Record]) -> [StudyClaim] {
    let converging = rows.filter { $0.number("worst_contraction") <= $0.number("predicted_contraction") }
    let deviation = rows.map { abs($0.number("smallest") / $0.number("expected_smallest") - 1) }
    let near = rows.filter { $0.number("movement") <= $0.number("radius") }
    let list = { (rows: [StudyTable.Record]) in
      rows.isEmpty ? "none" : rows.map { StudyNumber.whole($0.whole("neurons")) }.joined(separator: ", ")
    }
    return [
      StudyClaim(
        paper: .halfSpaces,
        claim: "Each step shrinks |f - y|^2 by 1 - eta lambda / 2 or more, until it is 0.",
        place: "theorem, convergence by induction",
        measured: "in every step at m = \(list(converging)) of \(list(rows)), eta = 1 / lambda_max",
        verdict: converging.count == rows.count
          ? .holds
          : converging.isEmpty ? .doesNot : .holdsOnlyWhen("the network is wide: m = \(list(converging))")),
      StudyClaim(
        paper: .halfSpaces,
        claim:
          "The kernel at the start is close to that of an infinite width, with a smallest eigenvalue above 0.",
        place: "lemma, discrete and continuous shifted kernel",
        measured: "smallest eigenvalue off by "
          + zip(rows, deviation).map {
            "\(StudyNumber.percent($1)) at m = \(StudyNumber.whole($0.whole("neurons")))"
          }
          .joined(separator: ", "),
        verdict: Self.concentration(rows, deviation)),
      StudyClaim(
        paper: .halfSpaces, claim: "A width polynomial in n keeps every weight within the radius.",
        place: "theorem, convergence: the width that is asked for",
        measured: "within 1/b at m = \(list(near)); the bound asks for m = "
          + rows.map { StudyNumber.text($0.number("needed_neurons"), digits: 2) }.joined(separator: ", "),
        verdict: Self.movement(rows, near)),
    ]
  }

  private static func concentration(
    _ rows: [StudyTable.Record], _ deviation: [Double]
  ) -> StudyClaim.Verdict {
    let close = zip(rows, deviation).filter { $1 <= 0.25 && $0.number("smallest") > 0 }.map { $0.0 }
    guard let least = close.map({ $0.whole("neurons") }).min() else { return .doesNot }
    return close.count == rows.count
      ? .holds : .holdsOnlyWhen("m is at least about \(StudyNumber.whole(least))")
  }

  /// What the movements say of a claim that is made of wide networks alone.
  private static func movement(
    _ rows: [StudyTable.Record], _ near: [StudyTable.Record]
  ) -> StudyClaim.Verdict {
    if near.count == rows.count { return .holds }
    if let least = near.map({ $0.whole("neurons") }).min() {
      return .holdsOnlyWhen("m is at least about \(StudyNumber.whole(least)), less than the bound asks for")
    }
    let asked = rows.contains { $0.number("neurons") >= $0.number("needed_neurons") }
    let law = PowerLaw(rows.map { ($0.number("neurons"), $0.number("movement")) })
    return asked
      ? .doesNot
      : .open(
        "open: no width here is as large as asked for; movement ~ m^e, e = \(StudyNumber.exponent(law))")
  }
}
