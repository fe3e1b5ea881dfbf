import Glibc

/// What the C library says of an error number: `No such file or directory`.
func systemMessage(_ number: Int32) -> String {
  guard let text = strerror(number) else { return "system error \(number)" }
  return String(cString: text)
}
