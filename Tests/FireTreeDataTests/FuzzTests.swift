import FireTreeCore
import FireTreeData
import Testing

/// Whatever a file holds, a reader returns or throws a `FireTreeError`; it does not trap.
@Suite struct FuzzTests {
  private static let samples: [(name: String, bytes: [UInt8])] = [
    ("t.csv", Array("a,b,target\n1,2,x\n3,\"4.5\",y\n-1e3,.5,x\n".utf8)),
    ("t.svm", Array("+1 1:0.5 3:-2 # c\n-1 2:1e0\n+1\n".utf8)),
    ("t-idx", ArrayFile.idx(shape: [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])),
    ("c.npy", ArrayFile.npy("'<f4'", shape: "(2, 2)", ArrayFile.numbers("<f4"))),
    ("f.npy", ArrayFile.npy("'>i2'", order: "True", shape: "(2, 2)", ArrayFile.numbers(">i2"))),
  ]

  private func check(_ folder: TestFolder, _ name: String, _ bytes: [UInt8], _ context: String) throws {
    let path = try folder.write(name, bytes)
    let labels = name.contains("idx") ? try folder.write("l.csv", "x\ny\n") : nil
    for schema in [nil, FeatureSchema(count: 2, names: ["a", "b"], targetName: "target", targetIndex: 1)] {
      var options = DatasetOptions(labels: labels, target: name.hasSuffix("npy") ? .index(-1) : nil)
      if schema != nil { options.points = 3 }
      do throws(FireTreeError) {
        let data = try read(path, schema, options)
        let points = data.count
        #expect(points > 0 && data.target?.count ?? points == points, "\(context)")
        guard data.features.dimension < 1 << 20 else { continue }
        _ = try Preprocessing.fit(to: data).0.apply(to: data.features)
      } catch {
        #expect(!error.description.contains("\n"), "\(context)")
      }
    }
  }

  private func read(
    _ path: String, _ schema: FeatureSchema?, _ options: DatasetOptions
  ) throws(FireTreeError) -> Dataset {
    guard let schema else { return try Dataset(contentsOf: path, options: options) }
    return try Dataset(contentsOf: path, for: schema, classes: ["x", "y"], options: options)
  }

  @Test func alteredBytes() throws {
    let folder = try TestFolder()
    for (name, bytes) in Self.samples {
      for position in bytes.indices {
        for change: UInt8 in [1, 2, 8, 0x20, 0x80, 0xFF] {
          var altered = bytes
          altered[position] ^= change
          try check(folder, name, altered, "\(name), byte \(position) ^ \(change)")
        }
        try check(folder, name, Array(bytes[..<position]), "\(name), \(position) bytes")
      }
    }
  }

  @Test func randomEdits() throws {
    let folder = try TestFolder()
    let alphabet = Array("0123456789.,:;-+eE#\"' \t\r\n{}()[]nainfTFxy".utf8) + [0, 0x80, 0xFF]
    for seed in UInt64(1)...400 {
      var generator = TestGenerator(state: seed)
      for (name, bytes) in Self.samples {
        var altered = bytes
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
          let position = Int.random(in: 0...altered.count, using: &generator)
          let byte = alphabet.randomElement(using: &generator) ?? 0
          switch Int.random(in: 0..<3, using: &generator) {
          case 0: altered.insert(byte, at: position)
          case 1 where position < altered.count: altered.remove(at: position)
          default: if position < altered.count { altered[position] = byte }
          }
        }
        try check(folder, name, altered, "\(name), seed \(seed)")
      }
    }
  }

  @Test func garbage() throws {
    let folder = try TestFolder()
    for seed in UInt64(1)...300 {
      var generator = TestGenerator(state: seed)
      let bytes = (0..<Int.random(in: 1...300, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      for (name, sample) in Self.samples {
        try check(folder, name, bytes, "\(name), garbage of seed \(seed)")
        try check(
          folder, name, Array(sample.prefix(12)) + bytes, "\(name), garbage after a start, seed \(seed)")
      }
      let path = try folder.write("m", littleEndian(UInt64(bytes.count)) + [0x7B] + bytes)
      #expect(throws: FireTreeError.self, "model, seed \(seed)") { _ = try Model(contentsOf: path) }
    }
  }

  @Test func damagedGzip() throws {
    let folder = try TestFolder()
    for (name, sample) in Self.samples {
      try folder.writeGzip("whole.gz", sample)
      let bytes = try folder.read("whole.gz")
      for position in bytes.indices {
        for bit in 0..<8 {
          var altered = bytes
          altered[position] ^= 1 << bit
          try check(folder, name + ".gz", altered, "\(name).gz, bit \(bit) of byte \(position)")
        }
      }
    }
  }
}
