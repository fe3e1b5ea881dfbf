import Glibc

/// Working memory of one shard: allocated once before its loop, not initialised, not shared.
public enum Scratch {
  /// Calls `body` with an uninitialised matrix whose rows start on 64-byte boundaries.
  ///
  /// Without memory for it the process ends (`Memory.end`), as shards cannot throw.
  public static func withMatrix<Result, Failure: Error>(
    rows: Int, columns: Int, _ body: (MutableMatrixView) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let stride = Matrix.stride(columns: columns)
    let size = ByteCount.matrix(rows: max(rows, 1), columns: max(columns, 1))
    Memory.demand(try Memory.ask(for: size))
    guard let memory = aligned_alloc(AlignedBuffer.alignment, size.bytes) else {
      Memory.end(Memory.refusal(of: size))
    }
    defer { free(memory) }
    let base = memory.bindMemory(to: Float.self, capacity: max(rows * stride, 1))
    return try body(MutableMatrixView(base: base, rows: rows, columns: columns, stride: stride))
  }
}

extension MatrixView {
  /// Calls `body(range, rows)` for tiles of at most `size` of the chosen rows: `range` is a range of positions in
  /// `chosen`, `rows` holds those rows one below the other.
  ///
  /// Rows that are neighbours here already are handed out in place; others are copied together first, so that
  /// matrix products can take them.
  public func forEachTile(
    of chosen: UnsafeBufferPointer<Int32>, size: Int, _ body: (Range<Int>, MatrixView) -> Void
  ) {
    guard let first = chosen.first, let last = chosen.last else { return }
    let tiles = Tiles(of: chosen.count, size: size)
    // Ascending and distinct, so equal lengths mean no gap.
    if Int(last) - Int(first) + 1 == chosen.count {
      for tile in 0..<tiles.count {
        let range = tiles[tile]
        body(range, rows(Int(first) + range.lowerBound..<Int(first) + range.upperBound))
      }
      return
    }
    Scratch.withMatrix(rows: min(size, chosen.count), columns: columns) { gathered in
      for tile in 0..<tiles.count {
        let range = tiles[tile]
        for (slot, position) in range.enumerated() {
          gathered.row(slot).update(from: row(Int(chosen[position])), count: columns)
        }
        body(range, gathered.rows(0..<range.count).view)
      }
    }
  }
}
