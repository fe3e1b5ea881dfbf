import FireTreeCore
import FireTreeData
import Testing

/// IDX and NPY files, made byte by byte.
enum ArrayFile {
  static func idx(type: UInt8 = 0x08, shape: [UInt32], _ elements: [UInt8]) -> [UInt8] {
    [0, 0, type, UInt8(shape.count)] + shape.flatMap(bigEndian) + elements
  }

  static func npy(
    _ description: String = "'|u1'", order: String = "False", shape: String, _ elements: [UInt8],
    version: UInt8 = 1
  ) -> [UInt8] {
    npy(
      header: "{'descr': \(description), 'fortran_order': \(order), 'shape': \(shape), }\n", elements,
      version: version)
  }

  static func npy(header: String, _ elements: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let length =
      version == 1 ? littleEndian(UInt16(header.utf8.count)) : littleEndian(UInt32(header.utf8.count))
    return [0x93] + "NUMPY".utf8 + [version, 0] + length + header.utf8 + elements
  }

  /// The bytes of -2, 0, 1 and 3 (254, 0, 1, 3 unsigned in 8 bits), of one element type.
  static func numbers(_ type: String) -> [UInt8] {
    let big = type.hasPrefix(">")
    func bytes(_ values: [some FixedWidthInteger]) -> [UInt8] {
      values.flatMap(big ? bigEndian : littleEndian)
    }
    switch type.dropFirst() {
    case "u1", "i1": return [254, 0, 1, 3]
    case "i2": return bytes([-2, 0, 1, 3] as [Int16])
    case "i4": return bytes([-2, 0, 1, 3] as [Int32])
    case "i8": return bytes([-2, 0, 1, 3] as [Int64])
    case "u2": return bytes([254, 0, 1, 3] as [UInt16])
    case "u4": return bytes([254, 0, 1, 3] as [UInt32])
    case "u8": return bytes([254, 0, 1, 3] as [UInt64])
    case "f4": return bytes(([-2, 0, 1, 3] as [Float]).map(\.bitPattern))
    default: return bytes(([-2, 0, 1, 3] as [Double]).map(\.bitPattern))
    }
  }

  static func expected(_ type: String) -> [[Float]] { [[type.contains("u") ? 254 : -2, 0], [1, 3]] }
}

@Suite struct IDXTests {
  private let twoLabels = ArrayFile.idx(shape: [2], [7, 9])

  private func read(_ bytes: [UInt8], labels: [UInt8], options: DatasetOptions = .init()) throws -> Dataset {
    let folder = try TestFolder()
    var options = options
    options.labels = try folder.write("labels-idx1-ubyte", labels)
    return try Dataset(contentsOf: folder.write("t-idx3-ubyte", bytes), options: options)
  }

  @Test(
    "All element types",
    arguments: [
      (UInt8(0x08), ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8"),
    ])
  func types(code: UInt8, type: String) throws {
    let data = try read(ArrayFile.idx(type: code, shape: [2, 2], ArrayFile.numbers(type)), labels: twoLabels)
    #expect(data.rows == ArrayFile.expected(type))
    #expect(data.labels == ["7", "9"])
    #expect(data.kind == .table)
  }

  @Test func imagesAreFlattened() throws {
    let data = try read(ArrayFile.idx(shape: [2, 2, 3], Array(0..<12)), labels: twoLabels)
    #expect(data.rows == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    #expect(data.kind == .images)
    #expect(data.schema == FeatureSchema(count: 6))
  }

  @Test func pointsLimitImagesAndLabels() throws {
    let images = ArrayFile.idx(shape: [3, 1, 1], [1, 2, 3])
    let data = try read(
      images, labels: ArrayFile.idx(shape: [5], [1, 2, 3, 4, 5]), options: .init(points: 2))
    #expect(data.rows == [[1], [2]])
    #expect(data.labels == ["1", "2"])
  }

  @Test("Corrupt headers and sizes, plain and compressed", arguments: corruptIDX)
  func corrupt(bytes: [UInt8], expected: String) throws {
    let folder = try TestFolder()
    let labels = try folder.write("labels-idx1-ubyte", [UInt8]([0, 0, 8, 1, 0, 0, 0, 1, 5]))
    let plain = try folder.write("t-idx", bytes)
    #expect(folder.message { _ = try Dataset(contentsOf: plain, options: .init(labels: labels)) } == expected)
    let gzip = try folder.writeGzip("t-idx.gz", bytes)
    #expect(
      folder.message { _ = try Dataset(contentsOf: gzip, options: .init(labels: labels)) }
        == expected.replacing("t-idx:", with: "t-idx.gz:"))
  }

