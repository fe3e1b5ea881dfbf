import FireTreeCore

/// Rows of floats whose number is not known before the last is read.
///
/// They are kept in blocks of a few megabytes, each of which is given up as soon as it is copied into the
/// matrix: a large file is never in memory twice.
struct RowStore {
  let columns: Int
  private(set) var rows = 0
  private var full: [[Float]] = []
  private var current: [Float] = []
  private let blockCapacity: Int

  init(columns: Int) {
    self.columns = columns
    self.blockCapacity = max(1, (1 << 20) / max(columns, 1)) * columns
  }

  mutating func append(_ row: [Float]) {
    if current.count >= blockCapacity && columns > 0 {
      full.append(current)
      current = []
      current.reserveCapacity(blockCapacity)
    }
    current.append(contentsOf: row)
    rows += 1
  }

  /// Throws a usage error when the matrix does not fit the memory.
  consuming func matrix(for path: String) throws(FireTreeError) -> Matrix {
    try ByteCount.matrix(rows: rows, columns: columns).requireAvailable(for: "'\(path)'")
    var result = Matrix(rows: rows, columns: columns)
    guard columns > 0 else { return result }
    full.append(current)
    current = []
    var done = 0
    for block in full.indices {
      let count = full[block].count / columns
      result.withMutableView { result in
        full[block].withUnsafeBufferPointer { source in
          guard let base = source.baseAddress else { return }
          for row in 0..<count { result.row(done + row).update(from: base + row * columns, count: columns) }
        }
      }
      full[block] = []
      done += count
    }
    return result
  }
}
