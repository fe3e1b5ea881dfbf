import FireTreeCore

/// How many neurons fire on each two points together, weighted by what they do to the outputs:
///
///     M_ij = sum over r with i, j in F(r) of a_r a_r^T        (C x C, symmetric in i and j, and as a matrix)
///
/// With G it tells what a step does to the outputs while no pair changes state (see `KineticEngine`).
///
/// Rows of points hold the columns up to their own, so every two points once; of two points' C x C matrix its upper
/// triangle, or its diagonal alone when every neuron feeds a single output. Entries are kept in units of the square of
/// the largest output weight: whole numbers, exact up to 2^24 neurons, when all weights but 0 are as large as that. Blocks
/// of whole numbers are held in 16 bits, since changes are bound by what they move from and to memory, until a point may
/// have too many neurons that fire on it (`makeRoom`); then in floats.
///
/// Memory: n (n + 1) / 2 times 4 bytes for one output; else times C (C + 1) / 2 floats (C of separate outputs), rounded
/// up to a multiple of 8, or as many numbers of 16 bits, rounded up to whole cache lines.
package struct CoFiringTensor: Sendable {
  /// Which entries of a_r a_r^T there are, in the order in which a block keeps them.
  package let entries: [(Int, Int)]
  let points: Int
  let outputs: Int
  /// The output weight that counts as 1.
  let unit: Float
  /// Numbers a block, and from one block to the next.
  let width: Int
  private var stride: Int
  /// Whether entries are whole numbers, which changes leave exact.
  let isExact: Bool
  /// Whether numbers are of 16 bits.
  package private(set) var isNarrow: Bool
  private var buffer: AlignedBuffer
  /// Where the row of each point starts, in numbers.
  private var rowStarts: [Int]

  /// Zeros. `separate` says that every neuron feeds at most one output, `whole` that every output weight is 0 or `unit`
  /// in magnitude.
  ///
  /// Throws a usage error when there is no memory for it.
  package init(
    points: Int, outputs: Int, separate: Bool, unit: Float = 1, whole: Bool = false
  ) throws(FireTreeError) {
    self.unit = unit
    self.points = points
    self.outputs = outputs
    entries =
      separate
      ? (0..<outputs).map { ($0, $0) } : (0..<outputs).flatMap { c in (c..<outputs).map { (c, $0) } }
    width = Self.width(entries: entries.count)
    isExact = whole
    isNarrow = whole && width > 1
    stride = isNarrow ? Self.narrowStride(width: width) : width
    rowStarts = Self.rowStarts(points: points, stride: stride)
    buffer = try AlignedBuffer(count: rowStarts[points] / (isNarrow ? 2 : 1))
  }

  /// Half a cache line, or whole ones.
  private static func narrowStride(width: Int) -> Int { width <= 16 ? 16 : (width + 31) / 32 * 32 }

  private static func rowStarts(points: Int, stride: Int) -> [Int] {
    var starts = [Int].fixed(points + 1, repeating: 0)
    for point in starts.indices { starts[point] = start(of: point, width: stride) }
    return starts
  }

  private static func width(entries: Int) -> Int { entries == 1 ? 1 : (entries + 7) / 8 * 8 }

  /// Where the row of a point starts. Rows of single floats start on 64-byte boundaries.
  private static func start(of row: Int, width: Int) -> Int {
    guard width == 1 else { return row * (row + 1) / 2 * width }
    let (group, rest) = (row / 16, row % 16)
    return 128 * group * (group + 1) + rest * 16 * (group + 1)
  }

  /// Bytes of a tensor of this size.
  static func requiredMemory(points: Int, outputs: Int, separate: Bool) -> ByteCount {
    let width = width(entries: separate ? outputs : outputs * (outputs + 1) / 2)
    return ByteCount(2) * (points + 16) * (points + 16) * width
  }

  /// Where the block of points i <= j is, in numbers.
  @inline(__always)
  private func place(_ i: Int, _ j: Int) -> Int { rowStarts[j] + i * stride }

  /// The numbers when they are narrow.
  private var shorts: UnsafeMutablePointer<Int16> {
    UnsafeMutableRawPointer(buffer.base).assumingMemoryBound(to: Int16.self)
  }

  @inline(__always)
  private func number(_ place: Int) -> Float { isNarrow ? Float(shorts[place]) : buffer.base[place] }

  /// M_ij, entry (c, e). For tests.
  package func entry(_ i: Int, _ j: Int, _ c: Int, _ e: Int) -> Float {
    guard let position = entries.firstIndex(where: { $0 == (min(c, e), max(c, e)) }) else { return 0 }
    return number(place(min(i, j), max(i, j)) + position) * (unit * unit)
  }

  private mutating func makeUnique() {
    if !isKnownUniquelyReferenced(&buffer) { buffer = Memory.demand(try buffer.copy()) }
  }

  /// Sees to it that numbers can grow by as many neurons as begin to fire on each point (n) before the next call.
  ///
  /// No number of the blocks of point i exceeds the number of neurons that fire on i. Complexity: O(n C).
  package mutating func makeRoom(for beginning: [Int32]) {
    guard isNarrow else { return }
    let diagonal = entries.indices.filter { entries[$0].0 == entries[$0].1 }
    let fits = (0..<points).allSatisfy { i in
      let most = diagonal.reduce(0) { max($0, Int(shorts[place(i, i) + $1])) }
      return most + Int(beginning[i]) <= Int(Int16.max)
    }
    if !fits { widen() }
  }

  /// Zeros again.
  mutating func clear() {
    makeUnique()
    buffer.base.update(repeating: 0, count: buffer.count)
  }

  private mutating func widen() {
    let narrow = self
    (isNarrow, stride) = (false, width)
    rowStarts = Self.rowStarts(points: points, stride: stride)
    buffer = Memory.demand(try AlignedBuffer(count: rowStarts[points]))
    for j in 0..<points {
      for i in 0...j {
        let (old, new) = (narrow.place(i, j), place(i, j))
        for p in entries.indices { buffer.base[new + p] = narrow.number(old + p) }
      }
    }
  }
}

