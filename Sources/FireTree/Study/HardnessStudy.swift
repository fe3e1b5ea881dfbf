import RealModule

/// What detectors take on orthogonal vectors, to which deciding them reduces, beside training instances of equal sizes.
package struct HardnessStudy: Study {
  package static let keyColumns = ["instance", "vectors", "dimension", "detector"]
  package static let valueColumns = Array(DetectorMeasurement.columns.dropFirst())

  private let settings: StudySettings
  private let sizes: [Int]

  package init(_ settings: StudySettings) {
    self.settings = settings
    sizes = settings.choose(
      full: [512, 1024, 2048, 4096, 8192], quick: [256, 512, 1024], smoke: [16, 32, 64])
  }

  /// c log2 N coordinates, the range that the conjecture speaks of.
  static func dimension(_ vectors: Int) -> Int {
    4 * (Int.bitWidth - max(vectors - 1, 1).leadingZeroBitCount)
  }

  /// Weights, points and bound of one instance.
  package struct Instance {
    package let weights: Matrix
    package let points: DataPoints
    package let bound: Float
    /// Weights to change to.
    package let changed: Matrix
  }

  enum Name: String, CaseIterable { case orthogonal, training }

  /// Orthogonal vectors: weights -a and points b of 0/1 vectors; a pair reaches -1/2 exactly when <a, b> = 0.
  ///
  /// Coordinates are 1 with the probability at which one pair of the N^2 is expected to be orthogonal:
  /// (1 - q^2)^d = N^-2.
  package static func orthogonal(_ vectors: Int, seed: UInt64) -> Instance {
    let d = dimension(vectors)
    let q = (1 - Double.pow(Double(vectors), -2 / Double(d))).squareRoot()
    let limit = UInt32(min(q * 0x1p32, 0x1p32 - 1))
    let bits = { (rows: Int, stream: UInt32, sign: Float) -> Matrix in
      var matrix = Matrix(rows: rows, columns: d)
      let generator = CounterGenerator(seed: seed, stream: stream)
      for i in 0..<rows {
        for j in 0..<d {
          matrix[i, j] = generator.words(row: i, block: UInt32(j / 4))[j % 4] < limit ? sign : 0
        }
      }
      return matrix
    }
    return Instance(
      weights: bits(vectors, 20, -1), points: .dense(bits(vectors, 21, 1)), bound: -0.5,
      changed: bits(min(64, vectors), 22, -1))
  }

  /// Random directions, weights of N(0, I) and the papers' threshold, in as many dimensions.
  package static func training(_ vectors: Int, _ settings: StudySettings) -> Instance {
    let d = dimension(vectors)
    let instance = StudyInstance(
      points: vectors, dimension: d, neurons: vectors, settings, usesData: false)
    let network = instance.network(workers: settings.workers)
    return Instance(
      weights: network.hiddenWeights, points: instance.points, bound: network.threshold.nextUp,
      changed: StudyInstance.directions(min(64, vectors), d, seed: settings.seed, stream: 18))
  }

  package var cells: [StudyCell] {
    Name.allCases.flatMap { name in
      sizes.flatMap { vectors in
        DetectorKind.allCases.map { kind in
          StudyCell(
            key: [name.rawValue, "\(vectors)", "\(Self.dimension(vectors))", kind.rawValue]
          ) { [settings] in
            let instance =
              switch name {
              case .orthogonal: Self.orthogonal(vectors, seed: settings.seed)
              case .training: Self.training(vectors, settings)
              }
            return [
              Array(
                try DetectorMeasurement(
                  kind, weights: instance.weights, changed: instance.changed, points: instance.points,
                  bound: instance.bound, workers: settings.workers
                ).fields.dropFirst())
            ]
          }
        }
      }
    }
  }

  private func rows(_ table: StudyTable, _ name: Name, _ detector: String) -> [StudyTable.Record] {
    table.records.filter { $0["instance"] == name.rawValue && $0["detector"] == detector }
  }

  /// Seconds to decide an instance: build, and report every pair.
  private static func total(_ row: StudyTable.Record) -> Double {
    row.number("build_seconds") + row.number("query_seconds")
  }

  private func law(_ table: StudyTable, _ name: Name, _ detector: String) -> PowerLaw? {
    PowerLaw(rows(table, name, detector).map { ($0.number("vectors"), Self.total($0)) })
  }

  package func report(_ table: StudyTable) -> StudyReport {
    var report = StudyReport(
      title: "Orthogonal vectors against training instances",
      method: """
        N weights and N points in d = 4 log2 N dimensions. Orthogonal: 0/1 vectors, of which one pair is expected to be \
        orthogonal; weights are the negated vectors and the threshold is -1/2, so that a pair is reported exactly when \
        it is orthogonal. Training: random unit vectors and weights of N(0, I) at the papers' threshold. A detector \
        decides an instance by being built and reporting every pair; each answer is compared with that of `LinearScan`.
        """)
    report.tables = Name.allCases.map { name in
      (
        caption: "\(name.rawValue): build / report all pairs / pairs reported.",
        markdown: StudyTable.markdown(
          ["detector"] + sizes.map { "N = \(StudyNumber.whole($0))" } + ["exponent of N"],
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
              } + [StudyNumber.exponent(law(table, name, kind.rawValue))]
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
      guard let hard = rows(table, .orthogonal, kind.rawValue).last,
        let easy = rows(table, .training, kind.rawValue).last
      else { return nil }
      let ratio = { (column: String) in StudyNumber.text(hard.number(column) / easy.number(column), digits: 2)
      }
      return
        "\(kind.rawValue), N = \(hard["vectors"]): orthogonal takes \(ratio("build_seconds")) times as long to build "
        + "as training, \(ratio("query_seconds")) times to report \(hard["pairs_reported"]) pairs instead of "
        + "\(easy["pairs_reported"])"
    }
  }

  private func claim(_ table: StudyTable) -> StudyClaim {
    let laws = DetectorKind.allCases.map { ($0.rawValue, law(table, .orthogonal, $0.rawValue)) }
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
