import ArgumentParser
import FireTree

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Predict with a model: one CSV row a data point.")

  @Argument(help: "Model file, written by train.") var model: String
  @Argument(help: "Data file; a target column in it is ignored.") var data: String
  @Option(
    help: ArgumentHelp("Where the predictions are written; by default standard output.", valueName: "file"))
  var out: String?
  @Flag(help: "Write the output of every class too.") var scores = false
  @Option(parsing: .unconditional, help: ArgumentHelp("Threads; by default one a processor.", valueName: "n"))
  var threads: Int?
  @OptionGroup(title: "Pass") var pass: PassOptions
  @OptionGroup(title: "Data") var dataOptions: DataOptions

  func run() throws {
    let workers = try TrainingOptions.workers(threads)
    try OutputPaths.check(outputs: [out], inputs: [model, data, dataOptions.labels])
    let file = try out.map { try AtomicFile(path: $0) }
    let model = try Model(forCommandWith: model, data: data)
    if scores, case .regression = model.encoding {
      throw FireTreeError(.usage, file: self.model, "scores are of classes, and the model is a regression")
    }
    let dataset = try dataOptions.read(data, for: model, requiresTarget: false)
    let outputs = try pass.outputs(of: model, for: dataset.features, workers: workers)
    let text = PredictionTable(outputs: outputs, encoding: model.encoding, withScores: scores)
    try text.write { line throws(FireTreeError) in
      if let file { try file.write(line) } else { try StandardOutput.write(line) }
    }
    try file?.commit()
    if let out { Message.note("wrote \(dataset.count) predictions to \(out)") }
  }
}

/// Predictions as CSV: a header, then one row a point.
struct PredictionTable {
  let outputs: Matrix
  let encoding: TargetEncoding
  let withScores: Bool

  func write(_ line: (String) throws(FireTreeError) -> Void) throws(FireTreeError) {
    switch try encoding.decode(outputs) {
    case .classes(let names, let indices):
      let fields = names.map(CSVField.quoted)
      try line(
        (["prediction"] + (withScores ? names.map { CSVField.quoted("score_\($0)") } : [])).joined(
          separator: ",")
          + "\n")
      for (point, index) in indices.enumerated() {
        try line(([fields[Int(index)]] + (withScores ? scores(point) : [])).joined(separator: ",") + "\n")
      }
    case .values(let values):
      try line("prediction\n")
      for value in values { try line(Double(Float(value)) == value ? "\(Float(value))\n" : "\(value)\n") }
    }
  }

  private func scores(_ point: Int) -> [String] { outputs.row(point).map { "\($0)" } }
}
