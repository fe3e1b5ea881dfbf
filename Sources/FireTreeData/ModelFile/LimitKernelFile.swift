import FireTreeCore

/// The limit kernel in a model file: metadata
///
///     predictor           "limit-kernel"
///
/// and tensors in the place of hidden.weight and output.weight: limit.coefficient (F32, n x C), limit.mean (F32, C), and the
/// points (`PointsFile`).
enum LimitKernelFile {
  static let predictorKey = "predictor"
  static let name = "limit-kernel"
  static let tensorNames = PointsFile.tensorNames.union(["limit.coefficient", "limit.mean"])

  static func tensors(of limit: Predictor.LimitCoefficients) -> [String: SafetensorsTensor] {
    PointsFile.tensors(of: limit.points).merging([
      "limit.coefficient": .matrix(limit.coefficients), "limit.mean": .vector(limit.means),
    ]) { $1 }
  }

  /// Throws a data error for the first thing that cannot be; a usage error when it does not fit the memory.
  static func read(_ file: SafetensorsReader) throws(FireTreeError) -> Predictor.LimitCoefficients {
    Predictor.LimitCoefficients(
      points: try PointsFile.read(file), coefficients: try file.matrix("limit.coefficient"),
      means: try file.vector("limit.mean"))
  }
}
