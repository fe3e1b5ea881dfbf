import FireTreeCore
import Testing

@Suite struct WorkersTests {
  @Test(arguments: [1, 2, 3, 8])
  func everyShardRunsOnceAndResultsKeepTheirOrder(threads: Int) {
    for count in [0, 1, 2, 3, 64, 257] {
      let squares = Workers(threads: threads).map(shards: count) { $0 * $0 }
      #expect(squares == (0..<count).map { $0 * $0 })
      let strings = Workers(threads: threads).map(shards: count) { String($0) }
      #expect(strings == (0..<count).map(String.init))
    }
  }

  @Test func tilesCoverTheirRangeOnce() {
    for total in [0, 1, 2, 15, 16, 17, 255, 256, 257, 5000, 100_000] {
      for tiles in [Tiles(of: total, size: 16), Tiles(of: total, count: 7), .neuronShards(of: total)] {
        #expect((0..<tiles.count).flatMap { Array(tiles[$0]) } == Array(0..<total))
        #expect((0..<tiles.count).allSatisfy { !tiles[$0].isEmpty })
      }
      #expect(Tiles.neuronShards(of: total).count <= 79)
    }
  }

  @Test func byteCountsSaturate() {
    #expect(ByteCount.matrix(rows: 3, columns: 17).bytes == 3 * 32 * 4)
    #expect(ByteCount.matrix(rows: .max, columns: .max).bytes == .max)
    #expect((ByteCount(.max) + ByteCount(1)).bytes == .max && (ByteCount(8) * Int.max).bytes == .max)
    #expect(ByteCount(3_136_000_000).description == "3.13 GB (3136000000 bytes)")
    #expect(ByteCount(1_000).description == "1000 bytes")
    #expect(ByteCount.available > ByteCount(1 << 20))
    #expect(
      throws: FireTreeError.usage(
        "a thing needs 5.00 GB (5000000000 bytes) of memory, this machine has 7 bytes available")
    ) {
      try ByteCount(5_000_000_000).requireAvailable(for: "a thing", available: ByteCount(7))
    }
  }

  @Test func errorsAreOneLine() {
    let error = FireTreeError.data(file: "a.csv", row: 3, expected: "5 fields", found: "4")
    #expect(error.description == "a.csv: row 3: expected 5 fields, found 4")
    #expect(FireTreeError.usage("no\nway\u{1B}[31m").description == "no\u{FFFD}way\u{FFFD}[31m")
  }
}
