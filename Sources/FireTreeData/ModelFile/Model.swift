import FireTreeCore

/// A trained network with everything that a prediction needs, as a model file keeps it.
public struct Model: Sendable, Equatable {
  /// The newest version of model files that this library reads. It writes the oldest that can hold a model.
  public static let formatVersion = 3

  /// Hidden weights, one neuron a row (m x d'), stored or seeded.
  public var weights: HiddenWeights
  /// Output weights of one neuron a row (m x C).
  public var outputWeights: Matrix
  /// The shift b of the ReLU.
  public var threshold: Float
  /// From raw features (d) to what the network sees (d').
  public var preprocessing: Preprocessing
  public var encoding: TargetEncoding
  public var schema: FeatureSchema
  /// The kind of data that the model was trained on.
  public var kind: Dataset.Kind
  /// How it was trained.
  public var training: TrainingRun

  /// Precondition: the shapes agree (see `shapeProblem`).
  public init(
    weights: HiddenWeights, outputWeights: Matrix, threshold: Float, preprocessing: Preprocessing,
    encoding: TargetEncoding, schema: FeatureSchema, kind: Dataset.Kind, training: TrainingRun = TrainingRun()
  ) {
    self.weights = weights
    self.outputWeights = outputWeights
    self.threshold = threshold
    self.preprocessing = preprocessing
    self.encoding = encoding
    self.schema = schema
    self.kind = kind
    self.training = training
    precondition(shapeProblem == nil, shapeProblem ?? "")
  }

  /// Training points that the model, and a file of it in the form that it has, holds: those that seeded weights refer to.
  public var heldPoints: Int {
    if case .seeded(let weights) = weights { weights.points.count } else { 0 }
  }

  /// Which shape does not fit the others, in one line, or nil.
  var shapeProblem: String? {
    let (m, d) = (weights.rows, preprocessing.outputDimension)
    if m < 1 { return "the model has no neurons" }
    if schema.count != preprocessing.inputDimension {
      return
        "the preprocessing is for \(preprocessing.inputDimension) features, the model has \(schema.count)"
    }
    if !schema.origins.allSatisfy({ (0..<schema.count).contains($0.key) && $0.value.isFinite }) {
      return "the origins of the features are not numbers of features"
    }
    if let names = schema.names, names.count != schema.count {
      return "the model has \(schema.count) features and \(names.count) feature names"
    }
    if weights.columns != d {
      return weights.form == .seeded
        ? "the seeded weights' points have \(weights.columns) columns, not \(d)"
        : "tensor 'hidden.weight' has the shape \(m) x \(weights.columns), not \(m) x \(d)"
    }
    if outputWeights.rows != m || outputWeights.columns != encoding.outputs {
      let found = "\(outputWeights.rows) x \(outputWeights.columns)"
      return "tensor 'output.weight' has the shape \(found), not \(m) x \(encoding.outputs)"
    }
    return nil
  }

  /// What in the model is not a finite number, in one line, or nil. Complexity: O(m (d' + C)); for seeded weights, that of
  /// `SeededWeights.isFinite` in place of m d'.
  var finiteProblem: String? {
    if !threshold.isFinite { return "the threshold is not finite" }
    switch weights {
    case .stored(let matrix):
      if !Self.isFinite(matrix) { return "tensor 'hidden.weight' has elements that are not finite" }
    case .seeded(let weights):
      if !weights.isFinite { return "the seeded weights have elements that are not finite" }
    }
    if !Self.isFinite(outputWeights) { return "tensor 'output.weight' has elements that are not finite" }
    if !preprocessing.offsets.allSatisfy(\.isFinite) || !preprocessing.scales.allSatisfy(\.isFinite) {
      return "the preprocessing has elements that are not finite"
    }
    if let constant = preprocessing.constant, !constant.isFinite {
      return "the appended constant is not finite"
    }
    if case .regression(let mean, let scale) = encoding, !mean.isFinite || !scale.isFinite || scale == 0 {
      return "the scale of the target is not finite"
    }
    return nil
  }

  private static func isFinite(_ matrix: Matrix) -> Bool {
    matrix.withView { view in
      (0..<view.rows).allSatisfy { row in
        // Infinities and NaNs are the largest bit patterns; an integer maximum vectorises, a test would not.
        let values = view.row(row)
        var largest: UInt32 = 0
        for column in 0..<view.columns { largest = max(largest, values[column].bitPattern & 0x7FFF_FFFF) }
        return largest < 0x7F80_0000
      }
    }
  }
}
