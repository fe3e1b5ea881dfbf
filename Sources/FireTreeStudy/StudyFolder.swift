import FireTree

/// A folder in which studies keep what they measure, and from which an interrupted one goes on.
///
/// Each study has a CSV file there, which is written anew after every cell and appears only when complete: whatever
/// ends the program, finished cells remain and are not measured again. `settings.csv` holds what must be the same for
/// that.
public struct StudyFolder: Sendable {
  public let path: String
  public let settings: StudySettings
  /// What is said of the machine and of the program, by name: `machine`, `commit`, ...
  public let provenance: [(name: String, value: String)]

  /// Makes the folder when it is missing.
  ///
  /// `provenance` is kept; to go on in a folder it must be the same, but for the entry `date`, which is that of the
  /// beginning. Throws a usage error when the folder holds measurements with other settings, a failure when it cannot
  /// be written.
  public init(
    path: String, settings: StudySettings, provenance: [(name: String, value: String)]
  ) throws(FireTreeError) {
    self.path = path
    self.settings = settings
    try TextFile.makeFolder(path)
    let columns = ["name", "value"]
    let file = Self.join(path, "settings.csv")
    let wanted = provenance + settings.description
    guard let text = try TextFile.read(file) else {
      self.provenance = provenance
      let table = StudyTable(columns: columns, rows: wanted.map { [$0.name, $0.value] })
      try TextFile.write(table.csv, to: file)
      return
    }
    let found = try StudyTable(parsing: text, columns: columns, file: file).rows.map { ($0[0], $0[1]) }
    for (name, value) in wanted where name != "date" {
      let other = found.first { $0.0 == name }?.1
      guard other == value else {
        throw FireTreeError(
          .usage, file: path,
          "this folder holds a study with another \(name) (\(other ?? "none"), now \(value)): "
            + "name another folder, or remove this one")
      }
    }
    self.provenance = provenance.map { entry in
      (entry.name, found.first { $0.0 == entry.name }?.1 ?? entry.value)
    }
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// Where a file of this folder is.
  public func file(_ name: String) -> String { Self.join(path, name) }

  /// How far a study is.
  public struct Progress: Sendable {
    public let study: StudyKind
    /// Cells finished, those of earlier runs included.
    public let done: Int
    public let total: Int
    /// The cell that comes next: `sweep m, points 16`; nil at the end.
    public let next: String?
  }

  /// Measures the cells of a study that are not measured yet.
  ///
  /// `progress` is called before each and at the end; when it returns false the run ends, and nil is returned. Throws
  /// what measuring throws; cells finished by then are kept.
  public func run(_ kind: StudyKind, progress: (Progress) -> Bool = { _ in true }) throws -> StudyReport? {
    let type = kind.type
    let study = try type.init(settings)
    let file = file("\(kind.rawValue).csv")
    var table = try kept(type.columns, file: file) ?? StudyTable(columns: type.columns)
    let keys = type.keyColumns
    var finished = Set(table.rows.map { Array($0[..<keys.count]) })
    let cells = study.cells
    for cell in cells where !finished.contains(cell.key) {
      let name = zip(keys, cell.key).map { "\($0) \($1)" }.joined(separator: ", ")
      let done = cells.count { finished.contains($0.key) }
      guard progress(Progress(study: kind, done: done, total: cells.count, next: name)) else { return nil }
      for values in try cell.measure() { table.append(cell.key + values) }
      finished.insert(cell.key)
      try TextFile.write(table.csv, to: file)
    }
    _ = progress(Progress(study: kind, done: cells.count, total: cells.count, next: nil))
    return study.report(table)
  }

  /// What the cells of a study are of, in words: `theory: 10 points, 256 to 512 neurons, 8 dimensions`.
  public func sizes(of kind: StudyKind) throws -> String {
    let type = kind.type
    let (keys, cells) = (type.keyColumns, try type.init(settings).cells)
    let parts = ["points", "neurons", "dimension"].compactMap { name -> String? in
      guard let column = keys.firstIndex(of: name) else { return nil }
      let values = cells.compactMap { Int($0.key[column]) }
      guard let least = values.min(), let most = values.max() else { return nil }
      let range = least == most ? "\(least)" : "\(least) to \(most)"
      return "\(range) \(name == "dimension" ? "dimensions" : name)"
    }
    return "\(kind.rawValue): " + parts.joined(separator: ", ")
  }

  /// The report of a study from what the folder holds; nil when a cell is missing.
  public func report(_ kind: StudyKind) throws -> StudyReport? {
    let type = kind.type
    let study = try type.init(settings)
    guard let table = try kept(type.columns, file: file("\(kind.rawValue).csv")) else { return nil }
    let finished = Set(table.rows.map { Array($0[..<type.keyColumns.count]) })
    return study.cells.allSatisfy { finished.contains($0.key) } ? study.report(table) : nil
  }

  private func kept(_ columns: [String], file: String) throws(FireTreeError) -> StudyTable? {
    guard let text = try TextFile.read(file) else { return nil }
    return try StudyTable(parsing: text, columns: columns, file: file)
  }

  /// Writes the page of a study, `NAME.md`, and its figure, `NAME.svg`, when there is one. Throws a failure when that
  /// fails.
  public func write(_ report: StudyReport, of kind: StudyKind, figure: String?) throws(FireTreeError) {
    let name = kind.rawValue
    if let figure { try TextFile.write(figure, to: file("\(name).svg")) }
    var text = "# \(report.title)\n\n\(report.method)\n\n"
    text += provenanceText + " Raw numbers: [\(name).csv](\(name).csv).\n"
    if figure != nil { text += "\n![\(report.title)](\(name).svg)\n" }
    for table in report.tables { text += "\n\(table.caption)\n\n\(table.markdown)" }
    text += "\n## Findings\n\n" + report.findings.map { "- \($0)\n" }.joined()
    try TextFile.write(text, to: file("\(name).md"))
  }

  /// Writes the first page, `README.md`: every claim with its verdict, and links to the studies that the folder holds.
  ///
  /// Returns the claims. Throws as `report` does.
  @discardableResult
  public func writeIndex() throws -> [StudyClaim] {
    var (claims, lines, pairs, ties): ([StudyClaim], String, Int, Int) = ([], "", 0, 0)
    for kind in StudyKind.allCases {
      guard let report = try report(kind), try TextFile.read(file("\(kind.rawValue).md")) != nil else {
        continue
      }
      claims += report.claims
      (pairs, ties) = (pairs + report.pairsCompared, ties + report.ties)
      lines += "- [\(report.title)](\(kind.rawValue).md)\n"
    }
    try TextFile.write(
      StudyIndex.text(
        claims: claims, links: lines, pairs: pairs, ties: ties, provenance: provenanceText),
      to: file("README.md"))
    return claims
  }

  private var provenanceText: String {
    (provenance + settings.description).map { "\($0.name): \($0.value)" }.joined(separator: "; ") + "."
  }
}

/// The first page of a folder of studies.
enum StudyIndex {
  static func text(
    claims: [StudyClaim], links: String, pairs: Int, ties: Int, provenance: String
  ) -> String {
    var text = """
      # The papers' claims beside measurements

      Made by `firetree study`. \(provenance)

      What is reported to fire was compared with a dense pass, and detectors with `LinearScan`, on every instance: \
      \(StudyNumber.whole(pairs)) pairs compared, none missed, none extra, \(StudyNumber.whole(ties)) within rounding \
      of the threshold.

      \(links)
      """
    guard !claims.isEmpty else { return text }
    text += """

      ## Claims

      Places are titles in other words: numbers differ between the versions of a paper. "Holds" is said of what was \
      measured, on these sizes and data.

      """
    for paper in [StudyClaim.Paper.correlationTrees, .halfSpaces] {
      let rows = claims.filter { $0.paper == paper }.map {
        [$0.claim, $0.place, $0.measured, $0.verdict.text]
      }
      guard !rows.isEmpty else { continue }
      text += "\n[arXiv \(paper.rawValue)](https://arxiv.org/abs/\(paper.rawValue))\n\n"
      text += StudyTable.markdown(["claim", "where", "measured", "verdict"], rows, left: 4)
    }
    return text
  }
}
