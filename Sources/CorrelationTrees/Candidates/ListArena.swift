import FireTreeCore

/// The storage of a shard's candidate lists: words of four bytes, in which every list has a place of its own.
///
/// A list starts on a cache line, with how many candidates it has and for how many there is room. The points follow, then
/// the planes, each of which starts on a cache line. Up to the next multiple of sixteen behind its last candidate a list can
/// be read: what was there before, or zeros in a new place.
///
/// Where a list starts is counted in cache lines. The first is that of all lists that have had no candidates yet, of which it
/// can be read like the points of others.
///
/// A list that outgrows its place moves to the end; the arena is packed when half is waste. It lies in a buffer that
/// prefers large pages, since lists are visited at random.
@usableFromInline
struct ListArena: Sendable {
  /// Words of a cache line; candidates of a place are a multiple of it.
  @usableFromInline static let line = 16
  /// Words of count and capacity, which are before the points.
  @usableFromInline static let header = 2

  let planes: Int
  private var buffer = AlignedBuffer.fixed(count: line)
  private var used = line
  private var waste = 0

  init(planes: Int) { self.planes = planes }

  var words: UnsafeMutablePointer<Float> { buffer.base }

  /// Bytes that lists take, and what was left behind by those that have moved.
  var memoryBytes: Int { used * MemoryLayout<Float>.stride }

  /// Words before the planes of a place for so many candidates.
  @inlinable @inline(__always)
  static func offset(capacity: Int) -> Int { (header + capacity / 2 + line - 1) / line * line }

  /// The counts at the start of a list.
  @inlinable @inline(__always)
  static func sizes(at start: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Int32> {
    // Words of a place are used as counts, as points or as numbers alone.
    UnsafeMutableRawPointer(start).assumingMemoryBound(to: Int32.self)
  }

  mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&buffer) { move(to: Memory.demand(try AlignedBuffer(count: buffer.count))) }
  }

  /// Sets the count of a list, which loses its contents, and gives it a place where it fits.
  mutating func makeRoom(for count: Int, at index: Int, in places: inout [UInt32]) {
    makeUnique()
    let old = capacity(at: places[index])
    if count > old {
      if old > 0 { waste += size(capacity: old) }
      places[index] = 0
      if waste > used / 2 { pack(&places) }
      let capacity = Self.capacity(for: count)
      reserve(used + size(capacity: capacity))
      places[index] = Self.place(of: used)
      Self.sizes(at: buffer.base + used)[1] = Int32(capacity)
      used += size(capacity: capacity)
    }
    // All lists without a place are one that stays empty.
    if places[index] > 0 { Self.sizes(at: start(of: places[index]))[0] = Int32(count) }
  }

  /// How many candidates a new place of a list of `count` has room for.
  private static func capacity(for count: Int) -> Int { (count + count / 8 + line) / line * line }

  /// Words of a new place of a list of `count`.
  func words(for count: Int) -> Int { count > 0 ? size(capacity: Self.capacity(for: count)) : 0 }

  /// Whether no list has had a candidate.
  var isEmpty: Bool { used == Self.line }

  /// Makes room for `count` words in all, so that filling them moves nothing; none where there is no memory for so much.
  /// Memory that is not written is not taken.
  mutating func makeRoom(words count: Int) {
    guard count > buffer.count, let room = try? AlignedBuffer(count: count) else { return }
    move(to: room)
  }

  private func start(of place: UInt32) -> UnsafeMutablePointer<Float> { buffer.base + Int(place) * Self.line }

  private func capacity(at place: UInt32) -> Int { Int(Self.sizes(at: start(of: place))[1]) }

  private static func place(of word: Int) -> UInt32 {
    guard let place = UInt32(exactly: word / line) else {
      preconditionFailure("a shard's lists take \(4 * word) bytes")
    }
    return place
  }

  /// Words of a place, whole cache lines.
  private func size(capacity: Int) -> Int {
    Self.offset(capacity: capacity) + capacity * planes
  }

  private mutating func reserve(_ count: Int) {
    guard count > buffer.count else { return }
    let grown = max(count, buffer.count + buffer.count / 2)
    move(to: Memory.demand(try AlignedBuffer(count: grown)))
  }

  private mutating func move(to other: AlignedBuffer) {
    other.base.update(from: buffer.base, count: used)
    buffer = other
  }

  /// Moves all lists together, in their order.
  private mutating func pack(_ places: inout [UInt32]) {
    let packed = Memory.demand(try AlignedBuffer(count: max(used - waste, Self.line)))
    var next = Self.line
    for list in places.indices where places[list] > 0 {
      let size = size(capacity: capacity(at: places[list]))
      (packed.base + next).update(from: start(of: places[list]), count: size)
      places[list] = Self.place(of: next)
      next += size
    }
    (buffer, used, waste) = (packed, next, 0)
  }
}
