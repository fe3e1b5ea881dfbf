import FireTreeCore
import FireTreeData
import Testing

/// Columns that are far from 0 keep their digits.
@Suite struct OriginTests {
  private static let times = (0..<50).map { 1_700_000_000_001 + 2_000 * Double($0 * $0 % 97) }

  private static func csv(_ rows: [Double]) -> String {
    "x,time,y\n" + rows.enumerated().map { "\($0 % 3),\(Int($1)),\($0 % 2 == 0 ? "a" : "b")\n" }.joined()
  }

  @Test func differencesAreExact() throws {
    let folder = try TestFolder()
    let data = try Dataset(contentsOf: folder.write("t.csv", Self.csv(Self.times)))
    let origin = try #require(data.schema.origins[1])
    #expect(data.schema.origins.count == 1)
    for (i, time) in Self.times.enumerated() {
      #expect(data.features.point(i) == [Float(i % 3), Float(time - origin)])
    }
    #expect(data.notes.contains { $0.hasPrefix("origin: feature 'time' is counted from 17000000") })
    // What a model reads is counted from the same origin, whatever is in it.
    let other = try Dataset(
      contentsOf: folder.write("u.csv", Self.csv(Array(Self.times.suffix(7)))), for: data.schema,
      classes: ["a", "b"])
    #expect((0..<7).map { other.features.point($0)[1] } == (43..<50).map { data.features.point($0)[1] })
    // 32 bits hold years, and whole numbers below 2^24.
    let years = try Dataset(contentsOf: folder.write("v.csv", "a,b,y\n2020,9000000,1\n2021,9000001,2\n"))
    #expect(years.schema.origins.isEmpty && years.rows == [[2020, 9_000_000], [2021, 9_000_001]])
  }

  @Test(arguments: [false, true]) func arrays(columnMajor: Bool) throws {
    let folder = try TestFolder()
    let shape = "{'descr': '<f8', 'fortran_order': \(columnMajor ? "True" : "False"), 'shape': (50, 2), }"
    let header = shape + String(repeating: " ", count: 117 - shape.utf8.count) + "\n"
    let times = Self.times
    let elements =
      columnMajor
      ? times + times.indices.map(Double.init) : times.indices.flatMap { [times[$0], Double($0)] }
    let bytes =
      [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(118)) + Array(header.utf8)
      + elements.flatMap { littleEndian($0.bitPattern) }
    let data = try Dataset(contentsOf: folder.write("t.npy", bytes), options: .init(target: .index(1)))
    let origin = try #require(data.schema.origins[0])
    #expect(data.rows == times.map { [Float($0 - origin)] })
    #expect(data.values == times.indices.map(Double.init))
  }

  @Test func targetsKeepTheirDigits() throws {
    let values = (0..<40).map { 1e9 + Double($0 % 7) / 8 }
    let encoding = try TargetEncoding.fit(to: .values(values))
    guard case .values(let decoded) = try encoding.decode(try encoding.encode(.values(values))) else {
      Issue.record("no values")
      return
    }
    for (value, found) in zip(values, decoded) { #expect(abs(found - value) < 1e-6) }
  }

  /// Files that need more than version 1 say so, and come back as they were.
  @Test func modelFiles() throws {
    let folder = try TestFolder()
    var model = Sample.model()
    model.schema.origins = [1: 1.7e12 + 0.1]
    try model.write(to: folder["m"])
    #expect(try Model(contentsOf: folder["m"]) == model)
    var far = Sample.regression()
    for mean in [1e9 + 0.3, 0.1, 141.2] {
      far.encoding = .regression(mean: mean, scale: 2)
      try far.write(to: folder["n"])
      #expect(try Model(contentsOf: folder["n"]) == far)
    }
    let text = { (name: String) in String(decoding: try folder.read(name), as: UTF8.self) }
    #expect(
      try text("m").contains("\"format_version\":\"2\"") && text("n").contains("\"format_version\":\"2\""))
    try Sample.regression().write(to: folder["o"])
    #expect(try text("o").contains("\"format_version\":\"1\""))
  }
}