// MARK: - Changes

extension CoFiringTensor {
  /// The rows of one worker: what it alone writes.
  package struct Rows {
    fileprivate let tensor: CoFiringTensor
    let range: Range<Int>
    /// The entries of a_r a_r^T with their sign, and the same in 16 bits.
    fileprivate let block: UnsafeMutablePointer<Float>
    fileprivate let shortBlock: UnsafeMutablePointer<Int16>

    /// The following changes are those of a neuron with these output weights that begins (`sign` 1) or ceases (-1) to
    /// fire on points; with 2, of two that begin.
    package func begin(_ weights: UnsafePointer<Float>, sign: Float) {
      for (p, (c, e)) in tensor.entries.enumerated() {
        block[p] = sign * (weights[c] / tensor.unit) * (weights[e] / tensor.unit)
      }
      guard tensor.isNarrow else { return }
      for p in tensor.entries.indices { shortBlock[p] = Int16(block[p]) }
    }

    /// The neuron does so on `point`; counts that point with itself.
    package func add(_ point: Int) {
      if range.contains(point) { add(at: tensor.place(point, point)) }
    }

    /// The neuron does so on `point` while it fires on `others`, distinct from it: counts their pairs.
    ///
    /// Complexity: O(count) blocks.
    package func add(_ point: Int, with others: UnsafePointer<UInt16>, count: Int) {
      if tensor.width == 1 {
        return Kernels.countPairs(
          in: tensor.buffer.base, rowStarts: tensor.rowStarts, rows: range, point: point, others: others,
          count: count, unit: block[0])
      }
      for k in 0..<count {
        let (low, high) = (min(point, Int(others[k])), max(point, Int(others[k])))
        if range.contains(high) { add(at: tensor.place(low, high)) }
      }
    }

    /// Asks for what such a call will change.
    package func prefetch(_ point: Int, with others: UnsafePointer<UInt16>, count: Int) {
      for k in 0..<count {
        let (low, high) = (min(point, Int(others[k])), max(point, Int(others[k])))
        guard range.contains(high) else { continue }
        let place = tensor.place(low, high)
        if tensor.isNarrow {
          Kernels.prefetch(tensor.shorts + place, count: tensor.stride)
        } else {
          Kernels.prefetch(tensor.buffer.base + place, count: tensor.width)
        }
      }
    }

    @inline(__always)
    private func add(at place: Int) {
      guard tensor.width > 1 else { return tensor.buffer.base[place] += block[0] }
      if tensor.isNarrow {
        let target = UnsafeMutableRawPointer(tensor.shorts + place)
        for b in Swift.stride(from: 0, to: tensor.stride, by: 16) {
          let (a, t) = (UnsafeRawPointer(shortBlock + b), target + 2 * b)
          let sum = t.load(as: SIMD16<Int16>.self) &+ a.load(as: SIMD16<Int16>.self)
          t.storeBytes(of: sum, as: SIMD16<Int16>.self)
        }
        return
      }
      for b in Swift.stride(from: 0, to: tensor.width, by: 8) {
        let (a, t) = (UnsafeRawPointer(block + b), UnsafeMutableRawPointer(tensor.buffer.base + place + b))
        t.storeBytes(of: t.load(as: SIMD8<Float>.self) + a.load(as: SIMD8<Float>.self), as: SIMD8<Float>.self)
      }
    }
  }

