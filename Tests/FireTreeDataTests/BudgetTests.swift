import FireTreeCore
import FireTreeData
import Testing

/// A file that does not fit the memory ends in one line, whatever its size on disk.
@Suite struct BudgetTests {
  private let folder: TestFolder

  init() throws { folder = try TestFolder() }

  private func error(_ name: String, _ line: String, labels: String? = nil) throws -> FireTreeError? {
    // Four megabytes of text, some kilobytes on disk.
    let text = Array(String(repeating: line, count: 4_000_000 / line.utf8.count).utf8)
    let path = try folder.writeGzip(name, text)
    #expect(try folder.read(name).count < 40_000)
    return #expect(throws: FireTreeError.self) {
      _ = try Dataset(
        contentsOf: labels ?? path,
        options: DatasetOptions(labels: labels == nil ? nil : path, memory: ByteCount(1_000_000)))
    }
  }

  @Test(
    arguments: [
      ("rows.csv.gz", "1,2,3,4\n"), ("texts.csv.gz", "1,x\n"), ("wide.csv.gz", "a,"),
      ("rows.svm.gz", "1 1:2 7:3\n"),
      ("empty.svm.gz", "1\n"),
    ])
  func growthIsWatched(name: String, line: String) throws {
    let found = try #require(try error(name, line))
    #expect(found.kind == .usage && found.file == folder[name] && found.row != nil)
    #expect(found.reason.hasPrefix("the data up to here need "))
    #expect(found.reason.contains("bytes of memory, of ") || found.reason.contains("bytes) of memory, of "))
    #expect(found.reason.hasSuffix("that are available; use fewer points"))
  }

  @Test func labels() throws {
    let features = try folder.write("t.csv", "1,2\n3,4\n")
    let found = try #require(try error("labels.csv.gz", "x\n", labels: features))
    #expect(found.kind == .usage && found.file == folder["labels.csv.gz"] && found.row != nil)
  }

  @Test func arrays() throws {
    let header: [UInt8] = [0, 0, 8, 2, 0, 0x10, 0, 0, 0, 0, 0, 16]
    let path = try folder.writeGzip("t-idx", header + [UInt8](repeating: 0, count: 1 << 24))
    let error = #expect(throws: FireTreeError.self) {
      _ = try Dataset(
        contentsOf: path, options: DatasetOptions(labels: path, memory: ByteCount(1_000_000)))
    }
    #expect(error?.kind == .usage)
  }

  @Test func preprocessedRows() throws {
    let rows = SparseRows(
      columns: 9, offsets: Array(0...1000), columnIndices: (0..<1000).map { Int32($0 % 9) },
      values: [Float](repeating: 1, count: 1000))
    let map = Preprocessing(
      offsets: [Float](repeating: 0, count: 9), scales: [Float](repeating: 1, count: 9), constant: 1,
      unitNorm: true)
    let error = #expect(throws: FireTreeError.self) {
      _ = try map.apply(to: rows, available: ByteCount(24_000))
    }
    #expect(
      error?.kind == .usage
        && error?.reason
          == "the preprocessed data needs 24008 bytes of memory, this machine has 24000 bytes available"
    )
    #expect(try map.apply(to: rows, available: ByteCount(24_008)).nonzeros == 2000)
  }

  @Test func enoughIsEnough() throws {
    let path = try folder.write("t.csv", String(repeating: "1,2,3\n4,5,6\n", count: 1000))
    let data = try Dataset(contentsOf: path, options: DatasetOptions(memory: ByteCount(1_000_000)))
    #expect(data.count == 2000)
  }
}
