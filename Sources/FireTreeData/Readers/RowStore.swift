import FireTreeCore

/// Rows of numbers whose count is not known before the last is read, in Double.
///
/// They are kept in blocks of a few megabytes, each of which is given up as soon as it is copied into the
/// matrix: a large file is never in memory twice.
struct RowStore {
  let columns: Int
  private(set) var rows = 0
  private var full: [[Double]] = []
  private var current: [Double] = []
  private let blockCapacity: Int

  init(columns: Int) {
    self.columns = columns
    self.blockCapacity = max(1, (1 << 20) / max(columns, 1)) * columns
  }

  var bytes: Int { rows * columns * MemoryLayout<Double>.size }
  /// Bytes of the matrix, and of the next block.
  var comingBytes: Int { bytes / 2 + blockCapacity * MemoryLayout<Double>.size }

  /// Starts a row of zeros, which `set` fills. Throws a usage error when there is no memory for a block.
  mutating func beginRow() throws(FireTreeError) {
    if current.count >= blockCapacity && columns > 0 {
      full.append(current)
      current = []
      try current.makeRoom(for: blockCapacity)
    }
    try current.makeRoom(for: columns)
    current.append(contentsOf: repeatElement(0, count: columns))
    rows += 1
  }

  /// Sets an element of the last row.
  @inline(__always)
  mutating func set(_ column: Int, _ value: Double) { current[current.count - columns + column] = value }

  /// The points from which columns have to be counted to keep their digits in 32 bits, by column
  /// (`ColumnMoments.origin`). Complexity: O(rows columns).
  func origins() -> [Int: Double] {
    var moments = ColumnMoments(count: rows, dimension: columns)
    forEachRow { moments.add($0) }
    var found: [Int: Double] = [:]
    for column in 0..<columns { found[column] = moments.origin(column) }
    if found.isEmpty { return [:] }
    var inexact: Set<Int> = []
    forEachRow { row in
      for column in found.keys where Double(Float(row[column])) != row[column] { inexact.insert(column) }
    }
    return found.filter { inexact.contains($0.key) }
  }

  /// Whether a column is 0, 1, 2 and so on. Complexity: O(rows).
  func countsRows(_ column: Int) -> Bool {
    var (row, counts) = (0, true)
    forEachRow { values in
      counts = counts && values[column] == Double(row)
      row += 1
    }
    return counts && row > 1
  }

  private func forEachRow(_ body: (UnsafePointer<Double>) -> Void) {
    for block in columns > 0 ? full + [current] : [] {
      block.withUnsafeBufferPointer { block in
        guard let base = block.baseAddress else { return }
        for start in stride(from: 0, to: block.count, by: columns) { body(base + start) }
      }
    }
  }

  /// The rows with `origins` taken off, rounded to 32 bits. Throws a usage error when there is no memory for them.
  consuming func matrix(origins: [Int: Double]) throws(FireTreeError) -> Matrix {
    var result = try Matrix(allocating: rows, by: columns)
    guard columns > 0 else { return result }
    let shifts = (0..<columns).map { origins[$0] ?? 0 }
    full.append(current)
    current = []
    var done = 0
    for block in full.indices {
      let count = full[block].count / columns
      result.withMutableView { result in
        for row in 0..<count {
          let (values, start) = (result.row(done + row), row * columns)
          for column in 0..<columns { values[column] = Float(full[block][start + column] - shifts[column]) }
        }
      }
      full[block] = []
      done += count
    }
    return result
  }
}