  /// Calls `body` for each worker with the rows that it owns; every change is shown to all of them.
  ///
  /// An entry is written by one worker, in the order of changes, so that the bits do not depend on their number.
  package mutating func change(workers: Workers, _ body: (Rows) -> Void) {
    makeUnique()
    let tensor = self
    workers.forEachShard(of: workers.threads) { worker in
      // Rows are as long as their number: equal areas end at square roots.
      let border = { (k: Int) in
        Int(Double(tensor.points) * (Double(k) / Double(workers.threads)).squareRoot())
      }
      let end = worker + 1 == workers.threads ? tensor.points : border(worker + 1)
      let block = AlignedBuffer.fixed(count: tensor.width)
      let shortBlock = AlignedBuffer.fixed(count: tensor.stride)
      withExtendedLifetime((block, shortBlock)) {
        body(
          Rows(
            tensor: tensor, range: border(worker)..<end, block: block.base,
            shortBlock: UnsafeMutableRawPointer(shortBlock.base).assumingMemoryBound(to: Int16.self)))
      }
    }
  }
}

// MARK: - Product

extension CoFiringTensor {
  /// h_i = sum_j G_ij M_ij g_j (n x C) for `values` g (n x C).
  ///
  /// Sums are of doubles and their order depends on n alone. Complexity: O(n^2 width) flops, every entry read once.
  package func product(gram: MatrixView, values: [Double], workers: Workers) -> [Double] {
    // Enough blocks for any number of threads, not so many that adding their results would count.
    let tiles = Tiles(of: points, size: max(64, (points / 16 + 63) / 64 * 64))
    let spread = width == 1 ? values : spread(values)
    let parts = spread.withUnsafeBufferPointer { spread in
      workers.map(shards: tiles.count) { tile in
        guard let values = spread.baseAddress else { return [Double]() }
        return width == 1
          ? singleProduct(gram: gram, values: values, rows: tiles[tile])
          : blockProduct(gram: gram, spread: values, rows: tiles[tile])
      }
    }
    var result = [Double].fixed(points * outputs, repeating: 0)
    for part in parts { for k in part.indices { result[k] += part[k] } }
    let scale = Double(unit) * Double(unit)
    for k in result.indices { result[k] *= scale }
    return result
  }

  private func singleProduct(
    gram: MatrixView, values: UnsafePointer<Double>, rows: Range<Int>
  ) -> [Double] {
    var result = [Double].fixed(rows.upperBound, repeating: 0)
    result.withUnsafeMutableBufferPointer { result in
      guard let result = result.baseAddress else { return }
      for j in rows {
        let (g, m) = (gram.row(j), buffer.base + rowStarts[j])
        let below = Kernels.tensorRow(
          gram: g, weights: m, values: values, count: j, x: values[j], into: result)
        result[j] += below + Double(g[j]) * Double(m[j]) * values[j]
      }
    }
    return result
  }

