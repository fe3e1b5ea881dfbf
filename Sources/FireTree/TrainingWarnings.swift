/// What a person should know of a training that has ended, and what to type then.
package struct TrainingWarnings {
  /// The losses after about nine tenths of the steps and after fewer, from which a fall at the end is seen.
  private var checkpoints: [(iteration: Int, loss: Double)] = []

  package init() {}

  /// A fall of the loss by more than this share in the last tenth of the steps.
  static let stillFalling = 0.02
  /// A loss that is at most this share of that of a constant is small enough.
  static let smallLoss = 0.01
  /// A loss of at least this share of that of the best constant has learned nothing.
  static let constantShare = 0.98
  /// A firing share below this part of the one at the start has collapsed.
  static let collapse = 0.1

  /// Is told of every state. Complexity: O(1); memory: that of two states.
  package mutating func observe(_ record: TrainingRecord) {
    let next = (checkpoints.last?.iteration ?? 0) * 11 / 10 + 1
    guard checkpoints.isEmpty || record.iteration >= next else { return }
    checkpoints.append((record.iteration, record.loss))
    if checkpoints.count > 2 { checkpoints.removeFirst() }
  }

  /// One line for each. `constant` is the loss of the best constant outputs, `share` the firing share at the start.
  package func lines(
    for record: TrainingRecord, reason: TrainingSession.StopReason, share: Double, constant: Double,
    optimizer: TrainingConfiguration.Optimizer
  ) -> [String] {
    guard record.iteration > 0 else { return [] }
    var lines: [String] = []
    if record.firingPairs == 0 {
      lines.append("no neuron fires on any point any more, so nothing is predicted: lower --threshold")
    } else if record.firingShare < Self.collapse * share {
      lines.append(
        "the firing share has collapsed from \(Float(share)) to \(Float(record.firingShare)): lower --threshold, or the "
          + "learning rate")
    }
    if constant > 0, record.loss >= Self.constantShare * constant {
      lines.append(
        "the loss \(Float(record.loss)) is no better than that of a constant, \(Float(constant)): is the target the right "
          + "column? If so, lower --threshold or take more --neurons")
    } else if let line = falling(record, reason, constant, optimizer) {
      lines.append(line)
    }
    return lines
  }

  private func falling(
    _ record: TrainingRecord, _ reason: TrainingSession.StopReason, _ constant: Double,
    _ optimizer: TrainingConfiguration.Optimizer
  ) -> String? {
    guard reason == .iterations, constant > 0, let before = checkpoints.first,
      before.iteration < record.iteration,
      record.iteration >= 10, record.loss > Self.smallLoss * constant,
      record.loss < (1 - Self.stillFalling) * before.loss
    else { return nil }
    let fall = DecimalPercent.text(1 - record.loss / before.loss)
    let other = optimizer == .gaussNewton ? "" : ", or --optimizer gauss-newton"
    return
      "the loss still falls, by \(fall) in the last \(record.iteration - before.iteration) steps: try --iterations "
      + "\(10 * record.iteration)\(other)"
  }
}

/// Shares for messages, without a formatter.
private enum DecimalPercent {
  static func text(_ share: Double) -> String {
    "\((share * 100).rounded() == 0 ? 1 : Int((share * 100).rounded()))%"
  }
}

extension Supervision {
  /// The squared loss of the best constant outputs, 1/2 sum_i omega_i |y_i - mean|^2. Complexity: O(n C).
  var constantLoss: Double {
    let (n, columns) = (targets.rows, targets.columns)
    let total = (0..<n).reduce(0.0) { $0 + Double(weights?[$1] ?? 1) }
    guard total > 0 else { return 0 }
    var loss = 0.0
    for c in 0..<columns {
      var (sum, square) = (0.0, 0.0)
      for i in 0..<n {
        let (weight, y) = (Double(weights?[i] ?? 1), Double(targets[i, c]))
        sum += weight * y
        square += weight * y * y
      }
      loss += max(square - sum * sum / total, 0) / 2
    }
    return loss
  }

  /// Whether all targets that count are the same. Complexity: O(n C).
  var isConstant: Bool {
    let counted = (0..<targets.rows).filter { (weights?[$0] ?? 1) > 0 }
    guard let first = counted.first else { return true }
    return counted.allSatisfy { i in
      (0..<targets.columns).allSatisfy { targets[i, $0] == targets[first, $0] }
    }
  }
}
