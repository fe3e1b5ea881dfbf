import FireTreeCore

extension Preprocessing {
  /// The points that a network sees (n x `outputDimension`).
  ///
  /// A zero point stays zero under the unit norm. Sparse points stay sparse unless the preprocessing centres
  /// columns, which was learned from dense data: then the result is dense.
  ///
  /// Throws a data error with the number of a point that is or becomes not finite in 32 bits, and a usage error when the result
  /// does not fit the memory. Precondition: the points have `inputDimension` coordinates.
  /// Complexity: O(stored elements) of the result; no other copy is made.
  public func apply(to features: DataPoints) throws(FireTreeError) -> DataPoints {
    precondition(
      features.dimension == inputDimension, "\(features.dimension) features, not \(inputDimension)")
    if case .sparse(let rows) = features.storage, keepsZeros { return .sparse(try apply(to: rows)) }
    try ByteCount.matrix(rows: features.count, columns: outputDimension).requireAvailable(
      for: "the preprocessed data")
    var result = try Matrix(allocating: features.count, by: outputDimension)
    var raw = [Float].fixed(inputDimension, repeating: 0)
    var failed: Int?
    result.withMutableView { result in
      for row in 0..<result.rows where result.columns > 0 {
        switch features.storage {
        case .dense(let matrix):
          failed = matrix.withView { transform($0.row(row), into: result.row(row)) } ? failed : failed ?? row
        case .sparse(let rows):
          for column in raw.indices { raw[column] = 0 }
          for (column, value) in rows.row(row) { raw[column] = value }
          failed =
            raw.withUnsafeBufferPointer { raw in
              raw.baseAddress.map { transform($0, into: result.row(row)) } ?? true
            } ? failed : failed ?? row
        }
      }
    }
    if let failed { throw Self.notFinite(features, point: failed) }
    return .dense(result)
  }

  /// Why the result of a point is not finite: its first feature that is not, or else the preprocessing.
  private static func notFinite(_ features: DataPoints, point: Int) -> FireTreeError {
    let raw = features.point(point)
    let reason =
      raw.firstIndex { !$0.isFinite }.map { "feature \($0 + 1) is \(raw[$0]), not a finite number" }
      ?? "preprocessing gives numbers that are not finite in 32 bits"
    return FireTreeError(.data, "data point \(point + 1): \(reason)")
  }

  /// The error of the first point that is not finite, or nil when all are. Complexity: O(n d).
  static func notFinite(in features: DataPoints) -> FireTreeError? {
    (0..<features.count).first { !features.point($0).allSatisfy(\.isFinite) }.map {
      notFinite(features, point: $0)
    }
  }

  /// Returns false when a result is not finite.
  private func transform(_ raw: UnsafePointer<Float>, into result: UnsafeMutablePointer<Float>) -> Bool {
    var squares = constant.map { Double($0) * Double($0) } ?? 0
    for column in offsets.indices {
      let value = (Double(raw[column]) - Double(offsets[column])) * Double(scales[column])
      squares += value * value
    }
    let factor = unitNorm && squares > 0 ? 1 / squares.squareRoot() : 1
    var magnitude: Float = 0
    for column in offsets.indices {
      let value = (Double(raw[column]) - Double(offsets[column])) * Double(scales[column])
      result[column] = Float(value * factor)
      magnitude = max(magnitude, abs(result[column]))
    }
    if let constant { result[offsets.count] = Float(Double(constant) * factor) }
    // A maximum may hide a NaN; the sum of squares does not.
    return magnitude.isFinite && squares.isFinite
  }

  /// The same of sparse rows that stay sparse. Throws a usage error when the result needs more than `available`.
  package func apply(to rows: SparseRows, available: ByteCount = .available) throws(FireTreeError)
    -> SparseRows
  {
    let extra = constant == nil ? 0 : rows.rows
    let bytes =
      ByteCount(MemoryLayout<Int>.size) * (rows.rows + 1)
      + ByteCount(MemoryLayout<Int32>.size + MemoryLayout<Float>.size) * (rows.nonzeros + extra)
    try bytes.requireAvailable(for: "the preprocessed data", available: available)
    var offsets: [Int] = [0]
    var columns: [Int32] = []
    var values: [Float] = []
    try offsets.makeRoom(for: rows.rows + 1)
    try columns.makeRoom(for: rows.nonzeros + extra)
    try values.makeRoom(for: rows.nonzeros + extra)
    for row in 0..<rows.rows {
      let elements = rows.offsets[row]..<rows.offsets[row + 1]
      var squares = constant.map { Double($0) * Double($0) } ?? 0
      for position in elements {
        let value = Double(rows.values[position]) * Double(scales[Int(rows.columnIndices[position])])
        squares += value * value
      }
      let factor = unitNorm && squares > 0 ? 1 / squares.squareRoot() : 1
      for position in elements {
        let column = rows.columnIndices[position]
        let value = Float(Double(rows.values[position]) * Double(scales[Int(column)]) * factor)
        guard value.isFinite else { throw Self.notFinite(.sparse(rows), point: row) }
        columns.append(column)
        values.append(value)
      }
      if let constant {
        columns.append(Int32(inputDimension))
        values.append(Float(Double(constant) * factor))
      }
      offsets.append(values.count)
    }
    return SparseRows(columns: outputDimension, offsets: offsets, columnIndices: columns, values: values)
  }
}
