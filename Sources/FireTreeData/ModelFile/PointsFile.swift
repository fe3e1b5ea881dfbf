import FireTreeCore

/// Preprocessed points (n x d') in a model file: dense as the tensor points.values (F32, n x d'), sparse as compressed rows,
/// points.offsets (I64, n + 1), points.columns (I32), points.values (F32).
enum PointsFile {
  static let tensorNames: Set = ["points.offsets", "points.columns", "points.values"]

  static func tensors(of points: DataPoints) -> [String: SafetensorsTensor] {
    switch points.storage {
    case .dense(let points): ["points.values": .matrix(points)]
    case .sparse(let points):
      [
        "points.offsets": .elements(points.offsets), "points.columns": .elements(points.columnIndices),
        "points.values": .elements(points.values),
      ]
    }
  }

  /// Throws a data error for the first thing that cannot be; a usage error when it does not fit the memory.
  static func read(_ file: SafetensorsReader) throws(FireTreeError) -> DataPoints {
    guard file.tensors["points.offsets"] != nil || file.tensors["points.columns"] != nil else {
      return .dense(try file.matrix("points.values"))
    }
    let rows = try CompressedRowsFile<Int32>(
      file, offsets: "points.offsets", indices: "points.columns", values: "points.values")
    let columns = try dimension(file)
    let all = try rows.read(0..<rows.rows, indicesBelow: columns)
    return .sparse(
      SparseRows(columns: columns, offsets: all.offsets, columnIndices: all.indices, values: all.values))
  }

  /// d', which sparse points do not tell.
  private static func dimension(_ file: SafetensorsReader) throws(FireTreeError) -> Int {
    let features = try file.tensor("preprocessing.offset", of: Float.self, rank: 1).shape[0]
    guard features < Int(Int32.max) else { throw .data(file: file.path, "there are too many features") }
    return features + (file.metadata["preprocessing.constant"] == nil ? 0 : 1)
  }
}
