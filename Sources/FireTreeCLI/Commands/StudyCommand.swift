import ArgumentParser
import FireTree
import FireTreeStudy

/// One study, or all of them.
enum StudyChoice: ExpressibleByArgument, Equatable {
  case all
  case one(StudyKind)

  init?(argument: String) {
    if argument == "all" {
      self = .all
    } else if let kind = StudyKind(rawValue: argument) {
      self = .one(kind)
    } else {
      return nil
    }
  }

  static var allValueStrings: [String] { ["all"] + StudyKind.allCases.map(\.rawValue) }

  var kinds: [StudyKind] {
    switch self {
    case .all: StudyKind.allCases
    case .one(let kind): [kind]
    }
  }
}

extension StudySettings.Size: EnumerableFlag {
  public static func help(for value: Self) -> ArgumentHelp? {
    switch value {
    case .full: "Sizes for results: under an hour."
    case .quick: "Sizes for a look: under five minutes."
    case .smoke: "Sizes to try the command: seconds, and times that say nothing."
    }
  }
}

struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Measure what the papers claim, and write tables and figures into a folder.",
    discussion: """
      scaling: preprocessing and step time of every engine in n, m and d. regimes: the fastest engine over n and m. \
      dimensions: detectors over the dimension. hardness: detectors on orthogonal vectors. sparsity: firing and drift \
      through training. theory: tangent kernel, convergence and movement beside what the analysis predicts.

      Each leaves NAME.csv, NAME.md and, where gnuplot is installed, NAME.svg; README.md has every claim with a verdict. \
      What fires is compared with a dense pass in every cell. The same command goes on where an interrupted one stopped.
      """)

  @Argument(help: "The study.") var study: StudyChoice
  @Argument(help: "Data file with a target; by default random points, which some studies always take.")
  var data: String?
  @Option(help: ArgumentHelp("Folder that is written to.", valueName: "folder")) var out: String
  @Flag(exclusivity: .exclusive) var size: StudySettings.Size = .full
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Seed of points and initial weights.", valueName: "seed"))
  var seed: UInt64 = 0
  @Option(parsing: .unconditional, help: ArgumentHelp("Threads; by default one a processor.", valueName: "n"))
  var threads: Int?
  @OptionGroup(title: "Data") var dataOptions: DataOptions

  func run() throws {
    var settings = StudySettings(size: size, seed: seed, workers: try TrainingOptions.workers(threads))
    if let data {
      let problem = try TrainingProblem(
        dataOptions.readTraining(data), configuration: TrainingConfiguration(workers: settings.workers))
      settings.data = StudyData(name: data.split(separator: "/").last.map(String.init) ?? data, problem)
    }
    guard !out.isEmpty else { throw FireTreeError.usage("the name of the folder is empty") }
    let folder = try StudyFolder(path: out, settings: settings, provenance: Provenance.entries)
    let gnuplot = Gnuplot.executable
    if gnuplot == nil { Message.note("gnuplot is not installed: no figures") }
    Interrupt.catchOnce()
    let progress = StudyProgress()
    for kind in study.kinds {
      Message.note(try folder.sizes(of: kind))
      let result = Result { try folder.run(kind, progress: progress.show) }
      progress.clear()
      guard let report = try result.get() else {
        Message.note("stopped by \(Interrupt.name); the same command goes on with what is in \(out)")
        throw ExitCode(Interrupt.exitCode)
      }
      let figure = try gnuplot.flatMap { gnuplot in
        try StudyFigure.script(report.panels).map { try Gnuplot.draw($0, with: gnuplot) }
      }
      try folder.write(report, of: kind, figure: figure)
      try folder.writeIndex()
      try Self.print(report, of: kind)
    }
    Message.note("wrote \(out)")
  }

  private static func print(_ report: StudyReport, of kind: StudyKind) throws {
    let lines =
      report.findings + report.claims.map { "\($0.claim) \($0.verdict.text)" }
      + [
        "\(report.pairsCompared) pairs compared, none missed, none extra, \(report.ties) ties within rounding"
      ]
    for line in lines { try StandardOutput.write("\(kind.rawValue): \(line)\n") }
    try StandardOutput.flush()
  }
}

/// One line on a terminal that is rewritten before every cell; nothing elsewhere. Also ends the study on an interrupt.
private struct StudyProgress {
  private let isShown = Message.isTerminal
  private let clock = ContinuousClock()
  private let start = ContinuousClock().now

  /// False when the study shall stop.
  func show(_ progress: StudyFolder.Progress) -> Bool {
    guard !Interrupt.isRequested else { return false }
    guard isShown, let next = progress.next else { return true }
    Message.write(
      "\r\u{1B}[K\(progress.study.rawValue) \(progress.done)/\(progress.total)  \(next)  "
        + "\(Format.seconds((clock.now - start).seconds)) so far")
    return true
  }

  /// Takes the line away, so that the next message starts on an empty one.
  func clear() { if isShown { Message.write("\r\u{1B}[K") } }
}
