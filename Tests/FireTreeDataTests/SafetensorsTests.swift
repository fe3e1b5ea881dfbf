import FireTreeCore
import FireTreeData
import Testing

@Suite struct SafetensorsTests {
  private func file(_ header: String, data: Int) -> [UInt8] {
    littleEndian(UInt64(header.utf8.count)) + header.utf8 + [UInt8](repeating: 0, count: data)
  }

  @Test func roundTrip() throws {
    let folder = try TestFolder()
    let matrix = Matrix([[1, 2, 3], [4, 5, 6]])
    let metadata = ["b": "é\u{7}\\\"", "a": ""]
    try SafetensorsWriter.write(
      to: folder["t"], metadata: metadata,
      tensors: [
        "z": .matrix(matrix), "v": .vector([7, -0.5]), "empty": .vector([]),
        "wide": .matrix(Matrix(rows: 0, columns: 5)),
      ])
    let bytes = try folder.read("t")
    let header = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    #expect(header % 8 == 0)
    #expect(bytes.count == 8 + header + 4 * 8)
    let file = try SafetensorsReader(contentsOf: folder["t"])
    #expect(file.metadata == metadata)
    #expect(try file.matrix("z") == matrix)
    #expect(try file.vector("v") == [7, -0.5])
    #expect(try file.vector("empty") == [])
    #expect(try file.matrix("wide").columns == 5)
  }

  @Test func whatOthersWrite() throws {
    // Blanks, escapes, keys and tensors in any order, other element types, no metadata.
    let folder = try TestFolder()
    let header =
      #"{ "b\u0041" : {"shape":[1,1],"data_offsets":[8,12],"dtype":"F32"} ,"h":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}   "#
    let reader = try SafetensorsReader(contentsOf: folder.write("t", file(header, data: 12)))
    #expect(try reader.matrix("bA") == Matrix([[0]]))
    #expect(reader.tensors["h"]?.type == "I64")
    #expect(
      folder.message { _ = try reader.vector("h") } == "t: tensor 'h' has elements of type I64, not F32")
  }

  @Test("Corrupt headers", arguments: corruptHeaders)
  func corrupt(header: String, data: Int, expected: String) throws {
    let folder = try TestFolder()
    let path = try folder.write("t", file(header, data: data))
    #expect(folder.message { _ = try SafetensorsReader(contentsOf: path) } == "t: \(expected)")
  }

  @Test func headerLengths() throws {
    let folder = try TestFolder()
    for length in [UInt64(0), 1, 100_000_001, .max, UInt64(Int.max)] {
      let path = try folder.write("t", littleEndian(length) + Array("{}".utf8))
      #expect(folder.message { _ = try SafetensorsReader(contentsOf: path) } == "t: not a safetensors file")
    }
    let path = try folder.write("t", littleEndian(UInt64(3)) + Array("{}".utf8))
    #expect(
      folder.message { _ = try SafetensorsReader(contentsOf: path) }
        == "t: the file is truncated: expected a header of 3 bytes, found 2")
  }
}

private func entry(_ text: String) -> String { "{\"w\":\(text)}" }
private let malformed = "the safetensors header is malformed"
private let malformedEntry = "the header's entry of tensor 'w' is malformed"

private let corruptHeaders: [(String, Int, String)] = [
  ("[]", 0, "not a safetensors file"),
  ("{", 0, "not a safetensors file"),
  ("{\"a\" 1}", 0, malformed),
  ("{}x", 0, malformed),
  (#"{"a":"\ud800"}"#, 0, malformed),
  (#"{"__metadata__":{"a":"1","a":"1"}}"#, 0, malformed),
  (#"{"a":[[[[[[[[[[[]]]]]]]]]]]}"#, 0, malformed),
  (#"{"__metadata__":{"a":1}}"#, 0, "the safetensors metadata are not all strings"),
  (#"{"__metadata__":"a"}"#, 0, "the safetensors metadata are not all strings"),
  (entry("1"), 0, malformedEntry),
  (entry(#"{"dtype":"F32","shape":[1]}"#), 4, malformedEntry),
  (entry(#"{"dtype":"F32","shape":[1],"data_offsets":[0]}"#), 4, malformedEntry),
  (entry(#"{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}"#), 4, malformedEntry),
  (entry(#"{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}"#), 4, malformedEntry),
  (
    entry(#"{"dtype":"F33","shape":[1],"data_offsets":[0,4]}"#), 4,
    "tensor 'w' has the unknown element type 'F33'"
  ),
  (entry(#"{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#), 4, "tensor 'w' has an impossible shape"),
  (entry(#"{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}"#), 4, "tensor 'w' has an impossible shape"),
  (
    entry(#"{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}"#), 4,
    "tensor 'w' has an impossible shape"
  ),
  (
    entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#), 4,
    "tensor 'w' has 8 bytes by its shape, not by its offsets 0 to 4"
  ),
  (
    entry(#"{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#), 4,
    "tensor 'w' has 4 bytes by its shape, not by its offsets 4 to 0"
  ),
  (
    entry(#"{"dtype":"F32","shape":[1],"data_offsets":[-9223372036854775808,9223372036854775807]}"#), 4,
    "tensor 'w' has 4 bytes by its shape, not by its offsets -9223372036854775808 to 9223372036854775807"
  ),
  (entry(#"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#), 8, "tensor 'w' starts at 4, not at 0"),
  (
    #"{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    8,
    "tensor 'w' starts at 4, not at 8"
  ),
  (
    entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#), 7,
    "the file is truncated: expected 8 bytes of tensors, found 7"
  ),
  (entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#), 9, "expected 8 bytes of tensors, found 9"),
]
