import FireTreeCore
import FireTreeData
import Testing

@Suite struct StratifiedSplitTests {
  /// Classes of the given sizes, mixed.
  private static func classes(_ sizes: [Int]) -> Target {
    let all = sizes.enumerated().flatMap { Array(repeating: Int32($0.offset), count: $0.element) }
    let n = all.count
    return .classes(
      names: sizes.indices.map { "c\($0)" }, indices: (0..<n).map { all[n % 7919 == 0 ? $0 : $0 * 7919 % n] })
  }

  private static func counts(_ target: Target, _ points: [Int], classes: Int) -> [Int] {
    guard case .classes(_, let indices) = target else { return [] }
    return (0..<classes).map { c in points.filter { Int(indices[$0]) == c }.count }
  }

  private func expectPartition(_ split: StratifiedSplit, of n: Int) {
    #expect((split.training + split.heldOut).sorted() == Array(0..<n))
    #expect(split.training == split.training.sorted() && split.heldOut == split.heldOut.sorted())
  }

  @Test func everyClassHasItsShare() throws {
    let target = Self.classes([400, 80, 13, 4, 1])
    for seed in 0..<5 as Range<UInt64> {
      let split = try StratifiedSplit(of: target, holdingOut: 0.25, seed: seed)
      expectPartition(split, of: 498)
      #expect(split.heldOut.count == 125)
      // The only point of a class stays in training.
      let counts = Self.counts(target, split.heldOut, classes: 5)
      #expect(counts == [101, 20, 3, 1, 0])
    }
    let splits = try (0..<4 as Range<UInt64>).map {
      try StratifiedSplit(of: target, holdingOut: 0.25, seed: $0)
    }
    #expect(Set(splits.map(\.heldOut)).count == 4)
    #expect(try StratifiedSplit(of: target, holdingOut: 0.25, seed: 2) == splits[2])
  }

  @Test func everyPartOfTheRangeHasItsShare() throws {
    let n = 1000, values = (0..<n).map { Double($0 * 389 % n) }
    let split = try StratifiedSplit(of: .values(values), holdingOut: 0.25, seed: 1)
    expectPartition(split, of: n)
    #expect(split.heldOut.count == 250)
    for part in 0..<20 {
      let inside = split.heldOut.filter { Int(values[$0]) / 50 == part }.count
      #expect((12...13).contains(inside), "\(part): \(inside)")
    }
    #expect(try StratifiedSplit(of: .values(values), holdingOut: 0.25, seed: 2) != split)
  }

  @Test func samplesStandForAll() throws {
    let target = Self.classes([6000, 3000, 990, 9, 1])
    let samples = try [0, 0, 1].map { try StratifiedSplit.sample(of: target, atMost: 2000, seed: $0) }
    #expect(samples[0] == samples[1] && samples[0] != samples[2])
    for sample in samples {
      #expect(sample.count == 2000 && Set(sample).count == 2000 && sample == sample.sorted())
      let counts = Self.counts(target, sample, classes: 5)
      #expect(abs(counts[0] - 1200) <= 1 && abs(counts[1] - 600) <= 1 && abs(counts[2] - 198) <= 1)
      #expect((1...2).contains(counts[3]) && counts[4] == 1)
    }
    #expect(try StratifiedSplit.sample(of: target, atMost: 10_000, seed: 3) == Array(0..<10_000))
    // More classes than points that may be drawn.
    let many = Self.classes(Array(repeating: 2, count: 300))
    #expect(try StratifiedSplit.sample(of: many, atMost: 100, seed: 3).count == 100)
    // One of each class at least, however large the others are.
    let skewed = Self.classes([5000] + Array(repeating: 1, count: 99))
    let each = try StratifiedSplit.sample(of: skewed, atMost: 100, seed: 3)
    #expect(Self.counts(skewed, each, classes: 100) == Array(repeating: 1, count: 100))
    #expect(try StratifiedSplit.sample(of: target, atMost: 0, seed: 0) == [])
  }

  @Test func smallAndOddTargetsDoNotTrap() throws {
    let targets: [Target] = [
      .values([]), .values([1]), .values([1, 2]), .values([1, 1, 1]),
      .values([.nan, 1, .infinity, -.nan, 0, -0.0]),
      .classes(names: [], indices: []), .classes(names: ["a", "b"], indices: []), Self.classes([1]),
      Self.classes([1, 1]), Self.classes([2]), Self.classes([0, 5]), Self.classes([1, 1, 1, 9]),
    ]
    for target in targets {
      for share in [0.01, 0.25, 0.99] {
        let split = try StratifiedSplit(of: target, holdingOut: share, seed: 1)
        expectPartition(split, of: target.count)
        #expect(split.training.count >= min(1, target.count))
      }
      for count in 0..<4 {
        #expect(
          try StratifiedSplit.sample(of: target, atMost: count, seed: 1).count == min(count, target.count))
      }
    }
    #expect(try StratifiedSplit(of: .values([1, 2]), holdingOut: 0.25, seed: 1).heldOut.count == 1)
    #expect(try StratifiedSplit(of: Self.classes([1, 1]), holdingOut: 0.25, seed: 1).heldOut == [])
  }
}
