/// Sparse combinations of data points, one a row: row r is sum_i alpha_ri x_i over its entries (i, alpha_ri).
///
/// Compressed rows, in one piece for each shard of `Tiles.neuronShards`, so that shards can be made in parallel
/// without a copy. Memory: 6 bytes an entry, and 8 bytes a row in shards that have entries.
public struct PointCombinations: Sendable, Equatable {
  /// The most data points that there can be: indices have 16 bits.
  public static let maximumPoints = 65_536

  /// The rows of one shard, by their position in it: row k has the entries `offsets[k]..<offsets[k + 1]`.
  public struct Shard: Sendable, Equatable {
    /// Ascending positions, one more than rows have been ended, the first 0; nothing while there is no entry.
    public private(set) var offsets: [Int] = []
    /// Ascending within a row.
    public private(set) var points: [UInt16] = []
    public private(set) var coefficients: [Float] = []
    private var endedRows = 0

    public init() {}

    /// Precondition: the invariants of the fields; `offsets` may be left out when there is no entry.
    public init(rows: Int, offsets: [Int], points: [UInt16], coefficients: [Float]) {
      precondition(points.count == coefficients.count, "a coefficient for every point")
      endedRows = rows
      guard !points.isEmpty else { return }
      precondition(offsets.count == rows + 1 && offsets.first == 0 && offsets.last == points.count)
      precondition(zip(offsets, offsets.dropFirst()).allSatisfy(<=), "offsets must ascend")
      self.offsets = offsets
      self.points = points
      self.coefficients = coefficients
    }

    /// Adds an entry to the present row. Within a row the points ascend.
    public mutating func append(point: UInt16, coefficient: Float) {
      if offsets.isEmpty { offsets = .fixed(endedRows + 1, repeating: 0) }
      points.fixRoom(for: 1)
      coefficients.fixRoom(for: 1)
      points.append(point)
      coefficients.append(coefficient)
    }

    /// Ends the present row; the next entry belongs to the next one.
    public mutating func endRow() {
      endedRows += 1
      guard !points.isEmpty else { return }
      offsets.fixRoom(for: 1)
      offsets.append(points.count)
    }

    /// Rows ended so far.
    public var rows: Int { endedRows }

    /// Positions of the entries of row `row`.
    public func entries(of row: Int) -> Range<Int> {
      offsets.isEmpty ? 0..<0 : offsets[row]..<offsets[row + 1]
    }

    /// Whether the points ascend within every row and lie below `count`.
    func isOrdered(below count: Int) -> Bool {
      (0..<(points.isEmpty ? 0 : rows)).allSatisfy { row in
        var previous = -1
        for position in entries(of: row) {
          guard Int(points[position]) > previous else { return false }
          previous = Int(points[position])
        }
        return previous < count
      }
    }
  }

  /// Number of rows, m.
  public let rows: Int
  /// One for each shard of `Tiles.neuronShards(of: rows)`.
  public let shards: [Shard]

  /// Rows without an entry. Memory: none that grows with the rows.
  public init(rows: Int) {
    self.init(rows: rows, shards: nil)
  }

  /// Precondition: a shard for each of `Tiles.neuronShards(of: rows)`, all its rows ended.
  public init(rows: Int, shards: [Shard]) {
    self.init(rows: rows, shards: .some(shards))
  }

  private init(rows: Int, shards: [Shard]?) {
    let tiles = Tiles.neuronShards(of: rows)
    let shards =
      shards
      ?? (0..<tiles.count).map {
        Shard(rows: tiles[$0].count, offsets: [], points: [], coefficients: [])
      }
    precondition(shards.count == tiles.count, "\(shards.count) shards, not \(tiles.count)")
    for (index, shard) in shards.enumerated() {
      precondition(
        shard.rows == tiles[index].count, "a shard of \(shard.rows) rows, not \(tiles[index].count)")
    }
    self.rows = rows
    self.shards = shards
  }

  /// Entries of all rows.
  public var count: Int { shards.reduce(0) { $0 + $1.points.count } }

  /// Bytes held.
  public var memoryBytes: Int {
    shards.reduce(0) { $0 + $1.offsets.count * MemoryLayout<Int>.stride + $1.points.count * 6 }
  }

  /// The entries of row `row`, (point, alpha), ascending by point.
  public func row(_ row: Int) -> [(point: Int, coefficient: Float)] {
    precondition(row >= 0 && row < rows, "row \(row) of \(rows)")
    let size = Tiles.neuronShards(of: rows).size
    let shard = shards[row / size]
    return shard.entries(of: row % size).map { (Int(shard.points[$0]), shard.coefficients[$0]) }
  }

  /// Bytes that combinations with `entries` entries in all will hold at most.
  public static func requiredMemory(rows: Int, entries: ByteCount) -> ByteCount {
    entries * 6 + ByteCount(MemoryLayout<Int>.stride) * rows
  }
}
