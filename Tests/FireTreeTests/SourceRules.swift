/// Who may import whom, and what a library may not do (`Documentation/Architecture.md`).
enum SourceRules {
  /// A source file: the target that it belongs to, its name, its text.
  struct File {
    var target: String
    var name: String
    var text: String
  }

  /// Modules of this package that a target may import. A target that is not listed here is a mistake too.
  static let allowed: [String: Set<String>] = [
    "FireTreeCore": ["COpenBLAS", "CKernels"],
    "CorrelationTrees": ["FireTreeCore"],
    "FireTreeTraining": ["FireTreeCore", "CorrelationTrees"],
    "FireTreeData": ["FireTreeCore", "CZlib", "CLibCSV"],
    "FireTree": ["FireTreeCore", "CorrelationTrees", "FireTreeTraining", "FireTreeData"],
    "FireTreeStudy": ["FireTree"],
    "FireTreeCLI": ["FireTree", "FireTreeStudy", "CProcess"],
  ]
  private static let command = "FireTreeCLI"
  private static let ours = Set(allowed.keys).union(["COpenBLAS", "CKernels", "CProcess", "CZlib", "CLibCSV"])

  /// What prints, ends the process, or reads the environment: for the command alone.
  private static let commandOnly: Set<String> = [
    "print", "debugPrint", "dump", "puts", "putchar", "fputs", "fputc", "printf", "fprintf", "vprintf",
    "vfprintf",
    "perror", "stdout", "stderr", "STDOUT_FILENO", "STDERR_FILENO", "exit", "_exit", "quick_exit", "abort",
    "atexit",
    "getenv", "secure_getenv", "setenv", "putenv", "environ", "ProcessInfo", "CommandLine", "readLine",
    "system",
    "signal", "sigaction",
  ]
  /// What makes an engine: its initialiser, by the type's name or through `EngineKind.type`. For the engines' own folder
  /// and the session alone.
  private static let engines = [
    "DenseEngine(", "TreeEngine(", "GramEngine(", "WeightEngine(", "KineticEngine(",
  ]
  private static func makesEngine(_ file: File) -> Bool {
    let isAtHome = file.target == "FireTreeTraining" && file.name.hasPrefix("Engines/")
    if isAtHome || file.target == "FireTree" && file.name == "TrainingSession.swift" { return false }
    return file.text.split(separator: "\n").contains { line in
      let code = code(of: line)
      return engines.contains { code.contains($0) }
        || code.contains(".type.init(") && !code.contains("weights:")
    }
  }

  /// What opens files: not for training.
  private static let opensFiles: Set<String> = [
    "fopen", "fdopen", "freopen", "open", "openat", "creat", "opendir", "mmap", "FileManager", "FileHandle",
  ]

  /// Every breach, as `target/file: what`.
  static func breaches(in files: [File]) -> [String] {
    files.flatMap { file -> [String] in
      var found: [String] = []
      let isCommand = file.target == command
      guard let allowed = allowed[file.target] else { return ["\(file.target)/\(file.name): unknown target"] }
      for module in imports(of: file.text) {
        if ours.contains(module) && !allowed.contains(module) { found.append("imports \(module)") }
        if !isCommand && (module.hasPrefix("Foundation") || module == "ArgumentParser") {
          found.append("imports \(module)")
        }
      }
      let words = Set(words(of: file.text))
      if !isCommand { found += words.intersection(commandOnly).sorted().map { "uses \($0)" } }
      if makesEngine(file) { found.append("makes an engine") }
      if file.target == "FireTreeTraining" {
        found += words.intersection(opensFiles).sorted().map { "uses \($0)" }
      }
      return found.map { "\(file.target)/\(file.name): \($0)" }
    }
  }

  /// The modules that a source imports, whatever attributes, access level or kind the import has.
  static func imports(of text: String) -> [String] {
    text.split(separator: "\n").compactMap { line in
      let words = code(of: line).split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard let position = words.firstIndex(of: "import") else { return nil }
      let modifiers: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
      guard words[..<position].allSatisfy({ $0.hasPrefix("@") || modifiers.contains($0) }) else { return nil }
      let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
      let name = words[(position + 1)...].first { !kinds.contains($0) }
      return name.map { String($0.prefix { $0 != "." && $0 != ";" }) }
    }
  }

  /// The identifiers of a source outside comments and text; not those of members, arguments' labels or declarations.
  static func words(of text: String) -> [String] {
    text.split(separator: "\n").flatMap { line -> [String] in
      var words: [String] = []
      var previous: Substring = ""
      var rest = code(of: line)[...]
      while let start = rest.firstIndex(where: isWord) {
        let before = rest[..<start].last
        let word = rest[start...].prefix(while: isWord)
        rest = rest[word.endIndex...]
        let isMember = before == "." && !["Swift", "Glibc"].contains(previous)
        let isDeclared = ["func", "var", "let", "case"].contains(previous)
        if !isMember && !isDeclared && rest.first != ":" { words.append(String(word)) }
        previous = word
      }
      return words
    }
  }

  private static func isWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  /// A line without its comment and without what is quoted in it.
  private static func code(of line: Substring) -> String {
    var result = ""
    var isQuoted = false
    var previous: Character = " "
    for character in line {
      if character == "\"" && previous != "\\" { isQuoted.toggle() }
      if !isQuoted && character == "/" && previous == "/" { return String(result.dropLast()) }
      if !isQuoted { result.append(character) }
      previous = character
    }
    return result
  }
}
