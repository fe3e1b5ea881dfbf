import FireTreeCore
import TestSupport
import Testing

@Suite struct MatrixTests {
  static let sizes = [0, 1, 2, 3, 7, 15, 16, 17, 31, 33]

  @Test func rowsStartOnCacheLinesAndCopiesAreIndependent() throws {
    var a = Matrix([[1, 2, 3], [4, 5, 6]])
    let b = a
    a[1, 2] = 7
    #expect(b.row(1) == [4, 5, 6] && a.row(1) == [4, 5, 7] && a != b)
    a.withView { view in
      #expect(Int(bitPattern: view.row(1)) % 64 == 0 && view.stride == 16)
    }
    #expect(try a.rows(1..<2).row(0) == [4, 5, 7])
  }

  /// Sizes that overflow, that no address space has, and that this machine has not.
  @Test(arguments: [(Int.max, Int.max), (1 << 40, 1 << 40), (1 << 20, 1 << 26), (1 << 24, 1 << 20)])
  func memoryThatCannotBeHadIsRefused(rows: Int, columns: Int) {
    let bytes = ByteCount.matrix(rows: rows, columns: columns)
    let expectsLine: (FireTreeError?) -> Bool = {
      $0?.kind == .usage && $0?.reason.hasPrefix("no memory for \(bytes): this machine has ") == true
    }
    let matrix = #expect(throws: FireTreeError.self) { try Matrix(allocating: rows, by: columns) }
    #expect(expectsLine(matrix), "\(String(describing: matrix))")
    guard bytes.bytes < .max else { return }
    let buffer = #expect(throws: FireTreeError.self) { try AlignedBuffer(count: bytes.bytes / 4) }
    #expect(expectsLine(buffer), "\(String(describing: buffer))")
  }

  /// Arrays are refused as matrices are, where Swift itself would end the process.
  @Test(arguments: [1 << 40, 1 << 62, Int.max]) func arraysThatCannotBeHadAreRefused(count: Int) throws {
    let bytes = ByteCount(MemoryLayout<Double>.stride) * count
    var some = try [Double](allocating: 3, repeating: 2)
    #expect(some == [2, 2, 2])
    for error in [
      #expect(throws: FireTreeError.self) { try [Double](allocating: count, repeating: 0) },
      #expect(throws: FireTreeError.self) { try some.makeRoom(for: count - 3) },
    ] {
      #expect(error?.reason.hasPrefix("no memory for \(bytes): this machine has ") == true)
      #expect(error?.kind == .usage)
    }
    #expect(some == [2, 2, 2])
  }

  /// Room is there when elements come, and grows by half at least.
  @Test func roomGrowsGeometrically() throws {
    var (numbers, growths) = ([Int](), 0)
    for number in 0..<10_000 {
      let old = numbers.capacity
      try numbers.makeRoom(for: 1)
      if numbers.capacity > old { growths += 1 }
      let room = numbers.capacity
      numbers.append(number)
      #expect(numbers.capacity == room)
    }
    #expect(growths < 25 && numbers == Array(0..<10_000))
    let part = try Array(copying: numbers[5..<8])
    #expect(part == [5, 6, 7])
  }

  @Test func unsharedMatricesAreIndependent() throws {
    let a = Matrix([[1, 2]])
    var b = a
    try b.unshare()
    let before = b.withView { $0.base }
    b[0, 0] = 3
    #expect(b.withView { $0.base } == before && a[0, 0] == 1 && b.row(0) == [3, 2])
  }

  @Test(arguments: sizes, sizes)
  func productsEqualTheirDefinition(m: Int, n: Int) {
    for k in Self.sizes {
      var random = SeededGenerator(seed: UInt64(m * 10_000 + n * 100 + k))
      let a = random.wholeMatrix(rows: m, columns: k), b = random.wholeMatrix(rows: k, columns: n)
      let start = random.wholeMatrix(rows: m, columns: n)
      var expected = start
      for i in 0..<m {
        for j in 0..<n {
          expected[i, j] = 2 * (0..<k).reduce(Float(0)) { $0 + a[i, $1] * b[$1, j] } + 3 * start[i, j]
        }
      }
      for transposing in [LinearAlgebra.Transposition.none, .left, .right] {
        let left = transposing == .left ? a.transposed : a, right = transposing == .right ? b.transposed : b
        var result = start
        left.withView { left in
          right.withView { right in
            result.withMutableView {
              LinearAlgebra.multiply(left, right, transposing: transposing, into: $0, scale: 2, keeping: 3)
            }
          }
        }
        // With no terms BLAS may leave a scaled result alone; the definition does not.
        if k > 0 { #expect(result == expected, "m \(m) n \(n) k \(k) \(transposing)") }
      }
    }
  }

  @Test func gatheredTilesHoldTheChosenRows() {
    var random = SeededGenerator(seed: 5)
    let matrix = random.wholeMatrix(rows: 40, columns: 5)
    for chosen in [[], [3], [3, 4, 5, 6], [0, 2, 39], Array(stride(from: Int32(1), to: 40, by: 3))]
      as [[Int32]]
    {
      for size in [1, 2, 3, 100] {
        var seen: [[Float]] = []
        chosen.withUnsafeBufferPointer { chosen in
          matrix.withView { view in
            view.forEachTile(of: chosen, size: size) { range, rows in
              #expect(range.lowerBound == seen.count && rows.rows == range.count && range.count <= size)
              for r in 0..<rows.rows { seen.append((0..<5).map { rows[r, $0] }) }
            }
          }
        }
        #expect(seen == chosen.map { matrix.row(Int($0)) })
      }
    }
  }
}

extension Matrix {
  fileprivate var transposed: Matrix {
    var result = Matrix(rows: columns, columns: rows)
    for r in 0..<rows {
      for c in 0..<columns { result[c, r] = self[r, c] }
    }
    return result
  }
}