  @Test func wrongByteCounts() throws {
    let folder = try TestFolder()
    let labels = try folder.write("l-idx1-ubyte", twoLabels)
    func message(_ name: String, _ bytes: [UInt8], gzip: Bool) throws -> String {
      let path = gzip ? try folder.writeGzip(name, bytes) : try folder.write(name, bytes)
      return folder.message { _ = try Dataset(contentsOf: path, options: .init(labels: labels)) }
    }
    let few = ArrayFile.idx(shape: [2, 3], [1, 2, 3, 4, 5])
    let many = ArrayFile.idx(shape: [2, 3], [1, 2, 3, 4, 5, 6, 7])
    let huge = ArrayFile.idx(shape: [1 << 31, 1 << 20], [1])
    #expect(try message("a-idx", few, gzip: false) == "a-idx: expected 6 bytes of elements (2 x 3), found 5")
    #expect(
      try message("a-idx.gz", few, gzip: true) == "a-idx.gz: expected 6 bytes of elements (2 x 3), found 5")
    #expect(try message("b-idx", many, gzip: false) == "b-idx: expected 6 bytes of elements (2 x 3), found 7")
    #expect(try message("b-idx.gz", many, gzip: true) == "b-idx.gz: expected 6 bytes of elements, found more")
    let stated = "expected 2251799813685248 bytes of elements (2147483648 x 1048576)"
    #expect(try message("c-idx", huge, gzip: false) == "c-idx: \(stated), found 1")
    #expect(try message("c-idx.gz", huge, gzip: true).hasPrefix("c-idx.gz: \(stated), found at most "))
  }

  @Test func labelsMustFit() throws {
    let folder = try TestFolder()
    let images = try folder.write("i-idx3-ubyte", ArrayFile.idx(shape: [2, 1, 1], [1, 2]))
    func message(_ labels: [UInt8]) throws -> String {
      let path = try folder.write("l-idx1-ubyte", labels)
      return folder.message { _ = try Dataset(contentsOf: images, options: .init(labels: path)) }
    }
    #expect(
      try message(ArrayFile.idx(shape: [3], [1, 2, 3]))
        == "l-idx1-ubyte: expected 2 labels, one for each point of 'i-idx3-ubyte', found 3")
    #expect(
      try message(ArrayFile.idx(shape: [1], [1]))
        == "l-idx1-ubyte: expected 2 labels, one for each point of 'i-idx3-ubyte', found 1")
    #expect(
      try message(ArrayFile.idx(shape: [2, 2], [1, 2, 3, 4]))
        == "l-idx1-ubyte: expected one label a row, found an array of shape 2 x 2")
    #expect(
      folder.message { _ = try Dataset(contentsOf: images) }
        == "i-idx3-ubyte: there is no target: give a labels file")
  }
}

@Suite struct NPYTests {
  private func read(_ bytes: [UInt8], _ options: DatasetOptions = .init(target: .index(0))) throws -> Dataset
  {
    let folder = try TestFolder()
    return try Dataset(contentsOf: folder.write("t.npy", bytes), options: options)
  }

  @Test(
    "All element types, both byte orders",
    arguments: [
      "|u1", "|i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4", ">i4", "<u8", ">u8", "<i8", ">i8", "<f4",
      ">f4",
      "<f8", ">f8",
    ], [UInt8(1), 2, 3])
  func types(type: String, version: UInt8) throws {
    let folder = try TestFolder()
    let bytes = ArrayFile.npy("'\(type)'", shape: "(2, 2)", ArrayFile.numbers(type), version: version)
    let labels = try folder.write("l.csv", "a\nb\n")
    let data = try Dataset(contentsOf: folder.write("t.npy", bytes), options: .init(labels: labels))
    #expect(data.rows == ArrayFile.expected(type))
    #expect(data.labels == ["a", "b"])
  }

  @Test func aColumnCanBeTheTarget() throws {
    let bytes = ArrayFile.npy(shape: "(2, 3)", [1, 2, 3, 4, 5, 6])
    let data = try read(bytes, .init(target: .index(1)))
    #expect(data.rows == [[1, 3], [4, 6]])
    #expect(data.labels == ["2", "5"])
    #expect(data.schema == FeatureSchema(count: 2, targetIndex: 1))
    #expect(try read(bytes, .init(target: .index(-1))).rows == [[1, 2], [4, 5]])
    #expect(try read(bytes, .init(target: .name("0"))).rows == [[2, 3], [5, 6]])
  }

