extension [Int32] {
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
