import FireTreeCore

/// A number that safetensors files can hold.
protocol SafetensorsScalar: BitwiseCopyable, Sendable {
  /// The name of the type in the header.
  static var safetensorsType: String { get }
  static var zero: Self { get }
}

extension Float: SafetensorsScalar { static var safetensorsType: String { "F32" } }
extension Int: SafetensorsScalar { static var safetensorsType: String { "I64" } }
extension Int32: SafetensorsScalar { static var safetensorsType: String { "I32" } }
extension UInt16: SafetensorsScalar { static var safetensorsType: String { "U16" } }

/// A tensor to write to a safetensors file.
///
/// It hands out its elements piece by piece, so that what is written need not be in memory as a whole.
public struct SafetensorsTensor: Sendable {
  typealias Body = (UnsafeRawBufferPointer) throws(FireTreeError) -> Void

  /// The name of the element type in the header.
  let type: String
  let shape: [Int]
  /// Calls a body with the bytes of the elements, in order.
  let forEachPiece: @Sendable (Body) throws(FireTreeError) -> Void

  private init<Element: SafetensorsScalar>(
    _ type: Element.Type, shape: [Int], forEachPiece: @escaping @Sendable (Body) throws(FireTreeError) -> Void
  ) {
    self.type = Element.safetensorsType
    self.shape = shape
    self.forEachPiece = forEachPiece
  }

  /// Two dimensions, rows x columns, of F32.
  public static func matrix(_ matrix: Matrix) -> SafetensorsTensor { weights(.stored(matrix)) }

  /// One dimension, of F32.
  public static func vector(_ values: [Float]) -> SafetensorsTensor { elements(values) }

  /// Two dimensions, m x d, of F32. Seeded weights are computed while they are written, 256 neurons at a time.
  static func weights(_ weights: HiddenWeights) -> SafetensorsTensor {
    let tiles = Tiles(of: weights.rows, size: DataPoints.weightsPerTile)
    return SafetensorsTensor(Float.self, shape: [weights.rows, weights.columns]) {
      (body) throws(FireTreeError) in
      guard weights.columns > 0 else { return }
      for tile in 0..<tiles.count {
        try weights.withTile(tiles[tile]) { (view) throws(FireTreeError) in
          for row in 0..<view.rows {
            try body(
              UnsafeRawBufferPointer(start: view.row(row), count: view.columns * MemoryLayout<Float>.size))
          }
        }
      }
    }
  }

  /// One dimension.
  static func elements<Element: SafetensorsScalar>(_ values: [Element]) -> SafetensorsTensor {
    pieces(count: values.count, of: 1) { _ in values }
  }

  /// One dimension of `count` elements, made of `parts` pieces.
  static func pieces<Element: SafetensorsScalar>(
    count: Int, of parts: Int, _ piece: @escaping @Sendable (Int) -> [Element]
  ) -> SafetensorsTensor {
    SafetensorsTensor(Element.self, shape: [count]) { (body) throws(FireTreeError) in
      for part in 0..<parts { try piece(part).withBytes(body) }
    }
  }

  var byteCount: Int { shape.reduce(SafetensorsFormat.elementSizes[type] ?? 0, *) }
}

extension Array where Element: BitwiseCopyable {
  /// Calls `body` with the array's bytes, and throws what it throws.
  func withBytes(_ body: (UnsafeRawBufferPointer) throws(FireTreeError) -> Void) throws(FireTreeError) {
    var failure: FireTreeError?
    withUnsafeBytes { bytes in
      do throws(FireTreeError) { try body(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
