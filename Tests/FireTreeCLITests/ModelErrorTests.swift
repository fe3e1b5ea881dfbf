import Testing

/// Model files that are none, and data that do not fit a model: one line, nothing written.
@Suite struct ModelErrorTests {
  private let folder: TemporaryFolder
  private let model: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    try folder.link("diabetes.csv")
    try folder.write("table.csv", "a,b,target\n1,2,x\n2,1,y\n3,4,x\n")
    try Command.succeed(
      ["train", "table.csv", "--neurons", "20", "--iterations", "2", "--out", "good.safetensors"], in: folder)
    model = try folder.bytes("good.safetensors")
  }

  /// The model with one text in its header replaced by another of the same length.
  private func replacing(_ old: String, _ new: String) throws -> [UInt8] {
    let position = try #require(model.firstRange(of: Array(old.utf8)))
    try #require(old.utf8.count == new.utf8.count)
    return Array(model[..<position.lowerBound] + Array(new.utf8) + model[position.upperBound...])
  }

  private func flipping(_ position: Int) -> [UInt8] {
    var bytes = model
    bytes[position] ^= 0x10
    return bytes
  }

  @Test func modelFiles() throws {
    let files: [String: [UInt8]] = [
      "empty": [], "short": Array(model.prefix(4)), "cut-header": Array(model.prefix(100)),
      "cut": Array(model.dropLast()), "longer": model + [0], "altered-weight": flipping(model.count - 1),
      "huge-header": [255, 255, 255, 255, 255, 255, 255, 127] + model.dropFirst(8),
      "newer": try replacing(#""format_version":"1""#, #""format_version":"9""#),
      "no-version": try replacing(#""format_version":"1""#, #""format_version":"x""#),
      "foreign": try replacing(#""format":"firetree""#, #""format":"pytorch!""#),
      "altered-threshold": try replacing(#""threshold":"1"#, #""threshold":"2"#),
      "renamed-class": try replacing(#"\"x\""#, #"\"z\""#), "other-type": try replacing("F32", "I32"),
      "no-json": try replacing(#"{"__metadata__""#, #"["__metadata__""#),
    ]
    for (name, bytes) in files { try folder.write("\(name).safetensors", bytes) }
    try folder.makeFolder("folder.safetensors")
    let names = files.keys.sorted() + ["folder", "missing"]
    let commands = names.flatMap { name in
      [
        ["inspect", "\(name).safetensors"],
        ["predict", "\(name).safetensors", "table.csv", "--out", "predictions.csv"],
      ]
    }
    let transcript = try Snapshot.transcript(
      of: commands + [["evaluate", "cut.safetensors", "table.csv"]], code: 65, in: folder)
    try Snapshot.expect(transcript, equals: "model-files")
  }

  @Test func swappedModelAndData() throws {
    let transcript = try Snapshot.transcript(
      of: [
        ["predict", "table.csv", "good.safetensors"], ["evaluate", "table.csv", "good.safetensors"],
        ["train", "good.safetensors"], ["verify", "good.safetensors"], ["benchmark", "good.safetensors"],
      ], code: 64, in: folder)
    try Snapshot.expect(transcript, equals: "model-swapped")
  }

  @Test func dataThatDoNotFit() throws {
    try folder.write("no-b.csv", "a,c,target\n1,2,x\n")
    try folder.write("narrow.csv", "1\n2\n")
    try folder.write("wide.csv", "1,2,3,4\n1,2,3,4\n")
    try folder.write("unknown-class.csv", "a,b,target\n1,2,x\n2,2,q\n")
    try folder.write("no-target.csv", "a,b\n1,2\n")
    try folder.write("text.csv", "a,b\n1,two\n")
    try folder.write("wide.npy", ArrayFile.npy([1, 5], [1, 2, 3, 4, 5]))
    var commands = [
      "no-b.csv", "narrow.csv", "wide.csv", "text.csv", "wide.npy", "missing.csv",
    ].map {
      ["predict", "good.safetensors", $0, "--out", "predictions.csv"]
    }
    commands += ["no-b.csv", "unknown-class.csv", "no-target.csv", "diabetes.csv"].map {
      ["evaluate", "good.safetensors", $0]
    }
    try Snapshot.expect(try Snapshot.transcript(of: commands, code: 65, in: folder), equals: "model-data")
  }
}
