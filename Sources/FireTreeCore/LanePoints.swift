/// Data points for fast transforms: groups of sixteen, side by side as the lanes of a register.
///
/// Dense points are copied, a group D x 16 with zeros for coordinates and points that are not there; sparse ones are written
/// out when a group is asked for. Memory: 4 n D bytes for dense points, else none.
public struct LanePoints: Sendable {
  /// Points that are transformed side by side.
  public static let lanes = 16

  /// Number of points.
  public let count: Int
  private let dense: AlignedBuffer?
  private let sparse: SparseRows?
  private let first: Int
  private let blockSize: Int

  /// Of the points in `range`, for blocks of `blockSize` coordinates, at least d. Throws a usage error when there is no
  /// memory for them.
  public init(
    of points: DataPoints, _ range: Range<Int>, blockSize: Int, workers: Workers
  ) throws(FireTreeError) {
    precondition(
      points.dimension <= blockSize, "points of \(points.dimension) inputs, blocks of \(blockSize)")
    (count, first, self.blockSize) = (range.count, range.lowerBound, blockSize)
    switch points.storage {
    case .sparse(let rows): (dense, sparse) = (nil, rows)
    case .dense(let matrix):
      let groups = Tiles(of: range.count, size: Self.lanes)
      let buffer = try AlignedBuffer(count: groups.count * blockSize * Self.lanes)
      let (base, size) = (buffer.base, blockSize * Self.lanes)
      matrix.withView { view in
        workers.forEachShard(of: groups.count) { group in
          for (lane, point) in groups[group].enumerated() {
            let row = view.row(range.lowerBound + point), lanes = base + group * size + lane
            for column in 0..<view.columns { lanes[column * Self.lanes] = row[column] }
          }
        }
      }
      (dense, sparse) = (buffer, nil)
    }
  }

  /// Groups of sixteen points; the last may have fewer.
  public var groups: Tiles { Tiles(of: count, size: Self.lanes) }

  /// Bytes that they take beside the points themselves.
  public static func requiredMemory(points: Int, dimension: Int, isSparse: Bool) -> ByteCount {
    let size = HadamardWeights.blockSize(columns: dimension) * lanes
    return isSparse ? ByteCount(0) : ByteCount(4 * size) * Tiles(of: points, size: lanes).count
  }

  /// A group (D x 16), valid while these points are there; sparse ones are written out into `tile`.
  func group(_ group: Int, size: Int, orIn tile: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    precondition(size == blockSize, "a tile of \(size) rows for points of \(blockSize)")
    if let dense { return UnsafePointer(dense.base + group * size * Self.lanes) }
    tile.update(repeating: 0, count: size * Self.lanes)
    guard let sparse else { return UnsafePointer(tile) }
    for (lane, point) in groups[group].enumerated() {
      for position in sparse.offsets[first + point]..<sparse.offsets[first + point + 1] {
        tile[Int(sparse.columnIndices[position]) * Self.lanes + lane] = sparse.values[position]
      }
    }
    return UnsafePointer(tile)
  }
}
