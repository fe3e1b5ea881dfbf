import FireTreeCore
import FireTreeTraining
import TestSupport
import Testing

/// What the history says later steps may exceed an earlier one by, against sums over its definition: for k points, the
/// length of the k largest differences, added up over the steps since.
@Suite struct StepHistoryTests {
  /// Steps of `points` x `outputs` numbers whose sizes differ by orders of magnitude, and some of which are 0.
  private func steps(_ count: Int, points: Int, outputs: Int, _ random: inout SeededGenerator) -> [[Float]] {
    (0..<count).map { _ in
      (0..<points * outputs).map { _ in
        let size = [0, 1e-6, 1e-3, 1, 1, 100][Int.random(in: 0..<6, using: &random)] as Float
        return size * Float.random(in: -1...1, using: &random)
      }
    }
  }

  /// sum_c |a_ic - b_ic| of every point, the largest first.
  private func differences(_ a: [Float], _ b: [Float], outputs: Int) -> [Double] {
    stride(from: 0, to: a.count, by: outputs).map { i in
      (i..<i + outputs).reduce(0.0) { $0 + abs(Double(a[$1]) - Double(b[$1])) }
    }.sorted(by: >)
  }

  private func excess(_ history: StepHistory, age: Int, firing: Int) -> Float {
    history.withView { $0.excess(age: age, firing: firing) }
  }

  /// More points than are told apart, as many, and fewer.
  @Test(arguments: [1, 5, 63, 64, 200], [1, 3]) func boundsHoldAndAreTight(points: Int, outputs: Int) {
    var random = SeededGenerator(seed: UInt64(points * 10 + outputs))
    let stride = outputs == 1 ? 1 : Matrix.stride(columns: outputs)
    var history = StepHistory(points: points, outputs: outputs, stride: stride)
    let steps =
      [[Float](repeating: 0, count: points * outputs)]
      + steps(20, points: points, outputs: outputs, &random)
    for now in 1..<steps.count {
      history.append(steps[now], decay: 0, carry: 0)
      for age in 0..<min(StepHistory.capacity, now + 1) {
        for firing in 0...points {
          let largest = firing < StepHistory.classes - 1 ? firing : points
          let exact = (now - age..<now).reduce(0.0) { sum, t in
            let squares = differences(steps[t + 1], steps[now - age], outputs: outputs).map { $0 * $0 }
            return sum + squares.prefix(largest).reduce(0, +).squareRoot()
          }
          let bound = Double(excess(history, age: age, firing: firing))
          // Bins are a quarter of an octave of squares at most; roundings are those of sums of floats.
          #expect(bound >= exact * (1 - 1e-6) && bound <= exact * 1.12 + 1e-30, "\(now), \(age), \(firing)")
        }
      }
    }
  }

  /// Clocks have to be moved before the steps they stand at are forgotten, and when a velocity may carry more than it did.
  @Test func unknownStepsHaveNoBound() {
    var history = StepHistory(points: 3, outputs: 1, stride: 1)
    for now in 1...12 {
      history.append([1, 2, 3], decay: 0.9, carry: 0.5)
      if now >= StepHistory.capacity {
        #expect(excess(history, age: StepHistory.capacity, firing: 0) == .infinity)
      }
      #expect(excess(history, age: 1, firing: 3).isFinite)
    }
    history.append([1, 2, 3], decay: 0.9, carry: 0.25)
    #expect(excess(history, age: 5, firing: 3).isFinite)
    history.append([1, 2, 3], decay: 0.9, carry: 0.5)
    #expect((1...StepHistory.capacity).allSatisfy { excess(history, age: $0, firing: 0) == .infinity })
    history.append([1, 2, 3], decay: 0.9, carry: 0.5)
    #expect(excess(history, age: 1, firing: 3) == 0 && excess(history, age: 2, firing: 3) == .infinity)
  }
}
