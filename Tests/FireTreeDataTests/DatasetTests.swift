import FireTreeCore
import FireTreeData
import Testing
import Glibc

/// Formats, options, label files, compressed and unreadable files, real data.
@Suite struct DatasetTests {
  @Test(
    "The name tells the format",
    arguments: [
      ("a.csv", DatasetFormat.csv), ("A.CSV.GZ", .csv), ("b.idx/a.tsv", .csv), ("a.txt.gz", .csv),
      ("a.svm", .libsvm),
      ("a.libsvm.gz", .libsvm), ("x/a.svmlight", .libsvm), ("a.npy", .npy),
      ("t10k-images-idx3-ubyte.gz", .idx),
      ("labels.idx1-ubyte", .idx), ("a.idx", .idx), ("train-ubyte", .idx), ("idx.csv", .csv),
    ])
  func formats(path: String, format: DatasetFormat) throws {
    #expect(try DatasetFormat(path: path) == format)
  }

  @Test(arguments: ["data", "a.json", "a.gz", "", "a.csv/", "idx/data.bin"])
  func otherNamesDoNot(path: String) throws {
    let folder = try TestFolder()
    #expect(
      folder.message { _ = try DatasetFormat(path: path.replacing("a.csv/", with: "a.dat")) }.hasSuffix(
        "the name does not tell the format; give the format option one of: csv, libsvm, idx, npy"))
  }

  @Test(
    "Options that contradict each other or the format",
    arguments: [
      ("t.csv", DatasetOptions(points: 0), "the number of points must be at least 1, not 0"),
      ("t.csv", .init(points: -3), "the number of points must be at least 1, not -3"),
      ("t.csv", .init(labels: "l.csv", target: .index(0)), "give a labels file or a target column, not both"),
      ("t.npy", .init(header: true), "the header option is for csv files, not for npy"),
      ("t.svm", .init(delimiter: ";"), "the delimiter option is for csv files, not for libsvm"),
      (
        "t.csv", .init(delimiter: "\""),
        "the delimiter must be one ASCII character, not a quote or a line end"
      ),
      (
        "t.csv", .init(delimiter: "é"), "the delimiter must be one ASCII character, not a quote or a line end"
      ),
      (
        "t.csv", .init(delimiter: "\r\n"),
        "the delimiter must be one ASCII character, not a quote or a line end"
      ),
      ("t.svm", .init(labels: "l.csv"), "libsvm files hold their labels: the labels option does not apply"),
      ("t.svm", .init(target: .index(0)), "libsvm files hold their labels: the target option does not apply"),
      ("t.idx", .init(target: .index(0)), "idx files have no target column; give a labels file"),
      (
        "t.npy", .init(target: .name("y")),
        "npy arrays have no column names; give the target as an index, not 'y'"
      ),
    ])
  func badOptions(name: String, options: DatasetOptions, expected: String) throws {
    let error = #expect(throws: FireTreeError.self) { _ = try Dataset(contentsOf: name, options: options) }
    #expect(error == .usage(expected))
  }

  @Test func theFormatOptionComesFirst() throws {
    let folder = try TestFolder()
    let data = try Dataset(
      contentsOf: folder.write("t.dat", "1;2\n"), options: .init(format: .csv, delimiter: ";"))
    #expect(data.rows == [[1]])
  }

  // MARK: Files

  @Test func filesThatCannotBeRead() throws {
    let folder = try TestFolder()
    #expect(
      folder.message { _ = try Dataset(contentsOf: folder["no.csv"]) } == "no.csv: No such file or directory")
    try folder.write("file", "x")
    #expect(
      folder.message { _ = try Dataset(contentsOf: folder["file/t.csv"]) } == "file/t.csv: Not a directory")
    #expect(
      folder.message { _ = try Dataset(contentsOf: folder.path, options: .init(format: .csv)) }
        == "\(folder.path): is a directory")
    let secret = try folder.write("secret.csv", "1,2\n")
    chmod(secret, 0)
    if access(secret, R_OK) != 0 {
      #expect(folder.message { _ = try Dataset(contentsOf: secret) } == "secret.csv: Permission denied")
    }
  }

  @Test func compressedFilesAreTheSame() throws {
    let folder = try TestFolder()
    let text = (0..<5000).map { "\($0),\($0 * 7 % 13),\($0 % 3)\n" }.joined()
    let plain = try Dataset(contentsOf: folder.write("t.csv", text))
    let gzip = try Dataset(contentsOf: folder.writeGzip("t.csv.gz", Array(text.utf8)))
    #expect(plain.features == gzip.features)
    #expect(plain.target == gzip.target)
    let svm = "1 1:2\n2 1:3\n"
    #expect(try Dataset(contentsOf: folder.writeGzip("t.svm.gz", Array(svm.utf8))).labels == ["1", "2"])
  }

  @Test func damagedGzipIsAnError() throws {
    let folder = try TestFolder()
    let text = (0..<5000).map { "\($0),\($0 * 7919 % 1013),\($0 % 3)\n" }.joined()
    try folder.writeGzip("whole.gz", Array(text.utf8))
    let bytes = try folder.read("whole.gz")
    for end in [bytes.count - 1, bytes.count - 8, bytes.count / 2, 40] {
      let path = try folder.write("cut.csv.gz", Array(bytes[..<end]))
      #expect(folder.message { _ = try Dataset(contentsOf: path) } == "cut.csv.gz: the gzip data ends early")
    }
    // The last eight bytes are the checksum and the size.
    for position in [bytes.count - 1, bytes.count - 8] {
      var altered = bytes
      altered[position] ^= 1
      let path = try folder.write("bad.csv.gz", altered)
      #expect(folder.message { _ = try Dataset(contentsOf: path) } == "bad.csv.gz: the gzip data is corrupt")
    }
    let path = try folder.write("plain.csv.gz", "1,2\n")
    #expect(folder.message { _ = try Dataset(contentsOf: path) } == "plain.csv.gz: is not a gzip file")
    let empty = try folder.writeGzip("empty.csv.gz", [])
    #expect(folder.message { _ = try Dataset(contentsOf: empty) } == "empty.csv.gz: the file is empty")
  }

  // MARK: Labels

  @Test(
    "A column of labels, with or without a name",
    arguments: [
      ("x\ny\n", ["x", "y"]), ("label\nx\ny\n", ["x", "y"]), ("kind\nx\ny\n", ["x", "y"]),
      ("kind\n1\n2\n", ["1", "2"]),
      ("1\n2\n", ["1", "2"]), ("\"a b\"\r\n\"c\"\r\n", ["a b", "c"]),
    ])
  func labelColumns(text: String, expected: [String]) throws {
    let folder = try TestFolder()
    let table = try folder.write("t.csv", "a,b\n1,2\n3,4\n")
    let data = try Dataset(contentsOf: table, options: .init(labels: folder.write("l.csv", text)))
    #expect(data.labels == expected)
    #expect(data.rows == [[1, 2], [3, 4]])
    #expect(data.schema == FeatureSchema(count: 2, names: ["a", "b"]))
  }

  @Test func labelFilesThatDoNotFit() throws {
    let folder = try TestFolder()
    let table = try folder.write("t.csv", "1,2\n3,4\n")
    func message(_ name: String, _ text: String, points: Int? = nil) throws -> String {
      let labels = try folder.write(name, text)
      return folder.message {
        _ = try Dataset(contentsOf: table, options: .init(labels: labels, points: points))
      }
    }
    #expect(try message("l.csv", "x\n") == "l.csv: expected 2 labels, one for each point of 't.csv', found 1")
    #expect(
      try message("l.csv", "1\n2\n3\n") == "l.csv: expected 2 labels, one for each point of 't.csv', found 3")
    #expect(try message("l.csv", "x\ny,z\n") == "l.csv: row 2: expected one label, found several fields")
    #expect(try message("l.csv", "x\n\"\"\n") == "l.csv: row 2: missing value")
    #expect(try message("l.csv", "1\n2\n3\n", points: 2) == "no error")
    #expect(
      try message("l.csv", "x\n", points: 2)
        == "l.csv: expected 2 labels, one for each point of 't.csv', found 1")
    #expect(
      try message("l.svm", "x\n")
        == "l.svm: labels are read from csv, idx and npy files, not from libsvm files")
  }

  @Test func splittingKeepsOrderAndNames() throws {
    let folder = try TestFolder()
    let data = try Dataset(contentsOf: folder.write("t.csv", "1,a\n2,b\n3,a\n"))
    for n in 0...3 {
      let (first, rest) = try data.split(at: n)
      #expect(first.rows + rest.rows == [[1], [2], [3]])
      #expect(first.count == n)
      #expect((first.labels ?? []) + (rest.labels ?? []) == ["a", "b", "a"])
      #expect(rest.classNames == ["a", "b"])
    }
  }

  /// Rows that are skipped are not looked at, but for their width.
  @Test func skippedRowsAreNotKept() throws {
    let folder = try TestFolder()
    func read(_ name: String, _ text: String, labels: String? = nil, skip: Int, points: Int? = nil) throws
      -> Dataset
    {
      try Dataset(
        contentsOf: folder.write(name, text),
        options: DatasetOptions(labels: labels, points: points, skip: skip))
    }
    let table = "a,target\nbad,x\n2,y\n3,x\n4,z\n"
    let data = try read("t.csv", table, skip: 1, points: 2)
    #expect(data.rows == [[2], [3]] && data.labels == ["y", "x"] && data.classNames == ["x", "y"])
    #expect(try read("t.csv", "1,x\n2,y\n", skip: 1).rows == [[2]])
    let sparse = try read("t.svm", "# c\nbad\n1 2:3\n\n0 1:1\n", skip: 1)
    #expect(sparse.rows == [[0, 3], [1, 0]] && sparse.labels == ["1", "0"])
    let labels = try folder.write("l.csv", "name\nx\ny\nz\n")
    #expect(try read("t.csv", "1\n2\n3\n", labels: labels, skip: 2).labels == ["z"])
    for (descr, order) in [("<f8", "False"), ("<f8", "True"), ("<f4", "False")] {
      let elements: [Double] = order == "True" ? [1, 3, 5, 2, 4, 6] : [1, 2, 3, 4, 5, 6]
      let bytes =
        descr == "<f8"
        ? elements.flatMap { littleEndian($0.bitPattern) }
        : elements.flatMap { littleEndian(Float($0).bitPattern) }
      let header = "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': (3, 2), }\n"
      let path = try folder.write(
        "t.npy",
        [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(header.utf8.count)) + Array(header.utf8)
          + bytes)
      let array = try Dataset(
        contentsOf: path, options: DatasetOptions(target: .index(1), points: 1, skip: 1))
      #expect(array.rows == [[3]] && array.labels == ["4"])
    }
    #expect(
      folder.message { _ = try read("t.csv", table, skip: 4) } == "t.csv: no rows are left: 4 rows, 4 skipped"
    )
    #expect(
      folder.message { _ = try read("t.csv", "a,target\n1,2,3\n4,5\n", skip: 1) }
        == "t.csv: row 2: expected 2 fields, found 3")
  }

  // MARK: Real data

  @Test func handwrittenDigits() throws {
    let data = try Dataset(
      contentsOf: example("t10k-images-idx3-ubyte.gz"),
      options: .init(labels: example("t10k-labels-idx1-ubyte.gz")))
    #expect(data.count == 10_000)
    #expect(data.features.dimension == 784)
    #expect(data.kind == .images)
    #expect(data.classNames == (0..<10).map(String.init))
    #expect(data.labels?.prefix(10) == ["7", "2", "1", "0", "4", "1", "4", "9", "5", "9"])
    #expect(data.notes == ["task: classification (10 classes)"])
    // numpy: the sum of all pixels, and of the first image.
    #expect(
      (0..<10_000).reduce(0.0) { $0 + data.features.point($1).reduce(0) { $0 + Double($1) } } == 264_923_200)
    #expect(data.features.point(0).reduce(0, +) == 18_454)
  }

  @Test func breastCancer() throws {
    let data = try Dataset(contentsOf: example("breast-cancer.csv"))
    #expect(data.count == 569)
    #expect(data.features.dimension == 30)
    #expect(data.classNames == ["benign", "malignant"])
    #expect(data.labels?.count { $0 == "malignant" } == 212)
    #expect(data.schema.names?.first == "mean_radius")
    #expect(data.notes.contains("target: column 'target' (last)"))
    #expect(data.features.point(0)[0] == 17.99)
  }

  @Test func diabetes() throws {
    let data = try Dataset(contentsOf: example("diabetes.csv"))
    #expect(data.count == 442)
    #expect(data.features.dimension == 10)
    #expect(data.values?.prefix(2) == [151, 75])
    #expect(data.notes.contains("task: regression"))
    #expect(data.features.point(0)[0] == 0.038075906433423026)
  }
}
