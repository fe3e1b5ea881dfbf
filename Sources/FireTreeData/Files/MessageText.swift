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
