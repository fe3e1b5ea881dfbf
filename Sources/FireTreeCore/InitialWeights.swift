/// The hidden weights that a training starts from: a pure function of a seed, of which any row can be made alone.
///
/// Either every neuron has a row of its own, or neurons come in pairs: neuron 2k + 1 has the weights of neuron 2k (and, in
/// a network, the opposite output weights). The rows that differ are the base rows. A wider network begins with the rows of
/// a narrower one. Memory: none that grows with m.
public struct InitialWeights: Sendable, Equatable {
  /// How base rows are distributed.
  public enum Distribution: String, Sendable, CaseIterable {
    /// w_r ~ N(0, I_d), row r from stream 0 of `CounterGenerator`.
    case gaussian
    /// Structured weights: `HadamardWeights`.
    case hadamard
  }

  /// Which neurons share their weights.
  public enum Start: String, Sendable, CaseIterable {
    /// None.
    case independent
    /// Neurons 2k and 2k + 1.
    case paired
  }

  /// The stream of normals.
  public static let stream: UInt32 = 0

  public let seed: UInt64
  /// Number of neurons, m.
  public let rows: Int
  /// d.
  public let columns: Int
  public let distribution: Distribution
  public let start: Start

  /// Precondition: `limitation` says nothing.
  public init(
    seed: UInt64, rows: Int, columns: Int, distribution: Distribution = .gaussian, start: Start = .independent
  ) {
    if let limitation = distribution.limitation(columns: columns) { preconditionFailure(limitation) }
    (self.seed, self.rows, self.columns) = (seed, rows, columns)
    (self.distribution, self.start) = (distribution, start)
  }

  /// How many neurons have a base row.
  public var copies: Int { start == .paired ? 2 : 1 }

  /// Number of base rows, m or half of it, rounded up.
  public var baseRows: Int { (rows + copies - 1) / copies }

  /// The base rows as structured weights; nil when they are none.
  public var structured: HadamardWeights? {
    distribution == .hadamard ? HadamardWeights(seed: seed, rows: baseRows, columns: columns) : nil
  }

  /// What `HadamardWeights.rounding` is for products by transforms; 0 when there are none.
  public var rounding: Float { structured?.rounding ?? 0 }

  /// Computes base rows, ascending, into the rows of `result` (`chosen.count` x d).
  ///
  /// Complexity: O(d) a row; of structured weights 2 D log2 D flops.
  public func generateBase(_ chosen: some Collection<Int>, into result: MutableMatrixView) {
    if let structured { return structured.generate(chosen, into: result) }
    let generator = CounterGenerator(seed: seed, stream: Self.stream)
    for (slot, row) in chosen.enumerated() {
      generator.normals(row: row, into: result.row(slot), count: columns)
    }
  }

  /// Computes the weights of neurons, ascending, into the rows of `result` (`neurons.count` x d).
  ///
  /// Complexity: that of `generateBase` for the base rows among them.
  public func generate(_ neurons: some Collection<Int>, into result: MutableMatrixView) {
    precondition(result.rows == neurons.count && result.columns == columns, "shapes do not match")
    guard start == .paired else { return generateBase(neurons, into: result) }
    // A pair's row is made once, at the place of its first neuron, and copied.
    var (slots, bases): ([Int], [Int]) = ([], [])
    for (slot, neuron) in neurons.enumerated() where bases.last != neuron / 2 {
      slots.append(slot)
      bases.append(neuron / 2)
    }
    // From the last on, so that no row is overwritten before it has been copied.
    generateBase(bases, into: result.rows(0..<bases.count))
    for (position, slot) in slots.enumerated().reversed() {
      let end = position + 1 < slots.count ? slots[position + 1] : neurons.count
      for other in (slot..<end).reversed() where other != position {
        result.row(other).update(from: result.row(position), count: columns)
      }
    }
  }
}

extension InitialWeights.Distribution {
  /// Why there are no such weights of `columns` inputs; nil when there are.
  public func limitation(columns: Int) -> String? {
    guard self == .hadamard, columns < 1 || columns > HadamardWeights.largestBlock else { return nil }
    return
      "structured weights take from 1 to \(HadamardWeights.largestBlock) inputs, beyond which they are not exact, not \(columns)"
  }
}
