import FireTree

/// What detectors take on orthogonal vectors, to which deciding them reduces, beside training instances of equal sizes.
package struct HardnessStudy: Study {
  package static let keyColumns = ["instance", "vectors", "dimension"]
  package static let valueColumns = DetectorTiming.columns

  private let settings: StudySettings
  private let sizes: [Int]

  package init(_ settings: StudySettings) {
    self.settings = settings
    sizes = settings.choose(
      full: [512, 1024, 2048, 4096, 8192], quick: [256, 512, 1024], smoke: [16, 32, 64])
  }

  /// c of d = c log2 N, the dimensions that the conjecture speaks of.
  static let factor = 4.0

  /// The instances.
  package enum Name: String, CaseIterable {
    case noPair = "no pair"
    case planted = "planted pair"
    case training
  }

  package var cells: [StudyCell] {
    sizes.flatMap { vectors in
      Name.allCases.map { name in
        let dimension = BitFamilies.dimension(vectors: vectors, factor: Self.factor)
        return StudyCell(key: [name.rawValue, "\(vectors)", "\(dimension)"]) { [settings] in
          let instance = Self.instance(name, vectors: vectors, factor: Self.factor, seed: settings.seed)
          return try DetectorKind.allCases.map { kind in
            try DetectorTiming(
              kind, weights: instance.weights, changed: try instance.movedWeights.rows(0..<min(64, vectors)),
              points: .dense(instance.points), bound: instance.bound, workers: settings.workers
            ).fields
          }
        }
      }
    }
  }

  /// N vectors of c log2 N dimensions (`factor`), two at the least: families without an orthogonal pair, the same with one
  /// planted, or a training of the same sizes. Complexity: O(N^2 d / 64).
  package static func instance(
    _ name: Name, vectors: Int, factor: Double, seed: UInt64
  ) -> DetectionInstance {
    let dimension = max(BitFamilies.dimension(vectors: vectors, factor: factor), 2)
    guard name != .training else {
      return .training(neurons: vectors, points: vectors, dimension: dimension, seed: seed)
    }
    var families = BitFamilies(vectors: vectors, dimension: dimension, expectedPairs: 1, seed: seed)
    families.removePairs(seed: seed)
    if name == .planted { families.plant(left: vectors / 3, right: vectors / 2, seed: seed) }
    return families.instance(named: name.rawValue)
  }

  private func rows(_ table: StudyTable, _ name: Name, _ detector: String) -> [StudyTable.Record] {
    table.records.filter { $0["instance"] == name.rawValue && $0["detector"] == detector }
  }

  /// Seconds to decide an instance at once: build, and report every pair.
  private static func total(_ row: StudyTable.Record) -> Double {
    row.number("build_seconds") + row.number("query_seconds")
  }

  /// Seconds to decide it with one neuron that becomes one vector after the other: N updates and N queries.
  private static func oneByOne(_ row: StudyTable.Record) -> Double {
    row.number("vectors") * (row.number("update_seconds") + row.number("neuron_query_seconds"))
  }

  private func law(
    _ table: StudyTable, _ name: Name, _ detector: String, _ time: (StudyTable.Record) -> Double = total
  ) -> PowerLaw? {
    PowerLaw(rows(table, name, detector).map { ($0.number("vectors"), time($0)) })
  }

  package func report(_ table: StudyTable) -> StudyReport {
    var report = StudyReport(
      title: "Orthogonal vectors against training instances",
      method: """
        N weights and N points in d = \(StudyNumber.text(Self.factor)) log2 N dimensions. No pair, planted pair: 0/1 \
        vectors of the density at which one pair is expected to be orthogonal, then changed so that none, or one, is; \
        weights are the negated vectors and the threshold is -1/2, so that a pair is reported exactly when it is \
        orthogonal. Training: random unit vectors, weights of N(0, I), a threshold at which 2% fires. A detector decides \
        an instance at once, built and asked for every pair, or with one neuron that becomes one vector after the other: \
        then the time is that of N updates and N queries. Each answer is compared with that of `LinearScan`.
        """)
    report.tables = Name.allCases.map { name in
      (
        caption: "\(name.rawValue): build / report all pairs / pairs reported.",
        markdown: StudyTable.markdown(
          ["detector"] + sizes.map { "N = \(StudyNumber.whole($0))" } + ["exponent of N", "one by one"],
          DetectorKind.allCases.map { kind in
            [kind.rawValue]
              + sizes.map { vectors in
                rows(table, name, kind.rawValue).first { $0.whole("vectors") == vectors }.map {
                  [
                    StudyNumber.seconds($0.number("build_seconds")),
                    StudyNumber.seconds($0.number("query_seconds")),
                    StudyNumber.whole($0.whole("pairs_reported")),
                  ].joined(separator: " / ")
                } ?? "-"
              } + [
                StudyNumber.exponent(law(table, name, kind.rawValue)),
                StudyNumber.exponent(law(table, name, kind.rawValue, Self.oneByOne)),
              ]
          })
      )
    }
    report.findings = findings(table)
    report.panels = Name.allCases.map { name in
      StudyPanel(
        title: "build and report, \(name.rawValue)", xLabel: "N", yLabel: "seconds",
        series: DetectorKind.allCases.map { kind in
          StudyPanel.Series(
            name: kind.rawValue,
            points: rows(table, name, kind.rawValue).map { SIMD2($0.number("vectors"), Self.total($0)) })
        })
    }
    report.pairsCompared = table.records.reduce(0) { $0 + $1.whole("pairs_compared") }
    report.ties = table.records.reduce(0) { $0 + $1.whole("ties") }
    report.claims = [claim(table)]
    return report
  }

  private func findings(_ table: StudyTable) -> [String] {
    DetectorKind.allCases.compactMap { kind in
      guard let hard = rows(table, .planted, kind.rawValue).last,
        let easy = rows(table, .training, kind.rawValue).last
      else { return nil }
      let ratio = { (column: String) in StudyNumber.text(hard.number(column) / easy.number(column), digits: 2)
      }
      return
        "\(kind.rawValue), N = \(hard["vectors"]): a planted pair takes \(ratio("build_seconds")) times as long to build "
        + "as training, \(ratio("query_seconds")) times to report \(hard["pairs_reported"]) pairs instead of "
        + "\(easy["pairs_reported"])"
    }
  }

  private func claim(_ table: StudyTable) -> StudyClaim {
    let laws = DetectorKind.allCases.map { ($0.rawValue, law(table, .noPair, $0.rawValue)) }
    let least = laws.compactMap { $0.1?.exponent }.min() ?? .nan
    return StudyClaim(
      paper: .correlationTrees,
      claim:
        "No detector has both updates and queries polynomially faster, unless the orthogonal vectors conjecture fails.",
      place: "theorem, lower bound for dynamic detection of firing neurons",
      measured: "time to decide orthogonal vectors ~ N^e, e: "
        + laws.map { "\($0.0) \(StudyNumber.exponent($0.1))" }.joined(separator: ", "),
      verdict: .open(
        "not to be decided by measuring; "
          + (least < 1.7
            ? "an exponent below 1.7 here, at sizes where the part that is square does not yet weigh"
            : "nothing measured contradicts it")))
  }
}
