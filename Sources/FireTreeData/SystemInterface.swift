import Glibc

/// What the C library says of an error number: `No such file or directory`.
func systemMessage(_ number: Int32) -> String {
  guard let text = strerror(number) else { return "system error \(number)" }
  return String(cString: text)
}

/// Text quoted from a file or from the caller, in single quotes and shortened to what fits a message.
func quoted(_ text: String) -> String {
  text.count > 32 ? "'\(text.prefix(29))...'" : "'\(text)'"
}

/// `'a', 'b', 'c'`, at most `limit` of them, then `... (12 in all)`.
func quotedList(_ texts: [String], limit: Int = 5) -> String {
  let listed = texts.prefix(limit).map(quoted).joined(separator: ", ")
  return texts.count > limit ? "\(listed), ... (\(texts.count) in all)" : listed
}

/// `1 class`, `3 classes`.
func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
  "\(count) \(count == 1 ? one : many ?? one + "s")"
}

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
