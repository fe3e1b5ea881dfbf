import Testing

/// A data file that does not hold what it should: one line with file, row and reason, exit code 65, nothing written.
@Suite struct DataErrorTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func expect(_ commands: [[String]], equals name: String) throws {
    let out = ["--out", "model.safetensors"]
    try Snapshot.expect(
      try Snapshot.transcript(of: commands.map { ["train"] + $0 + out }, code: 65, in: folder), equals: name)
  }

  @Test func files() throws {
    try folder.makeFolder("folder.csv")
    try folder.write("empty.csv", "")
    try folder.write("blank.csv", "\n\n\n")
    try folder.write("plain.csv.gz", "a,b\n1,2\n")
    try folder.writeGzip("whole.gz", Array("a,target\n1,2\n3,4\n".utf8))
    try folder.write("cut.csv.gz", Array(try folder.bytes("whole.gz").dropLast(6)))
    var bytes = try folder.bytes("whole.gz")
    bytes[bytes.count - 12] ^= 0x55
    try folder.write("altered.csv.gz", bytes)
    try expect(
      ["missing.csv", "folder.csv", "empty.csv", "blank.csv", "plain.csv.gz", "cut.csv.gz", "altered.csv.gz"]
        .map { [$0] } + [["empty.csv/x.csv"], ["empty.csv", "--format", "idx"]],
      equals: "data-files")
  }

  @Test func tables() throws {
    let tables = [
      "header-only": "a,b,target\n", "ragged-short": "a,b,target\n1,2,3\n4,5\n",
      "ragged-long": "a,b,target\n1,2,3\n4,5,6,7\n", "text": "a,b,target\n1,2,3\n4,five,6\n",
      "empty-field": "a,b,target\n1,2,3\n4,,6\n", "nan": "a,b,target\n1,nan,3\n",
      "inf": "a,b,target\n1,2,3\n-inf,2,3\n",
      "overflow": "a,b,target\n1,2,3\n1e39,2,3\n", "no-label": "a,b,target\n1,2,x\n4,5,\n",
      "nan-label": "a,b,target\n1,2,3\n4,5,nan\n", "text-label": "a,b,target\n1,2,3.5\n4,5,x\n",
      "one-column": "target\n1\n2\n", "open-quote": "a,b,target\n1,\"2,3\n4,5,6\n",
      "nul": "a,b,target\n1,\u{0}2,3\n",
      "control": "a,b,target\n1,\u{1B}[31m,3\n", "hexadecimal": "a,b,target\n1,0x10,3\n",
    ]
    for (name, text) in tables { try folder.write("\(name).csv", text) }
    let commands = tables.keys.sorted().map { ["\($0).csv"] }
    try expect(
      commands + [
        ["ragged-short.csv", "--points", "2"], ["text-label.csv", "--task", "regression"],
        ["nan.csv", "--skip", "1"],
      ], equals: "data-tables")
    // What is not read cannot be wrong.
    try Command.succeed(["train", "ragged-short.csv", "--points", "1", "--neurons", "5"], in: folder)
  }

  @Test func rowsThatAreNotThere() throws {
    try folder.write("three.csv", "a,target\n1,2\n3,4\n5,6\n")
    try expect(
      [
        ["three.csv", "--skip", "3"], ["three.csv", "--skip", "9223372036854775807"],
        ["three.csv", "--skip", "4", "--points", "2"],
      ], equals: "data-rows")
  }

  @Test func sparseRows() throws {
    let rows = [
      "negative": "1 -1:2\n", "zero": "1 0:2\n", "huge": "1 1:1\n0 99999999999999999999:2\n",
      "large": "1 2147483647:2\n",
      "unsorted": "1 1:1\n0 3:1 2:1\n", "twice": "1 2:1 2:1\n", "no-value": "1 2:\n", "no-colon": "1 2 3\n",
      "text-label": "1 1:1\nx 1:1\n", "text-value": "1 1:x\n", "nan": "1 1:nan\n", "overflow": "1 1:1e39\n",
      "no-features": "1\n0\n", "only-comments": "# nothing\n", "no-label": "1 1:1\n1:2 2:3\n",
      "query": "1 1:1 qid:3\n", "nan-label": "nan 1:1\n",
    ]
    for (name, text) in rows { try folder.write("\(name).svm", text) }
    try expect(rows.keys.sorted().map { ["\($0).svm"] }, equals: "data-sparse")
  }

  @Test func imageArrays() throws {
    let images = ArrayFile.idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])
    try folder.write("images.idx", images)
    try folder.write("labels.idx", ArrayFile.idx([2], [0, 1]))
    let arrays: [String: [UInt8]] = [
      "wrong-magic": [1] + images.dropFirst(), "wrong-type": [0, 0, 7, 1, 0, 0, 0, 1, 5],
      "short": Array(images.dropLast()),
      "long": images + [0], "no-header": [0, 0, 8], "rank-0": [0, 0, 8, 0],
      "no-images": ArrayFile.idx([0, 2], []),
      "no-pixels": ArrayFile.idx([2, 0], []), "cut-sizes": Array(images.prefix(9)),
      "huge": [0, 0, 8, 4] + [UInt8](repeating: 255, count: 16),
      "large": ArrayFile.idx([2_000_000_000, 100], [1]),
    ]
    for (name, bytes) in arrays { try folder.write("\(name).idx", bytes) }
    try folder.writeGzip("short.idx.gz", Array(images.dropLast()))
    try folder.write("more.idx", ArrayFile.idx([3], [0, 1, 0]))
    try folder.write("fewer.idx", ArrayFile.idx([1], [0]))
    try folder.write("square.idx", ArrayFile.idx([2, 2], [0, 1, 0, 1]))
    try folder.write("words.csv", "cat\ndog\ncat\nbird\n")
    let names = arrays.keys.sorted().map { "\($0).idx" } + ["short.idx.gz"]
    try expect(
      names.map { [$0, "--labels", "labels.idx"] } + [["images.idx"]]
        + ["more.idx", "fewer.idx", "square.idx", "missing.idx", "words.csv", "wrong-magic.idx"].map {
          ["images.idx", "--labels", $0]
        }, equals: "data-images")
  }

  @Test func numpyArrays() throws {
    let array = ArrayFile.npy([2, 2], [1, 2, 3, 4])
    let arrays: [String: [UInt8]] = [
      "wrong-magic": [0] + array.dropFirst(), "object": ArrayFile.npy([2, 2], [1, 2, 3, 4], descr: "|O"),
      "complex": ArrayFile.npy([2, 1], [1, 2, 3, 4], descr: "<c8"), "short": Array(array.dropLast()),
      "long": array + [0],
      "version-9": Array(array.prefix(6)) + [9] + array.dropFirst(7), "cut-header": Array(array.prefix(40)),
      "no-rows": ArrayFile.npy([0, 2], []), "scalar": ArrayFile.npy([], [1]),
      "nan": ArrayFile.npy([2, 2], [1, 2, .nan, 4]),
      "inf-label": ArrayFile.npy([2, 2], [1, 2, 3, .infinity]),
      "negative": ArrayFile.npy([-2, 2], [1, 2, 3, 4]),
      "huge": ArrayFile.npy([1 << 40, 1 << 40], [1]), "one-column": ArrayFile.npy([2, 1], [1, 2]),
    ]
    for (name, bytes) in arrays { try folder.write("\(name).npy", bytes) }
    try folder.write("array.npy", array)
    try expect(
      arrays.keys.sorted().map { ["\($0).npy", "--target", $0 == "one-column" ? "0" : "1"] } + [
        ["array.npy"]
      ],
      equals: "data-numpy")
  }
}
