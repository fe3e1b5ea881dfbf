import FireTree
import Testing

/// Numbers worked by hand.
@Suite struct EvaluationTests {
  @Test func confusionAndAccuracy() {
    let names = ["x", "y", "z"]
    let evaluation = Evaluation(
      predictions: .classes(names: names, indices: [0, 1, 1, 1, 2, 0]),
      truth: .classes(names: names, indices: [0, 0, 1, 1, 1, 0]))
    // Truth x: predicted x, y, x. Truth y: predicted y, y, z. Truth z never occurs.
    #expect(evaluation == .classification(names: names, confusion: [[2, 1, 0], [0, 2, 1], [0, 0, 0]]))
    #expect(evaluation.accuracy == 4.0 / 6)
  }

  /// Residuals 0, 0, 0, 2: a sum of squares of 4, against 5 about the mean 2.5.
  @Test func determinationAndError() {
    let evaluation = Evaluation(predictions: .values([1, 2, 3, 6]), truth: .values([1, 2, 3, 4]))
    #expect(evaluation == .regression(r2: 1 - 4.0 / 5, rmse: 1) && evaluation.accuracy == nil)
  }

  @Test func edges() {
    func evaluation(_ predictions: [Double], _ truth: [Double]) -> Evaluation {
      Evaluation(predictions: .values(predictions), truth: .values(truth))
    }
    #expect(evaluation([3, 3], [3, 3]) == .regression(r2: 1, rmse: 0))
    #expect(evaluation([3, 5], [4, 4]) == .regression(r2: 0, rmse: 1))
    #expect(evaluation([2], [4]) == .regression(r2: 0, rmse: 2))
    // Worse than the mean: 8 against 2 about it.
    #expect(evaluation([3, 1], [1, 3]) == .regression(r2: -3, rmse: 2))
    let empty = Evaluation(
      predictions: .classes(names: ["a"], indices: []), truth: .classes(names: ["a"], indices: []))
    #expect(empty.accuracy == 0 && evaluation([], []) == .regression(r2: 1, rmse: 0))
  }
}
