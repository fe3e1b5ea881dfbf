extension [Int32] {
  /// 0, 1, ... (n). Without memory for it the process ends (`Memory.end`).
  package static func ascending(_ count: Int) -> [Int32] { ascending(0..<count) }

  /// The same of a range.
  package static func ascending(_ range: Range<Int>) -> [Int32] {
    var result = fixed(range.count, repeating: 0)
    for index in 0..<range.count { result[index] = Int32(range.lowerBound + index) }
    return result
  }

  /// The first position whose element is not below `value`; the elements ascend. Complexity: O(log k) comparisons.
  package func firstPosition(notBelow value: Int) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if Int(self[middle]) < value { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
