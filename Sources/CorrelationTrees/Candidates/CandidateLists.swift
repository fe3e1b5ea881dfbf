import FireTreeCore

/// For every neuron the data points on which it may fire before it is looked at again.
///
/// The lists remember correlations at an anchor time t0, when a neuron's weight was w_r(t0), and a skin. Let
/// D_r = |w_r - w_r(t0)| be its drift since. By Cauchy-Schwarz
///
///     s_ri(t) <= s_ri(t0) + D_r |x_i|,
///
/// so a point with s_ri(t0) <= b - skin_r |x_i| cannot fire as long as D_r <= skin_r. A list holds the other points,
/// its candidates; when the drift has used up the skin, that neuron alone is anchored anew. This is the correlation
/// tree of arXiv 2211.14227 made lazy: a query at a lowered bound in place of an update.
///
/// Layout: a shard of neurons keeps all its lists in one arena (`ListArena`). A list is contiguous: how many
/// candidates it has and may have, their points, in 16 bits, and a number of `Float` planes that engines use for what they track a pair, each of which
/// starts on a cache line; plane 0 holds the anchored correlations.
///
/// More points than 16 bits number are cut into blocks. A neuron then has a list for each block, with points numbered
/// from the block's first, so that what works on a list is the same whatever the number of points.
///
/// Memory: 2 + 4 planes bytes a candidate, 4 a list and up to a cache line, with room to spare; never n m.
public struct CandidateLists: Sendable {
  /// The points that one list can number.
  public static let maximumPoints = Int(UInt16.max) + 1

  public var shards: [Shard]

  /// Empty lists of neurons that have not been anchored yet, `blocks` for each.
  ///
  /// Precondition: at least one plane, and one block.
  ///
  /// Throws a usage error when there is no memory for their places.
  public init(neurons: Int, planes: Int, blocks: Int = 1) throws(FireTreeError) {
    precondition(planes >= 1, "plane 0 holds the anchored correlations")
    precondition(blocks >= 1, "\(blocks) lists a neuron")
    let tiles = Tiles.neuronShards(of: neurons)
    shards = []
    for tile in 0..<tiles.count {
      shards.append(try Shard(neurons: tiles[tile], planes: planes, blocks: blocks))
    }
  }

  /// m.
  var neuronCount: Int { shards.last?.neurons.upperBound ?? 0 }

  /// Number of candidates in all lists.
  public var candidateCount: Int { shards.reduce(0) { $0 + $1.candidateCount } }

  /// Bytes held.
  public var memoryBytes: Int { shards.reduce(0) { $0 + $1.memoryBytes } }
}

extension CandidateLists {
  /// The lists of a shard of neurons.
  public struct Shard: Sendable {
    public let neurons: Range<Int>
    private let blocks: Int
    /// The lists of a neuron follow each other.
    private var places: [UInt32]
    private var arena: ListArena

    init(neurons: Range<Int>, planes: Int, blocks: Int) throws(FireTreeError) {
      self.neurons = neurons
      self.blocks = blocks
      places = try [UInt32](allocating: neurons.count * blocks, repeating: 0)
      arena = ListArena(planes: planes)
    }

    public var candidateCount: Int {
      readLists { lists in places.reduce(0) { $0 + lists.list(at: $1).count } }
    }

    public var memoryBytes: Int { arena.memoryBytes + places.count * MemoryLayout<UInt32>.stride }

    /// Whether no list has had a candidate.
    var isEmpty: Bool { arena.isEmpty }

    /// Words that a list of `count` candidates takes.
    func words(for count: Int) -> Int { arena.words(for: count) }

    /// Makes room for lists of `words` words a neuron, and a little more.
    mutating func makeRoom(wordsPerNeuron words: Double) {
      arena.makeRoom(words: Int(1.03 * words * Double(neurons.count)) + 4096)
    }

