import FireTreeCore
import Glibc

/// An open safetensors file: its header, checked in full, and its tensors on request.
public final class SafetensorsReader {
  /// What the header says of one tensor.
  public struct Tensor: Sendable, Equatable {
    public let type: String
    public let shape: [Int]
    /// Where its bytes are, from the end of the header.
    public let bytes: Range<Int>
  }

  public let path: String
  public let metadata: [String: String]
  public let tensors: [String: Tensor]
  private let descriptor: Int32
  private let dataStart: Int

  /// Opens a file and checks its header against the format and against the size of the file.
  ///
  /// Throws a data error for the first thing that is wrong.
  public init(contentsOf path: String) throws(FireTreeError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .data(file: path, systemMessage(errno)) }
    do throws(FireTreeError) {
      let header = try Self.readHeader(descriptor, path)
      var metadata: [String: String] = [:]
      var tensors: [String: Tensor] = [:]
      for (name, entry) in header.entries {
        if name == "__metadata__" {
          metadata = try Self.metadata(entry, path)
        } else {
          tensors[name] = try Self.tensor(name, entry, path)
        }
      }
      try Self.checkOffsets(tensors, dataBytes: header.dataBytes, path)
      self.path = path
      self.metadata = metadata
      self.tensors = tensors
      self.descriptor = descriptor
      self.dataStart = header.dataStart
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  // MARK: Header

  private static func readHeader(
    _ descriptor: Int32, _ path: String
  ) throws(FireTreeError) -> (entries: [String: JSON], dataStart: Int, dataBytes: Int) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .data(file: path, systemMessage(errno)) }
    if status.st_mode & S_IFMT == S_IFDIR { throw .data(file: path, "is a directory") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .data(file: path, "is not a regular file") }
    let size = Int(status.st_size)
    let lengthBytes = try bytes(descriptor, path, at: 0, count: min(8, size))
    let length = lengthBytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard lengthBytes.count == 8, length >= 2, length <= SafetensorsFormat.longestHeader else {
      throw .data(file: path, "not a safetensors file")
    }
    let headerLength = Int(length)
    let found = try bytes(descriptor, path, at: 8, count: min(headerLength, size - 8))
    guard found.first == 0x7B else { throw .data(file: path, "not a safetensors file") }
    guard found.count == headerLength else {
      throw .data(
        file: path, "the file is truncated: expected a header of \(headerLength) bytes, found \(found.count)")
    }
    guard let entries = JSON(parsing: found)?.object else {
      throw .data(file: path, "the safetensors header is malformed")
    }
    return (entries, 8 + headerLength, size - 8 - headerLength)
  }

  private static func metadata(_ entry: JSON, _ path: String) throws(FireTreeError) -> [String: String] {
    guard let texts = entry.object?.compactMapValues(\.string), texts.count == entry.object?.count else {
      throw .data(file: path, "the safetensors metadata are not all strings")
    }
    return texts
  }

  private static func tensor(_ name: String, _ entry: JSON, _ path: String) throws(FireTreeError) -> Tensor {
    guard
      let entry = entry.object, entry.count == 3, let type = entry["dtype"]?.string,
      let sizes = entry["shape"]?.array, let offsets = entry["data_offsets"]?.array?.compactMap(\.integer),
      offsets.count == 2, entry["data_offsets"]?.array?.count == 2
    else { throw .data(file: path, "the header's entry of tensor \(quoted(name)) is malformed") }
    guard let elementSize = SafetensorsFormat.elementSizes[type] else {
      throw .data(file: path, "tensor \(quoted(name)) has the unknown element type \(quoted(type))")
    }
    let shape = sizes.compactMap(\.integer)
    guard shape.count == sizes.count, let count = checkedProduct(shape + [elementSize]) else {
      throw .data(file: path, "tensor \(quoted(name)) has an impossible shape")
    }
    guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] - offsets[0] == count else {
      throw .data(
        file: path,
        "tensor \(quoted(name)) has \(count) bytes by its shape, "
          + "not by its offsets \(offsets[0]) to \(offsets[1])"
      )
    }
    return Tensor(type: type, shape: shape, bytes: offsets[0]..<offsets[1])
  }

  /// The tensors must cover the data without gap or overlap.
  private static func checkOffsets(
    _ tensors: [String: Tensor], dataBytes: Int, _ path: String
  ) throws(FireTreeError) {
    var end = 0
    let ordered = tensors.sorted {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound) < (
        $1.value.bytes.lowerBound, $1.value.bytes.upperBound
      )
    }
    for (name, tensor) in ordered {
      guard tensor.bytes.lowerBound == end else {
        throw .data(file: path, "tensor \(quoted(name)) starts at \(tensor.bytes.lowerBound), not at \(end)")
      }
      end = tensor.bytes.upperBound
    }
    guard dataBytes >= end else {
      throw .data(file: path, "the file is truncated: expected \(end) bytes of tensors, found \(dataBytes)")
    }
    guard dataBytes == end else {
      throw .data(file: path, expected: "\(end) bytes of tensors", found: "\(dataBytes)")
    }
  }

  // MARK: Tensors

  /// A tensor of two dimensions.
  ///
  /// Throws a data error when it is missing, not F32 or not of two dimensions; a usage error when it does not
  /// fit the memory. Complexity: read straight into the rows of the matrix, without another copy.
  public func matrix(_ name: String) throws(FireTreeError) -> Matrix {
    let tensor = try tensor(name, of: Float.self, rank: 2)
    let (rows, columns) = (tensor.shape[0], tensor.shape[1])
    try ByteCount.matrix(rows: rows, columns: columns).requireAvailable(
      for: "tensor \(quoted(name)) of '\(path)'")
    var result = try Matrix(allocating: rows, by: columns)
    guard rows > 0 && columns > 0 else { return result }
    let blockRows = max(1, (1 << 20) / (columns * MemoryLayout<Float>.size))
    try result.withMutableView { (view) throws(FireTreeError) in
      var row = 0
      while row < rows {
        let count = min(blockRows, rows - row)
        let offset = dataStart + tensor.bytes.lowerBound + row * columns * MemoryLayout<Float>.size
        try readBlock(view.rows(row..<row + count), at: offset)
        row += count
      }
    }
    return result
  }

  /// Rows lie one after the other in the file: they are read to the front of the block, then each is moved to
  /// its place, the last first.
  private func readBlock(_ block: MutableMatrixView, at offset: Int) throws(FireTreeError) {
    let rowBytes = block.columns * MemoryLayout<Float>.size
    try Self.read(descriptor, path, at: offset, count: block.rows * rowBytes, into: block.base)
    let padding = block.stride - block.columns
    guard padding > 0 else { return }
    for row in (0..<block.rows).reversed() {
      memmove(block.row(row), block.base + row * block.columns, rowBytes)
      (block.row(row) + block.columns).update(repeating: 0, count: padding)
    }
  }

  /// A tensor of one dimension. Throws as `matrix` does.
  public func vector(_ name: String) throws(FireTreeError) -> [Float] {
    let count = try tensor(name, of: Float.self, rank: 1).shape[0]
    try (ByteCount(MemoryLayout<Float>.size) * count).requireAvailable(
      for: "tensor \(quoted(name)) of '\(path)'")
    return try elements(name, of: Float.self, in: 0..<count)
  }

  /// Elements `range` of a tensor of one dimension. Throws a data error when it is missing or of another kind.
  ///
  /// Throws a usage error when there is no memory for them. Precondition: the tensor has those elements.
  func elements<Element: SafetensorsScalar>(
    _ name: String, of type: Element.Type, in range: Range<Int>
  ) throws(FireTreeError) -> [Element] {
    let tensor = try tensor(name, of: type, rank: 1)
    precondition(range.lowerBound >= 0 && range.upperBound <= tensor.shape[0], "elements of a tensor")
    var result = try [Element](allocating: range.count, repeating: .zero)
    let offset = dataStart + tensor.bytes.lowerBound + range.lowerBound * MemoryLayout<Element>.size
    var failure: FireTreeError?
    result.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      do throws(FireTreeError) {
        try Self.read(descriptor, path, at: offset, count: bytes.count, into: base)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return result
  }

  /// What the header says of a tensor. Throws a data error when it is missing, of another type or rank.
  func tensor<Element: SafetensorsScalar>(
    _ name: String, of type: Element.Type, rank: Int
  ) throws(FireTreeError) -> Tensor {
    guard let tensor = tensors[name] else { throw .data(file: path, "there is no tensor \(quoted(name))") }
    guard tensor.type == type.safetensorsType else {
      throw .data(
        file: path,
        "tensor \(quoted(name)) has elements of type \(tensor.type), not \(type.safetensorsType)")
    }
    guard tensor.shape.count == rank else {
      throw .data(
        file: path, "tensor \(quoted(name)) has \(counted(tensor.shape.count, "dimension")), not \(rank)")
    }
    return tensor
  }

  // MARK: Bytes

  private static func bytes(
    _ descriptor: Int32, _ path: String, at offset: Int, count: Int
  ) throws(FireTreeError) -> [UInt8] {
    var result = try [UInt8](allocating: max(count, 0), repeating: 0)
    var failure: FireTreeError?
    result.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      do throws(FireTreeError) {
        try read(descriptor, path, at: offset, count: bytes.count, into: base)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return result
  }

  private static func read(
    _ descriptor: Int32, _ path: String, at offset: Int, count: Int, into target: UnsafeMutableRawPointer
  ) throws(FireTreeError) {
    var done = 0
    while done < count {
      let found = pread(descriptor, target + done, count - done, off_t(offset + done))
      if found < 0 && errno == EINTR { continue }
      if found < 0 { throw .data(file: path, systemMessage(errno)) }
      if found == 0 { throw .data(file: path, "the file became shorter while it was read") }
      done += found
    }
  }
}