  @Test func columnMajorArraysAreTurned() throws {
    let bytes = ArrayFile.npy(order: "True", shape: "(2, 3)", [1, 4, 2, 5, 3, 6])
    #expect(try read(bytes, .init(target: .index(1))).rows == [[1, 3], [4, 6]])
    #expect(try read(bytes, .init(target: .index(1))).labels == ["2", "5"])
    #expect(try read(bytes, .init(target: .index(0), points: 1)).rows == [[2, 3]])
    // numpy: np.asfortranarray(np.arange(12, dtype='u1').reshape(2, 2, 3))
    let folder = try TestFolder()
    let cube = ArrayFile.npy(order: "True", shape: "(2, 2, 3)", [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11])
    let labels = try folder.write("l.npy", ArrayFile.npy(shape: "(2,)", [1, 0]))
    let data = try Dataset(contentsOf: folder.write("t.npy", cube), options: .init(labels: labels))
    #expect(data.rows == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    #expect(data.kind == .images)
  }

  @Test func oneDimensionIsOneFeature() throws {
    let folder = try TestFolder()
    let labels = try folder.write("l.npy", ArrayFile.npy(shape: "(3, 1)", [1, 0, 1]))
    let data = try Dataset(
      contentsOf: folder.write("t.npy", ArrayFile.npy(shape: "(3,)", [7, 8, 9])),
      options: .init(labels: labels))
    #expect(data.rows == [[7], [8], [9]])
    #expect(data.kind == .table)
  }

  @Test func whatAModelNeeds() throws {
    let folder = try TestFolder()
    let schema = FeatureSchema(count: 2, targetIndex: 2)
    let path = try folder.write("t.npy", ArrayFile.npy(shape: "(1, 3)", [1, 2, 3]))
    let labelled = try Dataset(contentsOf: path, for: schema, classes: ["3"], requiresTarget: true)
    #expect(labelled.rows == [[1, 2]])
    #expect(labelled.labels == ["3"])
    #expect(
      folder.message { _ = try Dataset(contentsOf: path, for: FeatureSchema(count: 4), classes: nil) }
        == "t.npy: expected 4 feature columns, found 3")
    #expect(
      folder.message {
        _ = try Dataset(contentsOf: path, for: FeatureSchema(count: 3), classes: nil, requiresTarget: true)
      }
        == "t.npy: there is no target: give a labels file or a target column")
  }

  @Test("Corrupt headers and sizes", arguments: corruptNPY)
  func corrupt(bytes: [UInt8], expected: String) throws {
    let folder = try TestFolder()
    let path = try folder.write("t.npy", bytes)
    let message = folder.message { _ = try Dataset(contentsOf: path, options: .init(target: .index(0))) }
    #expect(message == "t.npy: \(expected)")
  }

  @Test func aTargetIsNeeded() throws {
    let folder = try TestFolder()
    let path = try folder.write("t.npy", ArrayFile.npy(shape: "(1, 2)", [1, 2]))
    #expect(
      folder.message { _ = try Dataset(contentsOf: path) }
        == "t.npy: there is no target: give a labels file or a target column")
    #expect(
      folder.message { _ = try Dataset(contentsOf: path, options: .init(target: .index(2))) }
        == "t.npy: no column 2: columns are 0 to 1")
  }
}

private let types = "bool, integers of 8 to 64 bits and floats of 16 to 64 bits are"
private let notDictionary = "the NPY header is not a dictionary of descr, fortran_order and shape"

private func magic(_ rest: [UInt8]) -> [UInt8] { [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59] + rest }
private func floats(_ values: [Float]) -> [UInt8] { values.flatMap { littleEndian($0.bitPattern) } }

