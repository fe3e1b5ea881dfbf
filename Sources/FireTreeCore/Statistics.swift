extension [Double] {
  /// The median, between the two middle ones of an even number; 0 when there is none. Complexity: O(k log k).
  package var median: Double {
    guard !isEmpty else { return 0 }
    let values = sorted()
    return (values[(count - 1) / 2] + values[count / 2]) / 2
  }
}
