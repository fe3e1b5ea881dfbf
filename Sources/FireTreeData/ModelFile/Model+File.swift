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
// Seeded weights have metadata and tensors of their own in the place of hidden.weight (`SeededWeightsFile`), the limit
// kernel in the place of hidden.weight and output.weight (`LimitKernelFile`).
extension Model {
  private static let format = "firetree"
  private static let trainingPrefix = "training."
  private static let tensorNames: Set = ["preprocessing.offset", "preprocessing.scale"]

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
    var metadata = metadata(version: version(fullWeights: fullWeights))
    if case .network(.seeded(let weights), _) = predictor, !fullWeights {
      metadata.merge(SeededWeightsFile.metadata(of: weights)) { $1 }
    }
    let tensors = tensors(fullWeights: fullWeights)
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
    predictor = try Self.predictor(file, fields)
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
    var others = file.metadata
    others["checksum"] = nil
    guard try fields.text("checksum") == Self.checksum(of: others, tensors(fullWeights: false)) else {
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

  private static func predictor(
    _ file: SafetensorsReader, _ fields: ModelFields
  ) throws(FireTreeError) -> Predictor {
    if file.metadata[LimitKernelFile.predictorKey] != nil {
      try fields.choice(LimitKernelFile.predictorKey, [LimitKernelFile.name: ()])
      try check(file, LimitKernelFile.tensorNames)
      return .limitKernel(try LimitKernelFile.read(file))
    }
    let isSeeded = file.metadata[SeededWeightsFile.formKey] != nil
    let names = isSeeded ? SeededWeightsFile.tensorNames : ["hidden.weight"]
    try check(file, names.union(["output.weight"]))
    return .network(
      weights: isSeeded
        ? .seeded(try SeededWeightsFile.read(file)) : .stored(try file.matrix("hidden.weight")),
      outputWeights: try file.matrix("output.weight"))
  }

  /// Throws a data error for a tensor that is none of `names`, nor of the preprocessing.
  private static func check(_ file: SafetensorsReader, _ names: Set<String>) throws(FireTreeError) {
    if let name = file.tensors.keys.sorted().first(where: { !names.union(tensorNames).contains($0) }) {
      throw .data(file: file.path, "tensor \(quoted(name)) does not belong to a FireTree model")
    }
  }

  /// Every tensor, seeded weights as a matrix with `fullWeights`.
  private func tensors(fullWeights: Bool) -> [String: SafetensorsTensor] {
    var result: [String: SafetensorsTensor] = [
      "preprocessing.offset": .vector(preprocessing.offsets),
      "preprocessing.scale": .vector(preprocessing.scales),
    ]
    switch predictor {
    case .limitKernel(let limit): result.merge(LimitKernelFile.tensors(of: limit)) { $1 }
    case .network(let weights, let outputWeights):
      result["output.weight"] = .matrix(outputWeights)
      if case .seeded(let weights) = weights, !fullWeights {
        result.merge(SeededWeightsFile.tensors(of: weights)) { $1 }
      } else {
        result["hidden.weight"] = .weights(weights)
      }
    }
    return result
  }

  /// The oldest version that can hold the model. Version 1 has no origins of features and 32 bits of a target's mean, version
  /// 2 neither weights that start in pairs or structured nor the limit kernel.
  private func version(fullWeights: Bool) -> Int {
    switch predictor {
    case .limitKernel: return 3
    case .network(.seeded(let weights), _) where !fullWeights:
      if weights.initial.distribution != .gaussian || weights.initial.start != .independent { return 3 }
    case .network: break
    }
    return needsVersion2 ? 2 : 1
  }

  private var needsVersion2: Bool {
    if case .regression(let mean, _) = encoding, Double(Float(mean)) != mean { return true }
    return !schema.origins.isEmpty
  }

  /// Everything but the checksum and what is said of seeded weights.
  private func metadata(version: Int) -> [String: String] {
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
    if case .limitKernel = predictor { result[LimitKernelFile.predictorKey] = LimitKernelFile.name }
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
