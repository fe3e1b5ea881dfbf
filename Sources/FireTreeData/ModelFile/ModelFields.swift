import FireTreeCore

/// The metadata of a model file, taken apart.
struct ModelFields {
  let path: String
  let metadata: [String: String]

  func text(_ key: String) throws(FireTreeError) -> String {
    guard let text = metadata[key] else { throw .data(file: path, "the model has no \(key)") }
    return text
  }

  func version() throws(FireTreeError) -> Int {
    guard let version = Int(try text("format_version")), version >= 1 else {
      throw malformed("format_version")
    }
    return version
  }

  private func malformed(_ key: String) -> FireTreeError {
    .data(file: path, "the model's \(key) is malformed")
  }

  func number(_ key: String) throws(FireTreeError) -> Float {
    guard let number = Float(try text(key)) else { throw malformed(key) }
    return number
  }

  func optionalNumber(_ key: String) throws(FireTreeError) -> Float? {
    metadata[key] == nil ? nil : try number(key)
  }

  func choice<Value>(_ key: String, _ values: [String: Value]) throws(FireTreeError) -> Value {
    guard let value = values[try text(key)] else { throw malformed(key) }
    return value
  }

  func encoding() throws(FireTreeError) -> TargetEncoding {
    switch try choice("task", ["classification": LearningTask.classification, "regression": .regression]) {
    case .regression:
      // Version 1 has 32 bits of the mean.
      guard let mean = Double(try text("target_mean")) else { throw malformed("target_mean") }
      return .regression(
        mean: try version() == 1 ? Double(number("target_mean")) : mean, scale: try number("target_scale"))
    case .classification:
      guard let names = strings(JSON(parsing: try text("class_names").utf8)), !names.isEmpty else {
        throw malformed("class_names")
      }
      return .classification(names: names)
    }
  }

  func schema() throws(FireTreeError) -> FeatureSchema {
    guard let entries = JSON(parsing: try text("features").utf8)?.object,
      let count = entries["count"]?.integer,
      count > 0
    else { throw malformed("features") }
    let names = strings(entries["names"])
    guard names.map({ $0.count == count }) ?? true else { throw malformed("features") }
    var schema = FeatureSchema(
      count: count, names: names, targetName: entries["target_name"]?.string,
      targetIndex: entries["target_index"]?.integer)
    for (feature, origin) in entries["origins"]?.object ?? [:] {
      guard let feature = Int(feature), feature >= 0, feature < count,
        let origin = origin.string.flatMap(Double.init), origin.isFinite
      else { throw malformed("features") }
      schema.origins[feature] = origin
    }
    // Whatever was left out while reading is missing when the schema is written again.
    guard Self.text(of: schema) == JSON.object(entries).text else { throw malformed("features") }
    return schema
  }

  static func text(of schema: FeatureSchema) -> String {
    var entries: [String: JSON] = ["count": .integer(schema.count)]
    if let names = schema.names { entries["names"] = .array(names.map(JSON.string)) }
    if let name = schema.targetName { entries["target_name"] = .string(name) }
    if let index = schema.targetIndex { entries["target_index"] = .integer(index) }
    if !schema.origins.isEmpty {
      let origins = schema.origins.map { (String($0.key), JSON.string("\($0.value)")) }
      entries["origins"] = .object(Dictionary(uniqueKeysWithValues: origins))
    }
    return JSON.object(entries).text
  }

  private func strings(_ json: JSON?) -> [String]? {
    guard let array = json?.array else { return nil }
    let texts = array.compactMap(\.string)
    return texts.count == array.count ? texts : nil
  }
}
