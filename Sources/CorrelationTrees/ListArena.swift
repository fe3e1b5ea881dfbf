import FireTreeCore

/// The storage of a shard's candidate lists: words of four bytes, in which every list has a place of its own.
///
/// Every plane of a list starts on a cache line, and so do the points. Up to the next multiple of sixteen behind its last
/// candidate a list can be read: what was there before, or zeros in a new place.
///
/// A list that outgrows its place moves to the end; the arena is packed when half is waste. It lies in a buffer that
/// prefers large pages, since lists are visited at random.
@usableFromInline
struct ListArena: Sendable {
  /// Where a list starts, in words, how many candidates it has, and for how many there is room.
  @usableFromInline
  struct Place: Sendable {
    @usableFromInline var start = 0
    @usableFromInline var count: Int32 = 0
    @usableFromInline var capacity: Int32 = 0

    init() {}
  }

  let planes: Int
  private var buffer = AlignedBuffer(count: line)
  private var used = 0
  private var waste = 0

  /// Words of a cache line; candidates of a place are a multiple of it.
  private static let line = 16

  init(planes: Int) { self.planes = planes }

  var words: UnsafeMutablePointer<Float> { buffer.base }

  /// Bytes that lists take, and what was left behind by those that have moved.
  var memoryBytes: Int { used * MemoryLayout<Float>.stride }

  /// Where the points of a list are: behind its planes.
  @inlinable @inline(__always)
  static func points(
    of place: Place, planes: Int, words: UnsafeMutablePointer<Float>
  ) -> UnsafeMutablePointer<UInt16> {
    // Words of a place are used as points alone or as numbers alone.
    UnsafeMutableRawPointer(words + place.start + planes * Int(place.capacity))
      .assumingMemoryBound(to: UInt16.self)
  }

  mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&buffer) { move(to: AlignedBuffer(count: buffer.count)) }
  }

  /// Sets the count of a list, which loses its contents, and gives it a place where it fits.
  mutating func makeRoom(for count: Int, at index: Int, in places: inout [Place]) {
    makeUnique()
    if count > Int(places[index].capacity) {
      waste += size(capacity: Int(places[index].capacity))
      places[index].capacity = 0
      if waste > used / 2 { pack(&places) }
      let capacity = (count + count / 8 + Self.line) / Self.line * Self.line
      reserve(used + size(capacity: capacity))
      (places[index].start, places[index].capacity) = (used, Int32(capacity))
      used += size(capacity: capacity)
    }
    places[index].count = Int32(count)
  }

  /// Words of a place, whole cache lines.
  private func size(capacity: Int) -> Int {
    (capacity * planes + capacity / 2 + Self.line - 1) / Self.line * Self.line
  }

  private mutating func reserve(_ count: Int) {
    guard count > buffer.count else { return }
    move(to: AlignedBuffer(count: max(count, buffer.count + buffer.count / 2)))
  }

  private mutating func move(to other: AlignedBuffer) {
    other.base.update(from: buffer.base, count: used)
    buffer = other
  }

  /// Moves all lists together, in their order.
  private mutating func pack(_ places: inout [Place]) {
    let packed = AlignedBuffer(count: max(used - waste, Self.line))
    var next = 0
    for list in places.indices {
      let (start, size) = (places[list].start, size(capacity: Int(places[list].capacity)))
      (packed.base + next).update(from: buffer.base + start, count: size)
      places[list].start = next
      next += size
    }
    (buffer, used, waste) = (packed, next, 0)
  }
}