private let corruptNPY: [([UInt8], String)] = [
  ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x58, 1, 0], "not an NPY file: the magic string is missing"),
  ([0x93, 0x4E], "not an NPY file: the magic string is missing"),
  (magic([4, 0, 1, 0]), "NPY version 4.0 is not supported (1.0, 2.0 and 3.0 are)"),
  (magic([1, 1, 1, 0]), "NPY version 1.1 is not supported (1.0, 2.0 and 3.0 are)"),
  (magic([1, 0, 9]), "the NPY header ends early: expected 9 bytes, found 0"),
  (magic([1, 0, 9, 0, 1]), "the NPY header ends early: expected 9 bytes, found 1"),
  (magic([2, 0, 0, 0, 0, 1]), "an NPY header of 16777216 bytes is too long"),
  (ArrayFile.npy("'|O'", shape: "(1, 1)", [1]), "NPY elements of type '|O' are not supported (\(types))"),
  (ArrayFile.npy("'<U3'", shape: "(1, 1)", [1]), "NPY elements of type '<U3' are not supported (\(types))"),
  (ArrayFile.npy("'|f4'", shape: "(1, 1)", [1]), "NPY elements of type '|f4' are not supported (\(types))"),
  (
    ArrayFile.npy("[('a', '<f4')]", shape: "(1, 1)", [1]),
    "a structured array, of named fields: save its fields as the columns of a plain array"
  ),
  (ArrayFile.npy("[('a', '<f4')", shape: "(1, 1)", [1]), notDictionary),
  (
    ArrayFile.npy("True", shape: "(1, 1)", [1]),
    "the NPY header has no element type (descr)"
  ),
  (
    ArrayFile.npy(order: "'x'", shape: "(1, 1)", [1]),
    "the NPY header's fortran_order is neither True nor False"
  ),
  (ArrayFile.npy(order: "Maybe", shape: "(1, 1)", [1]), notDictionary),
  (ArrayFile.npy(shape: "True", [1]), "the NPY header's shape is not a tuple of sizes"),
  (ArrayFile.npy(shape: "(2)", [1]), notDictionary),
  (ArrayFile.npy(shape: "(-2, 2)", [1]), notDictionary),
  (ArrayFile.npy(shape: "(2, 99999999999999999999)", [1]), notDictionary),
  (ArrayFile.npy(shape: "()", [1]), "the array is a single number, not rows of them"),
  (ArrayFile.npy(shape: "(0, 5)", []), "the array 0 x 5 is empty"),
  (ArrayFile.npy(shape: "(9223372036854775807, 2)", [1]), "the array 9223372036854775807 x 2 is too large"),
  (
    ArrayFile.npy(header: "{'descr': '|u1'}", [1]), "the NPY header's fortran_order is neither True nor False"
  ),
  (ArrayFile.npy(header: "{'descr': '|u1', 'descr': '|u1'}", [1]), notDictionary),
  (ArrayFile.npy(header: "{'descr': '|u1'} x", [1]), notDictionary),
  (ArrayFile.npy(header: "", [1]), notDictionary),
  (ArrayFile.npy(shape: "(2, 2)", [1, 2, 3]), "expected 4 bytes of elements (2 x 2), found 3"),
  (ArrayFile.npy(shape: "(2, 2)", [1, 2, 3, 4, 5]), "expected 4 bytes of elements (2 x 2), found 5"),
  (
    ArrayFile.npy("'<f4'", shape: "(2, 2)", floats([1, 2, 3, .nan])),
    "row 2: column 2: the element is not a finite 32-bit number"
  ),
  (
    ArrayFile.npy("'<f4'", shape: "(2, 2)", floats([1, 2, .infinity, 3])),
    "row 2: column 1: inf is not a finite 32-bit number"
  ),
  (ArrayFile.npy(shape: "(2,)", [1, 2]), "a target column needs an array of 2 dimensions, not of 1"),
  (ArrayFile.npy(shape: "(1, 1)", [1]), "there are no feature columns"),
]

private let corruptIDX: [([UInt8], String)] = [
  ([1, 0, 8, 1, 0, 0, 0, 1, 5], "t-idx: not an IDX file: it starts with 01 00 08 01, not with 00 00"),
  ([0, 0], "t-idx: not an IDX file: expected a header of at least 8 bytes, found 2"),
  ([0, 0, 10, 1, 0, 0, 0, 1, 5], "t-idx: unknown IDX element type 0a"),
  ([0, 0, 8, 0, 5], "t-idx: the IDX header states no dimensions"),
  ([0, 0, 8, 2, 0, 0, 0, 1, 5], "t-idx: the IDX header ends early: 2 dimensions stated, 1 found"),
  (ArrayFile.idx(shape: [2, 0], []), "t-idx: the array 2 x 0 is empty"),
  (ArrayFile.idx(shape: [0], []), "t-idx: the array 0 is empty"),
  (
    ArrayFile.idx(shape: [.max, .max, .max], [1]),
    "t-idx: the array 4294967295 x 4294967295 x 4294967295 is too large"
  ),
  (
    ArrayFile.idx(type: 0x0D, shape: [1, 2], [0, 0, 0, 0, 0x7F, 0xC0, 0, 0]),
    "t-idx: row 1: column 2: the element is not a finite 32-bit number"
  ),
  (
    ArrayFile.idx(type: 0x0E, shape: [1, 1], bigEndian((1e39).bitPattern)),
    "t-idx: row 1: column 1: the element is not a finite 32-bit number"
  ),
]
