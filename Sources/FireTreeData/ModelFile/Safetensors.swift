import FireTreeCore

/// Constants of the file format.
enum SafetensorsFormat {
  static let longestHeader = 100_000_000

  /// Bytes of one element, by the name of its type.
  static let elementSizes: [String: Int] = [
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2,
    "U32": 4,
    "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
  ]
}

/// Writes safetensors files (https://github.com/huggingface/safetensors): 8 bytes of header length, a JSON
/// header padded to 8 bytes, and the tensors, by name, one after the other.
public enum SafetensorsWriter {
  /// Writes the file and gives it its name when it is complete.
  ///
  /// The same contents give the same bytes. Throws a failure when the file cannot be written.
  /// Complexity: no copy of the tensors is made.
  public static func write(
    to path: String, metadata: [String: String], tensors: [String: SafetensorsTensor]
  ) throws(FireTreeError) {
    precondition(tensors["__metadata__"] == nil, "__metadata__ is no name for a tensor")
    let ordered = tensors.sorted { $0.key < $1.key }
    let file = try AtomicFile(path: path)
    let header = header(metadata, ordered)
    try [UInt64(header.utf8.count).littleEndian].withBytes { (bytes) throws(FireTreeError) in
      try file.write(bytes)
    }
    try file.write(header)
    for (_, tensor) in ordered {
      try tensor.forEachPiece { (bytes) throws(FireTreeError) in try file.write(bytes) }
    }
    try file.commit()
  }

  private static func header(
    _ metadata: [String: String], _ tensors: [(key: String, value: SafetensorsTensor)]
  ) -> String {
    var entries: [String: JSON] = [:]
    var offset = 0
    for (name, tensor) in tensors {
      let end = offset + tensor.byteCount
      entries[name] = .object([
        "dtype": .string(tensor.type), "shape": .array(tensor.shape.map(JSON.integer)),
        "data_offsets": .array([.integer(offset), .integer(end)]),
      ])
      offset = end
    }
    if !metadata.isEmpty { entries["__metadata__"] = .object(metadata.mapValues(JSON.string)) }
    let text = JSON.object(entries).text
    return text + String(repeating: " ", count: (8 - text.utf8.count % 8) % 8)
  }
}