    /// The list of the shard's neuron `local` for a block becomes `points` with these anchored correlations; the other
    /// planes become 0.
    ///
    /// Complexity: O(length), amortised over packing.
    public mutating func replace(
      _ local: Int, block: Int = 0, points new: UnsafeBufferPointer<UInt16>,
      correlations: UnsafeBufferPointer<Float>
    ) {
      precondition(new.count == correlations.count, "a correlation for every candidate")
      let index = local * blocks + block
      arena.makeRoom(for: new.count, at: index, in: &places)
      readLists { lists in
        let list = lists.list(at: places[index])
        for k in 0..<new.count {
          list.mutablePoints[k] = new[k]
          list.values[k] = correlations[k]
        }
        list.plane(1).update(repeating: 0, count: list.capacity * (arena.planes - 1))
      }
    }

    /// Calls `body` with access to every list of the shard, in place.
    @inline(__always)
    public mutating func withLists<Result>(_ body: (Lists) -> Result) -> Result {
      arena.makeUnique()
      return readLists(body)
    }

    /// Calls `body` with the lists, to be read only.
    @inline(__always)
    public func readLists<Result>(_ body: (Lists) -> Result) -> Result {
      places.withUnsafeBufferPointer { places in
        guard let places = places.baseAddress else { preconditionFailure("a shard has neurons") }
        return withExtendedLifetime(arena) {
          body(Lists(planes: arena.planes, blocks: blocks, places: places, words: arena.words))
        }
      }
    }
  }

  /// The lists of a shard in borrowed memory.
  public struct Lists {
    @usableFromInline let planes: Int
    @usableFromInline let blocks: Int
    @usableFromInline let places: UnsafePointer<UInt32>
    @usableFromInline let words: UnsafeMutablePointer<Float>

    init(
      planes: Int, blocks: Int, places: UnsafePointer<UInt32>, words: UnsafeMutablePointer<Float>
    ) {
      (self.planes, self.blocks, self.places, self.words) = (planes, blocks, places, words)
    }

    /// Asks for what says where the list of neuron `local` is, when there is one block.
    @inlinable @inline(__always)
    public func prefetchPlace(of local: Int) { Kernels.prefetch(places + local, count: 1) }

    /// Asks for the start of the list of neuron `local`, with so many points, when there is one block.
    @inlinable @inline(__always)
    public func prefetchStart(of local: Int, count: Int) {
      Kernels.prefetch(
        words + Int(places[local]) * ListArena.line, count: ListArena.header + (count + 1) / 2)
    }

    @inlinable @inline(__always)
    func list(at place: UInt32) -> List {
      List(at: words + Int(place) * ListArena.line, planes: planes)
    }

    /// The list of the shard's neuron `local`, when there is one block.
    @inlinable @inline(__always)
    public subscript(local: Int) -> List { list(at: places[local]) }

    /// The list of the shard's neuron `local` for a block of points.
    @inlinable @inline(__always)
    public subscript(local: Int, block block: Int) -> List { self[local * blocks + block] }
  }

  /// One neuron's candidates in a block: ascending by point when anchored; engines may exchange them.
  public struct List {
    public let count: Int
    @usableFromInline let mutablePoints: UnsafeMutablePointer<UInt16>
    @usableFromInline let values: UnsafeMutablePointer<Float>
    @usableFromInline let capacity: Int
    @usableFromInline let planes: Int

    @inlinable @inline(__always)
    init(at start: UnsafeMutablePointer<Float>, planes: Int) {
      let sizes = ListArena.sizes(at: start)
      count = Int(sizes[0])
      capacity = Int(sizes[1])
      mutablePoints = UnsafeMutableRawPointer(start + ListArena.header).assumingMemoryBound(to: UInt16.self)
      values = start + ListArena.offset(capacity: capacity)
      self.planes = planes
    }

    /// The candidates' points (count), counted from the first of the block.
    @inlinable @inline(__always)
    public var points: UnsafePointer<UInt16> { UnsafePointer(mutablePoints) }

    /// Exchanges two candidates.
    @inlinable @inline(__always)
    public func exchange(_ a: Int, _ b: Int) {
      guard a != b else { return }
      (mutablePoints[a], mutablePoints[b]) = (mutablePoints[b], mutablePoints[a])
      for index in 0..<planes {
        let plane = plane(index)
        (plane[a], plane[b]) = (plane[b], plane[a])
      }
    }

    /// `count` numbers that belong to the candidates; plane 0 holds the anchored correlations.
    @inlinable @inline(__always)
    public func plane(_ index: Int) -> UnsafeMutablePointer<Float> { values + index * capacity }
  }
}
