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
    report.findings = findings(fits)
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

  /// The slowest and the fastest growth in each sweep.
  private func findings(_ fits: [Fit]) -> [String] {
    sweeps.flatMap { sweep -> [String] in
      let own = fits.filter { $0.sweep.name == sweep.name }
      return [
        Self.range(of: own.map { ($0.engine, $0.preprocessing) }, named: "preprocessing, \(sweep.name)"),
        Self.range(of: own.map { ($0.engine, $0.step) }, named: "step, \(sweep.name)"),
      ].compactMap { $0 }
    }
  }

  private static func range(of laws: [(engine: String, law: PowerLaw?)], named name: String) -> String? {
    let fitted = laws.compactMap { engine, law in law.map { (engine: engine, law: $0) } }
      .sorted { $0.law.exponent < $1.law.exponent }
    guard let least = fitted.first, let greatest = fitted.last else { return nil }
    return "\(name): exponents from \(StudyNumber.exponent(least.law)) (\(least.engine)) to "
      + "\(StudyNumber.exponent(greatest.law)) (\(greatest.engine))"
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

  /// No growth beyond linear, as far as the intervals tell. An exponent of up to 1.07 is taken for 1.
  private static func linearity(_ laws: [PowerLaw]) -> StudyClaim.Verdict {
    if laws.allSatisfy({ $0.exponent <= 1.07 }) { return .holds }
    return laws.contains { $0.interval.lowerBound > 1.07 }
      ? .doesNot : .open("not decided at these sizes: the intervals of exponents above 1.07 hold 1")
  }

  /// Sublinear in m, as far as the intervals tell.
  private static func verdict(_ few: PowerLaw, _ many: PowerLaw?) -> StudyClaim.Verdict {
    guard few.interval.lowerBound < 1 else { return .doesNot }
    guard few.interval.upperBound < 1 else {
      return .open("not decided at these sizes: the interval holds 1")
    }
    let isSublinear = (many?.interval.upperBound ?? .infinity) < 1
    return isSublinear ? .holds : .holdsOnlyWhen("the points are few")
  }
}
