import Dispatch
import Synchronization

/// The threads that a piece of work may use.
///
/// Work is cut into shards whose number and borders depend on the problem alone. Any thread may take any shard;
/// a shard's result goes to a place of its own, and partial sums are reduced in shard order. So the bits of every
/// result are the same on any number of threads.
public struct Workers: Sendable, Equatable {
  /// At least 1.
  public let threads: Int

  /// Precondition: `threads` is at least 1.
  public init(threads: Int) {
    precondition(threads >= 1, "work needs at least one thread")
    self.threads = threads
  }

  /// One thread for every processor that this process may use: online, in its affinity and within its quota.
  public static let all = Workers(threads: SystemLimits().processors)

  /// Calls `body(shard)` once for every shard in `0..<count`, in parallel, and returns when all are done.
  ///
  /// Shards are handed out in ascending order as threads become free.
  public func forEachShard(of count: Int, _ body: (Int) -> Void) {
    forEachShard(of: count) { shard, _ in body(shard) }
  }

  /// The same, with the number of the thread, below `threads`, that has taken the shard: for working memory that no
  /// two shards use at a time.
  public func forEachShard(of count: Int, _ body: (_ shard: Int, _ thread: Int) -> Void) {
    let threads = min(self.threads, count)
    guard threads > 1 else {
      for shard in 0..<max(count, 0) { body(shard, 0) }
      return
    }
    let next = Atomic<Int>(0)
    withoutActuallyEscaping(body) { body in
      // The closure ends with this call, and its shards write to places of their own.
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: threads) { thread in
        while true {
          let shard = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard shard < count else { return }
          body(shard, thread)
        }
      }
    }
  }

  /// The results of `body(shard)` for every shard in `0..<count`, in shard order.
  public func map<Element>(shards count: Int, _ body: (Int) -> Element) -> [Element] {
    map(shards: count) { shard, _ in body(shard) }
  }

  /// The same, with the number of the thread that has taken the shard.
  public func map<Element>(shards count: Int, _ body: (_ shard: Int, _ thread: Int) -> Element) -> [Element] {
    // An array made without room would write its count to the empty array that all threads share.
    guard count > 0 else { return [] }
    Memory.demand(try Memory.ask(for: count, of: Element.self))
    return Array(unsafeUninitializedCapacity: count) { slots, initialized in
      // Each shard initialises the slot of its own.
      nonisolated(unsafe) let base = slots.baseAddress
      forEachShard(of: count) { shard, thread in
        (base.unsafelyUnwrapped + shard).initialize(to: body(shard, thread))
      }
      initialized = count
    }
  }
}

extension Workers {
  /// An array of one element for each of `tiles.total`, of which every shard writes those of its tile:
  /// `body(range, elements)`, the elements zero before. Without memory for it the process ends (`Memory.end`).
  public func array<Element: BitwiseCopyable & AdditiveArithmetic>(
    over tiles: Tiles, _ body: (Range<Int>, UnsafeMutablePointer<Element>) -> Void
  ) -> [Element] {
    var result = Array.fixed(tiles.total, repeating: Element.zero)
    result.withUnsafeMutableBufferPointer { elements in
      guard let base = elements.baseAddress else { return }
      // Each shard writes to places of its own.
      nonisolated(unsafe) let first = base
      forEachShard(of: tiles.count) { body(tiles[$0], first + tiles[$0].lowerBound) }
    }
    return result
  }

  /// The norms of `rows` rows (m), which `withTile(range, body)` hands out tile by tile.
  public func norms(
    ofRows rows: Int, withTile: (Range<Int>, (MatrixView) -> Void) -> Void
  ) -> [Float] {
    array(over: Tiles.neuronShards(of: rows)) { shard, norms in
      let tiles = Tiles(of: shard.count, size: DataPoints.weightsPerTile)
      for tile in (0..<tiles.count).lazy.map({ tiles[$0] }) {
        withTile(shard.lowerBound + tile.lowerBound..<shard.lowerBound + tile.upperBound) { rows in
          for r in 0..<rows.rows {
            norms[tile.lowerBound + r] =
              LinearAlgebra.dot(rows.row(r), rows.row(r), count: rows.columns).squareRoot()
          }
        }
      }
    }
  }
}

/// A range cut into tiles of equal size; the last may be smaller.
public struct Tiles: Sendable, Equatable {
  public let total: Int
  public let size: Int

  /// Precondition: `total` at least 0, `size` at least 1.
  public init(of total: Int, size: Int) {
    precondition(total >= 0 && size >= 1, "tiles of \(size) over \(total)")
    self.total = total
    self.size = size
  }

  /// At most `count` tiles of equal size.
  public init(of total: Int, count: Int) {
    self.init(of: total, size: max(1, (total + max(count, 1) - 1) / max(count, 1)))
  }

  public var count: Int { (total + size - 1) / size }

  public subscript(tile: Int) -> Range<Int> {
    tile * size..<min((tile + 1) * size, total)
  }
}

extension Tiles {
  /// The shards into which all work on a network's neurons is cut, whatever the threads: multiples of 16 neurons
  /// for small networks, of 256, the rows of a fast matrix product, for large ones; about 64 at the most.
  public static func neuronShards(of neurons: Int) -> Tiles {
    let even = Tiles(of: neurons, count: neurons <= 4096 ? 16 : 64).size
    let unit = even <= 128 ? 16 : 256
    return Tiles(of: neurons, size: max(unit, (even + unit - 1) / unit * unit))
  }
}
