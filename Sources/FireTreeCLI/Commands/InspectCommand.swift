import ArgumentParser
import FireTree

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Describe a model file or a data file.")

  @Argument(help: "Model file (.safetensors) or data file.") var file: String
  @OptionGroup(title: "Data") var dataOptions: DataOptions

  func run() throws {
    // A model may have any name; a data file tells its format by its name.
    let isModel =
      file.hasSuffix(".safetensors")
      || dataOptions.format == nil && (try? SafetensorsReader(contentsOf: file)) != nil
    let rows = isModel ? try model() : try dataset()
    let width = rows.map(\.0.count).max() ?? 0
    for (name, value) in rows {
      try StandardOutput.write(name + String(repeating: " ", count: width + 2 - name.count) + value + "\n")
    }
  }

  private func model() throws -> [(String, String)] {
    let model = try Model(contentsOf: file)
    var rows = [
      ("model", file), ("task", model.encoding.task.rawValue), ("trained on", model.kind.rawValue),
    ]
    switch model.predictor {
    case .network(let weights, _):
      rows += [("neurons", "\(weights.rows)"), ("weights", Self.description(of: weights))]
    case .limitKernel(let limit):
      rows += [("neurons", "infinitely many"), ("holds", "\(limit.points.count) training points")]
    }
    rows += [
      ("features", "\(model.schema.count)"),
      ("inputs", "\(model.preprocessing.outputDimension) (after preprocessing)"),
      ("outputs", "\(model.encoding.outputs)"), ("threshold", "\(model.threshold)"),
    ]
    if case .classification(let names) = model.encoding {
      rows.append(("classes", names.map(CSVField.quoted).joined(separator: ", ")))
    }
    if let constant = model.preprocessing.constant { rows.append(("constant coordinate", "\(constant)")) }
    rows.append(("unit norm", model.preprocessing.unitNorm ? "yes" : "no"))
    for (key, value) in model.training.facts.sorted(by: { $0.key < $1.key }) {
      rows.append(("training \(key)", value))
    }
    return rows
  }

  private static func description(of weights: HiddenWeights) -> String {
    switch weights {
    case .stored: "stored"
    case .seeded(let weights):
      "seeded (seed \(weights.seed), \(weights.combinations.count) coefficients of \(weights.points.count) points)"
        + (weights.points.count > 0 ? "; the file holds those points" : "")
    }
  }

  private func dataset() throws -> [(String, String)] {
    let dataset = try dataOptions.readTraining(file)
    let (n, d) = (dataset.count, dataset.features.dimension)
    var rows = [
      ("data", file), ("kind", dataset.kind.rawValue), ("points", "\(n)"), ("features", "\(d)"),
      ("memory", "\(ByteCount(dataset.features.memoryBytes))"),
    ]
    if case .sparse(let points) = dataset.features.storage {
      rows.append(("density", Format.percent(Double(points.nonzeros) / Double(max(n * d, 1)))))
    }
    switch dataset.target {
    case .classes(let names, let indices):
      var counts = [Int](repeating: 0, count: names.count)
      for index in indices { counts[Int(index)] += 1 }
      rows.append(("task", "classification, \(names.count) \(names.count == 1 ? "class" : "classes")"))
      for (name, count) in zip(names, counts) {
        rows.append(("class \(name)", "\(count) \(count == 1 ? "point" : "points")"))
      }
    case .values(let values):
      rows.append(("task", "regression"))
      rows.append(("target range", "\(values.min() ?? 0) to \(values.max() ?? 0)"))
    case nil: break
    }
    return rows + dataset.notes.map { ("note", $0) }
  }
}
