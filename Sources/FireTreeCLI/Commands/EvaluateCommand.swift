import ArgumentParser
import FireTree
import Foundation

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Compare a model's predictions with the labels of a data file.")

  @Argument(help: "Model file, written by train.") var model: String
  @Argument(help: "Data file with a target.") var data: String
  @Option(parsing: .unconditional, help: ArgumentHelp("Threads; by default one a processor.", valueName: "n"))
  var threads: Int?
  @Flag(help: "Print one JSON line.") var json = false
  @OptionGroup(title: "Pass") var pass: PassOptions
  @OptionGroup(title: "Data") var dataOptions: DataOptions

  /// A wider confusion matrix is no table for people; `--json` has it.
  private static let mostClassesShown = 50

  private struct Line: Encodable {
    var points: Int
    var accuracy: Double?
    var classes: [String]?
    var confusion: [[Int]]?
    var r2: Double?
    var rmse: Double?
  }

  func run() throws {
    let workers = try TrainingOptions.workers(threads)
    let model = try Model(forCommandWith: model, data: data)
    if case .classification(let names) = model.encoding {
      try (ByteCount(MemoryLayout<Int>.size) * names.count * names.count).requireAvailable(
        for: "a confusion matrix of \(names.count) classes")
    }
    let dataset = try dataOptions.read(data, for: model, requiresTarget: true)
    guard let truth = dataset.target else {
      throw FireTreeError.data(file: data, "evaluation needs a target")
    }
    let outputs = try pass.outputs(of: model, for: dataset.features, workers: workers)
    let evaluation = Evaluation(predictions: try model.encoding.decode(outputs), truth: truth)
    if json {
      try StandardOutput.write(try JSONLines.line(line(evaluation, points: dataset.count)))
    } else {
      try StandardOutput.write(text(evaluation, points: dataset.count))
    }
  }

  private func line(_ evaluation: Evaluation, points: Int) -> Line {
    switch evaluation {
    case .classification(let names, let confusion):
      Line(points: points, accuracy: evaluation.accuracy, classes: names, confusion: confusion)
    case .regression(let r2, let rmse): Line(points: points, r2: r2, rmse: rmse)
    }
  }

  private func text(_ evaluation: Evaluation, points: Int) -> String {
    switch evaluation {
    case .classification(let names, let confusion):
      let accuracy = String(format: "%.4f", evaluation.accuracy ?? 0)
      let summary = "accuracy \(accuracy) on \(points) points\n"
      guard names.count <= Self.mostClassesShown else { return summary }
      var rows = [["truth \\ predicted"] + names]
      for (name, row) in zip(names, confusion) { rows.append([name] + row.map(String.init)) }
      return summary + "\n" + Format.table(rows)
    case .regression(let r2, let rmse):
      return "R2 \(String(format: "%.4f", r2))  RMSE \(Format.significant(rmse))  on \(points) points\n"
    }
  }
}
