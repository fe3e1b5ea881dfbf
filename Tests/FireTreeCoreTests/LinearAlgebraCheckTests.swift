import FireTreeCore
import Testing

/// A library that computes wrongly is refused; routines that are right but for one thing stand for it.
@Suite struct LinearAlgebraCheckTests {
  typealias Routines = LinearAlgebra.Routines

  @Test func theLibraryIsRight() throws {
    try LinearAlgebra.check()
    #expect(LinearAlgebra.refusal(of: Routines()) == nil)
  }

  private func expectRefusal(_ what: String, _ change: (inout Routines) -> Void) {
    var routines = Routines()
    change(&routines)
    let expected = FireTreeError.failure(
      "\(LinearAlgebra.description) computes \(what) wrongly on this processor: set OPENBLAS_CORETYPE=Haswell, or "
        + "install another version")
    #expect(LinearAlgebra.refusal(of: routines) == expected)
  }

  /// One element of one shape, the last of an odd tile; then one that is not a number.
  @Test(arguments: [LinearAlgebra.Transposition.none, .left, .right], [Float(1), .nan])
  func aWrongElement(transposing: LinearAlgebra.Transposition, error: Float) {
    expectRefusal("the product of 131 x 45 and 45 x 35 elements") { routines in
      let right = routines.multiply
      routines.multiply = { a, b, t, result, keeping in
        right(a, b, t, result, keeping)
        if t == transposing, result.rows == 131 { result[130, 34] += error }
      }
    }
  }

  /// What was in the result counts only where it is to be kept.
  @Test func aResultThatIsKept() {
    expectRefusal("the product of 256 x 33 and 33 x 256 elements") { routines in
      let right = routines.multiply
      routines.multiply = { a, b, t, result, _ in right(a, b, t, result, 1) }
    }
    expectRefusal("the product of 61 x 256 and 256 x 67 elements") { routines in
      let right = routines.multiply
      routines.multiply = { a, b, t, result, _ in right(a, b, t, result, 0) }
    }
  }

  @Test func wrongTails() {
    expectRefusal("inner products of 31 elements") { routines in
      let right = routines.dot
      routines.dot = { x, y, count in right(x, y, count) + (count == 31 ? 1 : 0) }
    }
    expectRefusal("sums of 257 elements") { routines in
      let right = routines.add
      routines.add = { scale, x, y, count in right(scale, x, y, count == 257 ? 256 : count) }
    }
  }

  /// Factors in double precision have a check of their own.
  @Test func wrongFactors() throws {
    try LinearAlgebra.checkFactors()
    #expect(LinearAlgebra.refusalOfFactors(by: Routines()) == nil)
    func refusal(_ change: @escaping (inout [Double], inout [Double]) -> Void) -> String? {
      var routines = Routines()
      let right = routines.invert
      routines.invert = {
        guard var (diagonal, solution) = right($0, $1) else { return nil }
        change(&diagonal, &solution)
        return (diagonal, solution)
      }
      return LinearAlgebra.refusalOfFactors(by: routines)?.reason
    }
    #expect(refusal { _, _ in } == nil)
    for index in [0, 255, 256, 542] {
      #expect(
        refusal { diagonal, _ in diagonal[index] += 1 }?.contains("the inverse of 543 x 543 elements") == true
      )
      #expect(refusal { _, x in x[index] = .nan }?.contains("the solution of 543 linear equations") == true)
    }
    var routines = Routines()
    routines.invert = { _, _ in nil }
    #expect(LinearAlgebra.refusalOfFactors(by: routines)?.kind == .failure)
  }
}
