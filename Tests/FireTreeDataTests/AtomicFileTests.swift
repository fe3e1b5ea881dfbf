import FireTreeCore
import FireTreeData
import Testing
import Glibc

@Suite struct AtomicFileTests {
  @Test func theNameAppearsWithTheCommit() throws {
    let folder = try TestFolder()
    try folder.write("out", "old")
    let file = try AtomicFile(path: folder["out"])
    try file.write("ne")
    try file.write("w")
    #expect(try folder.read("out") == Array("old".utf8))
    #expect(folder.names.filter { !$0.hasSuffix(".tmp") } == ["out"])
    try file.commit()
    #expect(try folder.read("out") == Array("new".utf8))
    #expect(folder.names == ["out"])
  }

  @Test func withoutACommitNothingChanges() throws {
    let folder = try TestFolder()
    try folder.write("out", "old")
    do {
      let file = try AtomicFile(path: folder["out"])
      try file.write("new")
    }
    try AtomicFile.requireWritable(folder["out"])
    #expect(folder.names == ["out"])
    #expect(try folder.read("out") == Array("old".utf8))
  }

  @Test func manySizesOfPieces() throws {
    let folder = try TestFolder()
    let file = try AtomicFile(path: folder["out"])
    var expected: [UInt8] = []
    for size in [0, 1, 1 << 19, 1 << 19, 3, 1 << 20, (1 << 20) + 1, 5] {
      let piece = String(repeating: "abcdefg", count: size / 7 + 1).prefix(size)
      try file.write(String(piece))
      expected += Array(piece.utf8)
    }
    try file.commit()
    #expect(try folder.read("out") == expected)
  }

  @Test func whatCannotBeWritten() throws {
    let folder = try TestFolder()
    #expect(
      folder.message { try AtomicFile.requireWritable(folder["no/out"]) }
        == "no/out: cannot write: No such file or directory")
    #expect(
      folder.message { try AtomicFile.requireWritable(folder.path) }
        == "\(folder.path): cannot write: it is a directory")
    #expect(
      folder.message { try AtomicFile.requireWritable("") } == "cannot write: the file name is empty")
    let long = String(repeating: "x", count: 300)
    #expect(
      folder.message { try AtomicFile.requireWritable(folder[long]) }
        == "\(long): cannot write: File name too long")
    let error = #expect(throws: FireTreeError.self) { try AtomicFile.requireWritable(folder["no/out"]) }
    #expect(error?.kind == .failure)
  }

  @Test func aFullDiskIsAFailure() throws {
    guard access("/dev/full", W_OK) == 0 else { return }
    let file = try AtomicFile(path: "/dev/full")
    let error = #expect(throws: FireTreeError.self) {
      try file.write("x")
      try file.commit()
    }
    #expect(error == FireTreeError(.failure, file: "/dev/full", "cannot write: No space left on device"))
  }

  @Test func linksAndDevicesStayWhatTheyAre() throws {
    let folder = try TestFolder()
    try folder.write("real", "old")
    try #require(symlink(folder["real"], folder["link"]) == 0)
    let file = try AtomicFile(path: folder["link"])
    try file.write("new")
    try file.commit()
    #expect(try folder.read("real") == Array("new".utf8))
    var status = stat()
    try #require(lstat(folder["link"], &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFLNK)
    let null = try AtomicFile(path: "/dev/null")
    try null.write("x")
    try null.commit()
    try #require(stat("/dev/null", &status) == 0)
    #expect(status.st_mode & S_IFMT == S_IFCHR)
  }

  /// Both ways to a file that is not yet there.
  @Test(arguments: [true, false]) func theModeOfAReplacedFileIsKept(mayBeNameless: Bool) throws {
    let folder = try TestFolder()
    try folder.write("out", "old")
    try #require(chmod(folder["out"], 0o640) == 0)
    let file = try AtomicFile(path: folder["out"], mayBeNameless: mayBeNameless)
    try file.write("new")
    try file.commit()
    var status = stat()
    try #require(stat(folder["out"], &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o640)
    #expect(try folder.read("out") == Array("new".utf8) && folder.names == ["out"])
  }

  /// What a killed process left behind, whatever its number, is in nobody's way.
  @Test func leftoversDoNotBlock() throws {
    let folder = try TestFolder()
    for serial in 1...1000 { try folder.write(".firetree-\(getpid())-\(serial).tmp", "") }
    let file = try AtomicFile(path: folder["out"], mayBeNameless: false)
    #expect(folder.names.count == 1001)
    try file.write("new")
    try file.commit()
    #expect(try folder.read("out") == Array("new".utf8) && folder.names.count == 1001)
    do { _ = try AtomicFile(path: folder["out"], mayBeNameless: false) }
    #expect(folder.names.count == 1001)
  }

  @Test func anOwnerIsKept() throws {
    guard getuid() == 0 else { return }
    let folder = try TestFolder()
    try folder.write("out", "old")
    try #require(chown(folder["out"], 12, 34) == 0 && chmod(folder["out"], 0o4755) == 0)
    try AtomicFile(path: folder["out"]).commit()
    var status = stat()
    try #require(stat(folder["out"], &status) == 0)
    #expect(status.st_uid == 12 && status.st_gid == 34 && status.st_mode & 0o7777 == 0o4755)
  }
}