  private func blockProduct(
    gram: MatrixView, spread: UnsafePointer<Double>, rows: Range<Int>
  ) -> [Double] {
    // Sums of the same form as the spread values, for all points up to the last row.
    let twice = 2 * width
    var sums = [Double].fixed((rows.upperBound + 1) * twice, repeating: 0)
    return sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return [] }
      let spare = sums + rows.upperBound * twice
      // Tiles of columns stay in the cache while the rows pass.
      for columns in Tiles(of: rows.upperBound, size: 16).ranges(from: 0) {
        for j in rows where j >= columns.lowerBound {
          let (first, count) = (columns.lowerBound, min(columns.upperBound, j) - columns.lowerBound)
          let (x, own) = (spread + j * twice, sums + j * twice)
          addBlocks(
            gram: gram.row(j) + first, at: place(first, j), values: spread + first * twice, count: count,
            x: x,
            own: own, others: sums + first * twice)
          guard columns.contains(j) else { continue }
          // On the diagonal once; what would go to the other side is left.
          addBlocks(
            gram: gram.row(j) + j, at: place(j, j), values: x, count: 1, x: x, own: own, others: spare)
        }
      }
      return gathered(sums, count: rows.upperBound)
    }
  }

  /// The products of a part of a row of blocks, and of what they are on the other side; see `CKernels.h`.
  @inline(__always)
  private func addBlocks(
    gram: UnsafePointer<Float>, at place: Int, values: UnsafePointer<Double>, count: Int,
    x: UnsafePointer<Double>, own: UnsafeMutablePointer<Double>, others: UnsafeMutablePointer<Double>
  ) {
    if isNarrow {
      Kernels.tensorBlocks(
        gram: gram, blocks: shorts + place, stride: stride, values: values, count: count, width: width, x: x,
        own: own, others: others)
    } else {
      Kernels.tensorBlocks(
        gram: gram, blocks: buffer.base + place, stride: stride, values: values, count: count, width: width,
        x: x, own: own, others: others)
    }
  }

  /// For every point the values that each entry multiplies, as (c, e) and as (e, c): n x 2 width.
  private func spread(_ values: [Double]) -> [Double] {
    var result = [Double].fixed(points * 2 * width, repeating: 0)
    for (p, (c, e)) in entries.enumerated() {
      for point in 0..<points {
        result[point * 2 * width + p] = values[point * outputs + e]
        if c != e { result[point * 2 * width + width + p] = values[point * outputs + c] }
      }
    }
    return result
  }

  private func gathered(_ sums: UnsafePointer<Double>, count: Int) -> [Double] {
    var result = [Double].fixed(count * outputs, repeating: 0)
    result.withUnsafeMutableBufferPointer { result in
      for (p, (c, e)) in entries.enumerated() {
        for point in 0..<count {
          result[point * outputs + c] += sums[point * 2 * width + p]
          if c != e { result[point * outputs + e] += sums[point * 2 * width + width + p] }
        }
      }
    }
    return result
  }
}

extension Tiles {
  /// The tiles in order, moved by `offset`.
  fileprivate func ranges(from offset: Int) -> [Range<Int>] {
    (0..<count).map { self[$0].lowerBound + offset..<self[$0].upperBound + offset }
  }
}

extension Matrix {
  /// max |a_rc|, 0 of an empty matrix.
  var largestMagnitude: Float {
    withView { view in
      (0..<view.rows).reduce(Float(0)) { most, r in
        (0..<view.columns).reduce(most) { max($0, abs(view[r, $1])) }
      }
    }
  }

  /// Whether every element is 0 or, in magnitude, `unit`.
  func consists(ofMultiplesOf unit: Float) -> Bool {
    withView { view in
      (0..<view.rows).allSatisfy { r in
        (0..<view.columns).allSatisfy { view[r, $0] == 0 || abs(view[r, $0]) == unit }
      }
    }
  }

  /// Whether every row has at most one element other than 0.
  var isSeparate: Bool {
    withView { view in
      (0..<view.rows).allSatisfy { r in (0..<view.columns).count { view[r, $0] != 0 } <= 1 }
    }
  }
}
