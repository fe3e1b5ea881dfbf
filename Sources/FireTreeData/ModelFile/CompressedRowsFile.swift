import FireTreeCore

/// Compressed rows in three tensors of a safetensors file, checked while they are read, any range of rows at a time.
struct CompressedRowsFile<Index: SafetensorsScalar & BinaryInteger> {
  let rows: Int
  private let count: Int
  private let file: SafetensorsReader
  private let (offsets, indices, values): (String, String, String)

  /// Throws a data error when a tensor is missing or the shapes do not fit each other; a usage error when they do not fit
  /// the memory.
  init(
    _ file: SafetensorsReader, offsets: String, indices: String, values: String
  ) throws(FireTreeError) {
    let offsetCount = try file.tensor(offsets, of: Int.self, rank: 1).shape[0]
    count = try file.tensor(indices, of: Index.self, rank: 1).shape[0]
    let valueCount = try file.tensor(values, of: Float.self, rank: 1).shape[0]
    guard offsetCount >= 1 else {
      throw .data(file: file.path, "tensor \(quoted(offsets)) has no elements")
    }
    guard valueCount == count else {
      throw .data(file: file.path, "tensor \(quoted(values)) has the shape \(valueCount), not \(count)")
    }
    let entry = MemoryLayout<Index>.size + MemoryLayout<Float>.size
    try (ByteCount(MemoryLayout<Int>.size) * offsetCount + ByteCount(entry) * count).requireAvailable(
      for: "tensors \(quoted(offsets)), \(quoted(indices)) and \(quoted(values)) of '\(file.path)'")
    rows = offsetCount - 1
    self.file = file
    (self.offsets, self.indices, self.values) = (offsets, indices, values)
    let ends = [
      try file.elements(offsets, of: Int.self, in: 0..<1)[0],
      try file.elements(offsets, of: Int.self, in: rows..<rows + 1)[0],
    ]
    guard ends == [0, count] else {
      throw .data(
        file: file.path,
        "tensor \(quoted(offsets)) runs from \(ends[0]) to \(ends[1]), not from 0 to \(count)")
    }
  }

  /// The rows in `range`, offsets counted from the first of them.
  ///
  /// Throws a data error unless offsets ascend and indices ascend within each row and lie below `limit`.
  func read(
    _ range: Range<Int>, indicesBelow limit: Int
  ) throws(FireTreeError) -> (offsets: [Int], indices: [Index], values: [Float]) {
    var positions = try file.elements(offsets, of: Int.self, in: range.lowerBound..<range.upperBound + 1)
    let first = positions[0]
    guard first >= 0 else { throw disorder(in: offsets, at: range.lowerBound) }
    for row in 0..<range.count {
      guard positions[row] <= positions[row + 1], positions[row + 1] <= count else {
        throw disorder(in: offsets, at: range.lowerBound + row)
      }
    }
    let elements = first..<positions[range.count]
    let found = try file.elements(indices, of: Index.self, in: elements)
    for row in positions.indices { positions[row] -= first }
    for row in 0..<range.count {
      var previous = -1
      for position in positions[row]..<positions[row + 1] {
        let index = Int(found[position])
        guard index > previous, index < limit else {
          throw .data(
            file: file.path,
            "tensor \(quoted(indices)), row \(range.lowerBound + row): expected ascending indices below \(limit), "
              + "found \(index)\(previous < 0 ? "" : " after \(previous)")")
        }
        previous = index
      }
    }
    return (positions, found, try file.elements(values, of: Float.self, in: elements))
  }

  private func disorder(in name: String, at row: Int) -> FireTreeError {
    .data(file: file.path, "tensor \(quoted(name)), row \(row): offsets must ascend from 0 to \(count)")
  }
}
