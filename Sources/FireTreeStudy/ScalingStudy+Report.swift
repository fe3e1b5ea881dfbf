import FireTree

extension ScalingStudy {
  func report(_ table: StudyTable) -> StudyReport {
    let fits = fits(table)
    var report = StudyReport(
      title: "Time against n, m and d",
      method: """
        Every engine takes steps of plain gradient descent from the same network at the papers' threshold, on \
        \(settings.data == nil ? "random unit vectors" : "the points of the file (random ones where d grows)"). \
        Preprocessing is the least of up to five times, a step the median after the first one. An exponent e of \
        time ~ x^e is the slope of the logarithms, with its 95% interval. Engines that are predicted to take too long \
        are left out.
        """)
    report.tables = sweeps.map { sweep in
      (caption: Self.caption(sweep), markdown: Self.times(sweep, table))
    }
    report.tables.append(
      (
        "Exponents with 95% intervals: preprocessing, then a step.",
        StudyTable.markdown(
          ["engine"] + sweeps.map { "preprocessing, \($0.name)" } + sweeps.map { "step, \($0.name)" },
          EngineKind.allCases.map { kind in
            let own = fits.filter { $0.engine == kind.rawValue }
            return [kind.rawValue] + own.map { StudyNumber.exponent($0.preprocessing) }
              + own.map { StudyNumber.exponent($0.step) }
          })
      ))
    report.findings = Self.findings(fits)
    report.panels = sweeps.flatMap { sweep in
      [("preprocess_seconds", "preprocessing"), ("step_seconds", "step")].map { column, name in
        Self.panel(sweep, column: column, name: name, table)
      }
    }
    report.pairsCompared = table.records.reduce(0) { $0 + $1.whole("pairs_compared") }
    report.ties = table.records.reduce(0) { $0 + $1.whole("ties") }
    report.claims = claims(fits)
    return report
  }

  private static func caption(_ sweep: Sweep) -> String {
    let first = sweep.sizes[0]
    var parts: [String] = []
    if sweep.column != "points" { parts.append("n = \(first.points)") }
    if sweep.column != "neurons" { parts.append("m = \(first.neurons)") }
    if sweep.column != "dimension" { parts.append("d = \(first.dimension)") }
    return "\(sweep.name): \(parts.joined(separator: ", ")); preprocessing / step."
  }

  private static func times(_ sweep: Sweep, _ table: StudyTable) -> String {
    let rows = table.records.filter { $0["sweep"] == sweep.name }
    let engines = EngineKind.allCases.map(\.rawValue)
    let sizes = rows.reduce(into: [String]()) {
      if !$0.contains($1[sweep.column]) { $0.append($1[sweep.column]) }
    }
    return StudyTable.markdown(
      [sweep.column, "pairs that fire"] + engines,
      sizes.map { size in
        let own = rows.filter { $0[sweep.column] == size }
        let share = own.first { $0["status"] == "measured" }?.number("firing_share") ?? .nan
        return [StudyNumber.whole(Int(size) ?? 0), StudyNumber.percent(share)]
          + engines.map { engine in
            guard let row = own.first(where: { $0["engine"] == engine }), row["status"] == "measured" else {
              return "-"
            }
            return StudyNumber.seconds(row.number("preprocess_seconds")) + " / "
              + StudyNumber.seconds(row.number("step_seconds"))
          }
      })
  }

  private static func panel(
    _ sweep: Sweep, column: String, name: String, _ table: StudyTable
  ) -> StudyPanel {
    let rows = table.records.filter { $0["sweep"] == sweep.name && $0["status"] == "measured" }
    return StudyPanel(
      title: "\(name), \(sweep.name)", xLabel: sweep.column, yLabel: "seconds",
      series: EngineKind.allCases.map { kind in
        StudyPanel.Series(
          name: kind.rawValue,
          points: rows.filter { $0["engine"] == kind.rawValue }.map {
            SIMD2($0.number(sweep.column), $0.number(column))
          })
      })
  }

  /// What the project set out to reach, and whether it is.
  private static func findings(_ fits: [Fit]) -> [String] {
    var lines: [String] = []
    // Half-space reporting is built in less than n m d: over the points alone, or over the weights.
    for fit in fits where !fit.engine.hasPrefix("half-space") {
      guard let law = fit.preprocessing else { continue }
      let isLinear = abs(law.exponent - 1) <= 0.07
      lines.append(
        "\(fit.engine), preprocessing in \(fit.sweep.name): \(StudyNumber.exponent(law)), goal 1 ± 0.07: "
          + (isLinear ? "reached" : "missed: " + bound(of: law, sweep: fit.sweep)))
    }
    for (engine, name, goal, isReached) in goals {
      guard
        let fit = fits.first(where: { $0.engine == engine && $0.sweep.name == name }), let law = fit.step
      else { continue }
      let sweep = fit.sweep
      lines.append(
        "\(engine), step in \(name): \(StudyNumber.exponent(law)), goal \(goal): "
          + (isReached(law.exponent) ? "reached" : "missed: " + bound(of: law, sweep: sweep)))
    }
    return lines
  }

