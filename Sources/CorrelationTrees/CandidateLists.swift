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
/// Layout: a shard of neurons keeps all its lists in one arena, points in 16 bits and, beside them, a number of
/// `Float` planes that engines use for what they track a pair; plane 0 holds the anchored correlations. All of one
/// list is contiguous. A list that outgrows its place moves to the end; the arena is packed when half is waste.
///
/// More points than 16 bits number are cut into blocks. A neuron then has a list for each block, with points numbered
/// from the block's first, so that what works on a list is the same whatever the number of points.
///
/// Memory: 2 + 4 planes bytes a candidate and 16 a list; never n m.
public struct CandidateLists: Sendable {
  /// The points that one list can number.
  public static let maximumPoints = Int(UInt16.max) + 1

  public var shards: [Shard]

  /// Empty lists of neurons that have not been anchored yet, `blocks` for each.
  ///
  /// Precondition: at least one plane, and one block.
  public init(neurons: Int, planes: Int, blocks: Int = 1) {
    precondition(planes >= 1, "plane 0 holds the anchored correlations")
    precondition(blocks >= 1, "\(blocks) lists a neuron")
    let tiles = Tiles.neuronShards(of: neurons)
    shards = (0..<tiles.count).map { Shard(neurons: tiles[$0], planes: planes, blocks: blocks) }
  }

  /// Number of candidates in all lists.
  public var candidateCount: Int { shards.reduce(0) { $0 + $1.candidateCount } }

  /// Bytes held.
  public var memoryBytes: Int { shards.reduce(0) { $0 + $1.memoryBytes } }
}

extension CandidateLists {
  /// The lists of a shard of neurons.
  public struct Shard: Sendable {
    public let neurons: Range<Int>
    private let planes: Int
    private let blocks: Int
    /// The lists of a neuron follow each other.
    private var places: [Place]
    private var waste = 0
    /// Never empty, so that they have an address.
    private var points: [UInt16] = [0]
    private var values: [Float]

    init(neurons: Range<Int>, planes: Int, blocks: Int) {
      self.neurons = neurons
      self.planes = planes
      self.blocks = blocks
      places = [Place](repeating: Place(), count: neurons.count * blocks)
      values = [Float](repeating: 0, count: planes)
    }

    public var candidateCount: Int { places.reduce(0) { $0 + Int($1.count) } }

    public var memoryBytes: Int {
      points.capacity * 2 + values.capacity * 4 + places.count * MemoryLayout<Place>.stride
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
      let list = local * blocks + block
      if new.count > Int(places[list].capacity) { move(list, capacity: new.count + new.count / 4 + 2) }
      let (start, capacity) = (places[list].start, Int(places[list].capacity))
      places[list].count = Int32(new.count)
      for k in 0..<new.count {
        points[start + k] = new[k]
        values[start * planes + k] = correlations[k]
      }
      for k in capacity..<capacity * planes { values[start * planes + k] = 0 }
    }

    private mutating func move(_ list: Int, capacity: Int) {
      waste += Int(places[list].capacity)
      (places[list].count, places[list].capacity) = (0, 0)
      if waste > points.count / 2 { pack() }
      (places[list].start, places[list].capacity) = (points.count, Int32(capacity))
      points.append(contentsOf: repeatElement(0, count: capacity))
      values.append(contentsOf: repeatElement(0, count: capacity * planes))
    }

    /// Moves all lists together, in their order.
    private mutating func pack() {
      var (packedPoints, packedValues) = ([0] as [UInt16], [Float](repeating: 0, count: planes))
      for list in places.indices {
        let (start, capacity) = (places[list].start, Int(places[list].capacity))
        places[list].start = packedPoints.count
        packedPoints += points[start..<start + capacity]
        packedValues += values[start * planes..<(start + capacity) * planes]
      }
      (points, values, waste) = (packedPoints, packedValues, 0)
    }

    /// Calls `body` with access to every list of the shard, in place.
    @inline(__always)
    public mutating func withLists<Result>(_ body: (Lists) -> Result) -> Result {
      // This makes the storage unique; what is only read needs no care.
      points.withUnsafeMutableBufferPointer { _ in }
      values.withUnsafeMutableBufferPointer { _ in }
      return readLists(body)
    }

    /// Calls `body` with the lists, to be read only.
    @inline(__always)
    public func readLists<Result>(_ body: (Lists) -> Result) -> Result {
      points.withUnsafeBufferPointer { points in
        values.withUnsafeBufferPointer { values in
          withLists(
            points: UnsafeMutablePointer(mutating: points.baseAddress),
            values: UnsafeMutablePointer(mutating: values.baseAddress), body)
        }
      }
    }

    @inline(__always)
    private func withLists<Result>(
      points: UnsafeMutablePointer<UInt16>?, values: UnsafeMutablePointer<Float>?, _ body: (Lists) -> Result
    ) -> Result {
      guard let points, let values else { preconditionFailure("the arena is never empty") }
      return places.withUnsafeBufferPointer { places in
        guard let places = places.baseAddress else { preconditionFailure("a shard has neurons") }
        return body(Lists(planes: planes, blocks: blocks, places: places, points: points, values: values))
      }
    }
  }

  /// Where a list starts, how long it is, and for how many there is room; in candidates.
  @usableFromInline
  struct Place: Sendable {
    @usableFromInline var start = 0
    @usableFromInline var count: Int32 = 0
    @usableFromInline var capacity: Int32 = 0

    init() {}
  }

  /// The lists of a shard in borrowed memory.
  public struct Lists {
    @usableFromInline let planes: Int
    @usableFromInline let blocks: Int
    @usableFromInline let places: UnsafePointer<Place>
    @usableFromInline let points: UnsafeMutablePointer<UInt16>
    @usableFromInline let values: UnsafeMutablePointer<Float>

    init(
      planes: Int, blocks: Int, places: UnsafePointer<Place>, points: UnsafeMutablePointer<UInt16>,
      values: UnsafeMutablePointer<Float>
    ) {
      (self.planes, self.blocks, self.places) = (planes, blocks, places)
      (self.points, self.values) = (points, values)
    }

    /// Asks for what says where the list of neuron `local` is, before the list itself is asked for; there is one block.
    @inlinable @inline(__always)
    public func prefetchPlace(of local: Int) { Kernels.prefetch(places + local, count: 1) }

    /// The list of the shard's neuron `local`, when there is one block.
    @inlinable @inline(__always)
    public subscript(local: Int) -> List {
      let place = places[local]
      return List(
        count: Int(place.count), points: points + place.start, values: values + place.start * planes,
        capacity: Int(place.capacity), planes: planes)
    }

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
    init(
      count: Int, points: UnsafeMutablePointer<UInt16>, values: UnsafeMutablePointer<Float>, capacity: Int,
      planes: Int
    ) {
      self.count = count
      self.mutablePoints = points
      self.values = values
      self.capacity = capacity
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
