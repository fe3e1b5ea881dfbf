import FireTreeCore

// A model file is a safetensors file. Its metadata are strings:
//
//     format, format_version   "firetree", "1" to "3"
//     checksum                 CRC-32 of everything else, so that an altered file is known
//     kind, task               of the data
//     class_names              JSON array (classification)
//     target_mean, target_scale                     (regression)
//     threshold, preprocessing.constant, preprocessing.unit_norm
//     features                 JSON object: the schema
//     training.*               how the model was trained (`TrainingRun`)
//
// Its tensors, all F32: hidden.weight (m x d'), output.weight (m x C), preprocessing.offset (d),
// preprocessing.scale (d). Numbers in metadata are the shortest decimals that read back as the same bits.
// Seeded weights have metadata and tensors of their own in the place of hidden.weight (`SeededWeightsFile`).
extension Model {
  private static let format = "firetree"
  private static let trainingPrefix = "training."
  private static let tensorNames: Set = ["output.weight", "preprocessing.offset", "preprocessing.scale"]

  /// Writes a model file, which appears under its name only when it is complete.
  ///
  /// Weights are written in the form that they have; with `fullWeights`, seeded ones too are written as a matrix, which
  /// then takes 4 m d' bytes of disk, but no memory. The same model gives the same bytes. Throws a failure when the file
  /// cannot be written or when the model holds numbers that are not finite. Complexity: two passes over the weights, no
  /// copy.
  public func write(to path: String, fullWeights: Bool = false) throws(FireTreeError) {
    if let problem = shapeProblem ?? finiteProblem {
      throw FireTreeError(.failure, file: path, "the model is not written: \(problem)")
    }
    var (metadata, tensors) = (self.metadata, self.tensors)
    switch weights {
    case .seeded(let weights) where !fullWeights:
      if weights.initial.distribution != .gaussian || weights.initial.start != .independent {
        metadata["format_version"] = "3"
      }
      metadata.merge(SeededWeightsFile.metadata(of: weights)) { $1 }
      tensors.merge(SeededWeightsFile.tensors(of: weights)) { $1 }
    default: tensors["hidden.weight"] = .weights(weights)
    }
    metadata["checksum"] = try Self.checksum(of: metadata, tensors)
    try SafetensorsWriter.write(to: path, metadata: metadata, tensors: tensors)
  }

  /// Reads a model file.
  ///
  /// Throws a data error for a file that is no model, is of a newer version, is truncated or was altered.
  /// Complexity: one pass over the file, and two over the weights in memory.
  public init(contentsOf path: String) throws(FireTreeError) {
    let file = try SafetensorsReader(contentsOf: path)
    let fields = ModelFields(path: path, metadata: file.metadata)
    try Self.checkFormat(fields)
    let isSeeded = file.metadata[SeededWeightsFile.formKey] != nil
    let names = Self.tensorNames.union(isSeeded ? SeededWeightsFile.tensorNames : ["hidden.weight"])
    if let name = file.tensors.keys.sorted().first(where: { !names.contains($0) }) {
      throw .data(file: path, "tensor \(quoted(name)) does not belong to a FireTree model")
    }
    if isSeeded {
      weights = .seeded(try SeededWeightsFile.read(file))
    } else {
      weights = .stored(try file.matrix("hidden.weight"))
    }
    outputWeights = try file.matrix("output.weight")
    let (offsets, scales) = (try file.vector("preprocessing.offset"), try file.vector("preprocessing.scale"))
    guard offsets.count == scales.count else {
      throw .data(
        file: path, "tensor 'preprocessing.scale' has the shape \(scales.count), not \(offsets.count)")
    }
    preprocessing = Preprocessing(
      offsets: offsets, scales: scales, constant: try fields.optionalNumber("preprocessing.constant"),
      unitNorm: try fields.choice("preprocessing.unit_norm", ["true": true, "false": false]))
    threshold = try fields.number("threshold")
    encoding = try fields.encoding()
    schema = try fields.schema()
    kind = try fields.choice("kind", ["table": .table, "images": .images, "sparse": .sparse])
    let facts = file.metadata.filter { $0.key.hasPrefix(Self.trainingPrefix) }
    training = TrainingRun(
      facts: Dictionary(
        uniqueKeysWithValues: facts.map { (String($0.key.dropFirst(Self.trainingPrefix.count)), $0.value) }))
    var (others, tensors) = (file.metadata, self.tensors)
    others["checksum"] = nil
    switch weights {
    case .seeded(let weights): tensors.merge(SeededWeightsFile.tensors(of: weights)) { $1 }
    case .stored: tensors["hidden.weight"] = .weights(weights)
    }
    guard try fields.text("checksum") == Self.checksum(of: others, tensors) else {
      throw .data(file: path, "the model file was altered or damaged: its checksum does not match")
    }
    if let problem = shapeProblem ?? finiteProblem { throw .data(file: path, problem) }
  }

  private static func checkFormat(_ fields: ModelFields) throws(FireTreeError) {
    guard fields.metadata["format"] == format else {
      throw .data(file: fields.path, "a safetensors file, but not a FireTree model")
    }
    let version = try fields.version()
    guard version <= formatVersion else {
      throw .data(
        file: fields.path, "format version \(version) is newer than this program reads (\(formatVersion))")
    }
  }

  /// Every tensor but those of the hidden weights.
  private var tensors: [String: SafetensorsTensor] {
    [
      "output.weight": .matrix(outputWeights), "preprocessing.offset": .vector(preprocessing.offsets),
      "preprocessing.scale": .vector(preprocessing.scales),
    ]
  }

  /// Version 1 has no origins of features and 32 bits of a target's mean.
  private var version: Int {
    if case .regression(let mean, _) = encoding, Double(Float(mean)) != mean { return 2 }
    return schema.origins.isEmpty ? 1 : 2
  }

  /// Everything but the checksum and what is said of the hidden weights.
  private var metadata: [String: String] {
    var result = [
      "format": Self.format, "format_version": String(version), "kind": kind.rawValue,
      "task": encoding.task.rawValue, "threshold": "\(threshold)", "features": ModelFields.text(of: schema),
      "preprocessing.unit_norm": preprocessing.unitNorm ? "true" : "false",
    ]
    if let constant = preprocessing.constant { result["preprocessing.constant"] = "\(constant)" }
    switch encoding {
    case .classification(let names): result["class_names"] = JSON.array(names.map(JSON.string)).text
    case .regression(let mean, let scale):
      result["target_mean"] = version == 1 ? "\(Float(mean))" : "\(mean)"
      result["target_scale"] = "\(scale)"
    }
    for (key, value) in training.facts { result[Self.trainingPrefix + key] = value }
    return result
  }

  /// A CRC-32 of the metadata in order, then of each tensor's name, shape and elements, by name.
  private static func checksum(
    of metadata: [String: String], _ tensors: [String: SafetensorsTensor]
  ) throws(FireTreeError) -> String {
    var checksum = Checksum()
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      checksum.update(key)
      checksum.update(value)
    }
    for (name, tensor) in tensors.sorted(by: { $0.key < $1.key }) { try checksum.update(name, tensor) }
    return checksum.text
  }
}
