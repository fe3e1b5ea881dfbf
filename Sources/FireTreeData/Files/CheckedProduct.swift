/// The product of sizes that a file states, or nil where it does not fit an `Int` or a size is negative.
func checkedProduct(_ factors: some Sequence<Int>) -> Int? {
  var product = 1
  for factor in factors {
    let (next, overflow) = product.multipliedReportingOverflow(by: factor)
    if overflow || factor < 0 { return nil }
    product = next
  }
  return product
}
