import FireTreeCore

/// A trained network, or the limit kernel in its place, with everything that a prediction needs, as a model file keeps it.
public struct Model: Sendable, Equatable {
  /// The newest version of model files that this library reads. It writes the oldest that can hold a model.
  public static let formatVersion = 3

  /// What computes the outputs.
  public var predictor: Predictor
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
    predictor: Predictor, threshold: Float, preprocessing: Preprocessing, encoding: TargetEncoding,
    schema: FeatureSchema, kind: Dataset.Kind, training: TrainingRun = TrainingRun()
  ) {
    self.predictor = predictor
    self.threshold = threshold
    self.preprocessing = preprocessing
    self.encoding = encoding
    self.schema = schema
    self.kind = kind
    self.training = training
    precondition(shapeProblem == nil, shapeProblem ?? "")
  }

  /// A network. Precondition: the shapes agree.
  public init(
    weights: HiddenWeights, outputWeights: Matrix, threshold: Float, preprocessing: Preprocessing,
    encoding: TargetEncoding, schema: FeatureSchema, kind: Dataset.Kind, training: TrainingRun = TrainingRun()
  ) {
    self.init(
      predictor: .network(weights: weights, outputWeights: outputWeights), threshold: threshold,
      preprocessing: preprocessing, encoding: encoding, schema: schema, kind: kind, training: training)
  }

  /// Training points that the model, and a file of it in the form that it has, holds: those that seeded weights refer to, or
  /// those that the limit kernel was fitted to.
  public var heldPoints: Int {
    switch predictor {
    case .network(.seeded(let weights), _): weights.points.count
    case .network: 0
    case .limitKernel(let limit): limit.points.count
    }
  }

  /// Which shape does not fit the others, in one line, or nil.
  var shapeProblem: String? {
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
    return predictor.shapeProblem(inputs: preprocessing.outputDimension, outputs: encoding.outputs)
  }

  /// What in the model is not a finite number, in one line, or nil. Complexity: one pass over what the predictor holds.
  var finiteProblem: String? {
    if !threshold.isFinite { return "the threshold is not finite" }
    if let problem = predictor.finiteProblem { return problem }
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
}