  /// What keeps an exponent from where it should be.
  private static func bound(of law: PowerLaw, sweep: Sweep) -> String {
    let memory = "as sizes grow, data leave the caches and memory is had from the system anew"
    guard law.exponent < 1 else {
      return sweep.column == "points" ? memory + ", and products of points take n^2 d" : memory
    }
    switch sweep.column {
    case "points":
      return "what is done once for each weight, reading or copying m d numbers, does not grow with n"
    case "dimension": return "what is done for each pair, trees and lists, does not grow with d"
    default: return "products of points and fixed work do not grow with m"
    }
  }

  private static var goals: [(engine: String, sweep: String, goal: String, isReached: (Double) -> Bool)] {
    let linear = { (exponent: Double) in abs(exponent - 1) <= 0.05 }
    let sublinear = { (exponent: Double) in exponent < 0.9 }
    return [
      ("dense", "m, few points", "1 ± 0.05", linear), ("dense", "m, many points", "1 ± 0.05", linear),
      ("data-tree", "m, few points", "under 0.9", sublinear),
      ("weight-tree", "m, few points", "under 0.9", sublinear),
      ("gram", "m, many points", "under 0.9", sublinear),
      ("weights", "m, many points", "under 0.9", sublinear),
    ]
  }

  private func claims(_ fits: [Fit]) -> [StudyClaim] {
    let law = { (engine: String, sweep: String) in
      fits.first { $0.engine == engine && $0.sweep.name == sweep }
    }
    var claims = [("data-tree", "Correlation DTree"), ("weight-tree", "Correlation WTree")].map {
      engine, name in
      let own = fits.filter { $0.engine == engine }
      let laws = own.compactMap(\.preprocessing)
      return StudyClaim(
        paper: .correlationTrees, claim: "The \(name) is built in O(n m d) time.",
        place: "theorem on the data structure \(name), Init",
        measured: own.map { "\($0.sweep.name): \(StudyNumber.exponent($0.preprocessing))" }
          .joined(separator: "; "),
        verdict: Self.linearity(laws))
    }
    for engine in ["data-tree", "weight-tree"] {
      guard let step = law(engine, "m, few points")?.step else { continue }
      let many = law(engine, "m, many points")?.step
      claims.append(
        StudyClaim(
          paper: .correlationTrees,
          claim: "With the trees an iteration takes o(n m d): \(engine), about n^2 m^(4/5) d.",
          place: "main theorem on training, introduction", measured: Self.exponents(step, many),
          verdict: Self.verdict(step, many)))
    }
    // Engines of half-space reporting, by their names.
    for engine in EngineKind.allCases.map(\.rawValue) where engine.hasPrefix("half-space") {
      guard let step = law(engine, "m, few points")?.step else { continue }
      let many = law(engine, "m, many points")?.step
      claims.append(
        StudyClaim(
          paper: .halfSpaces,
          claim: "With half-space reporting an iteration takes o(n m d): \(engine), m^(4/5) over the data, "
            + "m^(1-Θ(1/d)) over the weights.",
          place: "main results, introduction", measured: Self.exponents(step, many),
          verdict: Self.verdict(step, many)))
    }
    return claims
  }

  private static func exponents(_ few: PowerLaw, _ many: PowerLaw?) -> String {
    "exponent of m \(StudyNumber.exponent(few)) with few points, \(StudyNumber.exponent(many)) with many"
  }

  /// Linear within the goal, as far as the intervals tell.
  private static func linearity(_ laws: [PowerLaw]) -> StudyClaim.Verdict {
    if laws.allSatisfy({ abs($0.exponent - 1) <= 0.07 }) { return .holds }
    if laws.contains(where: { $0.interval.lowerBound > 1.07 }) { return .doesNot }
    return laws.allSatisfy { $0.exponent < 1.07 }
      ? .holdsOnlyWhen("read as an upper bound: parts that do not grow keep exponents below 1")
      : .open("not decided at these sizes: the intervals of exponents above 1.07 hold 1")
  }

  /// Sublinear in m, as far as the intervals tell.
  private static func verdict(_ few: PowerLaw, _ many: PowerLaw?) -> StudyClaim.Verdict {
    guard few.interval.lowerBound < 1 else { return .doesNot }
    guard few.interval.upperBound < 1 else {
      return .open("not decided at these sizes: the interval holds 1")
    }
    let isSublinear = (many?.interval.upperBound ?? .infinity) < 1
    return isSublinear ? .holds : .holdsOnlyWhen("the points are few, so that not every neuron moves")
  }
}
