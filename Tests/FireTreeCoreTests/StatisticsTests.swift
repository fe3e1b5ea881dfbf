import FireTreeCore
import Testing

@Suite struct StatisticsTests {
  @Test func medians() {
    #expect([Double]().median == 0 && [7.0].median == 7 && [3, 1.0].median == 2)
    #expect([9, 1, 5.0].median == 5 && [4, 1, 100, 2.0].median == 3)
  }

  /// Every place of a value among ascending ones, some of them equal, at sizes around powers of two.
  @Test(arguments: [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17]) func firstPositions(count: Int) {
    let values = (0..<Int32(count)).map { $0 / 2 * 2 }
    for value in -1...count + 1 {
      let expected = values.firstIndex { Int($0) >= value } ?? count
      #expect(values.firstPosition(notBelow: value) == expected, "\(value)")
    }
  }
}
