import FireTreeCore

/// Collects the labels of a data set while its rows are read, and decides at the end what they are.
struct TargetBuilder {
  enum Policy {
    /// Training data: find out the task unless it is given, and the classes.
    case training(LearningTask?)
    /// Data for a classifier that knows these names. A label that is none of them is an error when the target
    /// is required; otherwise the whole target is ignored.
    case classes([String], required: Bool)
    /// Data for a regression. The same holds for what is no number.
    case values(required: Bool)
  }

  /// Integers with more distinct values than this are numbers, not classes, unless the task is given.
  var mostInferredClasses = 20
  /// Spellings kept while the task is open: one class may have several ("1", "1.0").
  private var mostSpellings: Int { 4 * mostInferredClasses }

  let path: String
  /// What messages call the target: `column 5 ('price')`.
  let place: String
  let policy: Policy

  /// Each spelling's index in `spellings`; nil once the target is known to be numbers.
  private var spellingIndex: [String: Int32]? = [:]
  private var spellings: [String] = []
  private var indices: [Int32] = []
  /// Nil once the target is known to be classes.
  private var values: [Double]? = []
  private var allNumbers = true
  private var (numbers, hasFractions) = (0, false)
  /// The first label that is no number.
  private var firstText: (label: String, row: Int)?
  private var spellingBytes = 0
  private(set) var ignoredBecause: String?

  init(path: String, place: String, policy: Policy) {
    self.path = path
    self.place = place
    self.policy = policy
    switch policy {
    case .training(.classification): values = nil
    case .training(.regression), .values: spellingIndex = nil
    case .training(nil): break
    case .classes(let names, _):
      values = nil
      spellings = names
      spellingIndex = Dictionary(zip(names, 0..<Int32(names.count)), uniquingKeysWith: { first, _ in first })
    }
  }

  /// Bytes held, about.
  var bytes: Int { spellingBytes + indices.count * 4 + (values?.count ?? 0) * 8 }

  /// Appends a label. `text[count]` is 0.
  mutating func append(_ text: UnsafePointer<CChar>, count: Int, row: Int) throws(FireTreeError) {
    if ignoredBecause != nil { return }
    let number = NumberText.double(text, count: count)
    if count == 0 { return try refuse("missing value", row: row) }
    if let number, !Float(number).isFinite {
      return try refuse("\(label(text, count)) is not a finite 32-bit number", row: row)
    }
    if spellingIndex == nil {
      guard let number else { return try refuse("\(label(text, count)) is not a number\(hint)", row: row) }
      try values?.makeRoom(for: 1)
      values?.append(number)
      return
    }
    guard let spelling = String(validating: text, count: count) else {
      throw .data(file: path, row: row, placed("the text is not UTF-8"))
    }
    try append(spelling: spelling, number: number, row: row)
  }

  /// Appends a label that is stored as a number.
  mutating func append(_ number: Double, row: Int) throws(FireTreeError) {
    if ignoredBecause != nil { return }
    guard Float(number).isFinite else {
      return try refuse("\(number) is not a finite 32-bit number", row: row)
    }
    if spellingIndex == nil {
      try values?.makeRoom(for: 1)
      values?.append(number)
    } else {
      try append(spelling: NumberText.canonicalName(number), number: number, row: row)
    }
  }

  private mutating func append(spelling: String, number: Double?, row: Int) throws(FireTreeError) {
    if case .classes(let names, _) = policy {
      let known = spellingIndex?[spelling] ?? number.flatMap { spellingIndex?[NumberText.canonicalName($0)] }
      guard let known else {
        let reason = "label \(quoted(spelling)) is unknown to the model, which knows \(quotedList(names))"
        return try refuse(reason, row: row)
      }
      try indices.makeRoom(for: 1)
      indices.append(known)
      return
    }
    try indices.makeRoom(for: 1)
    if let index = spellingIndex?[spelling] {
      indices.append(index)
    } else {
      guard spellings.count < Int(Int32.max) else { throw .data(file: path, row: row, "too many classes") }
      spellingIndex?[spelling] = Int32(spellings.count)
      indices.append(Int32(spellings.count))
      spellings.append(spelling)
      if let number {
        numbers += 1
        if number != number.rounded() { hasFractions = true }
      }
      spellingBytes += spelling.utf8.count + 4 * MemoryLayout<String>.stride
    }
    guard let number else {
      allNumbers = false
      values = nil
      firstText = firstText ?? (spelling, row)
      return
    }
    try values?.makeRoom(for: 1)
    values?.append(number)
    if values != nil && (number != number.rounded() || spellings.count > mostSpellings) {
      (spellingIndex, spellings, indices) = (nil, [], [])
    }
  }

  /// An error, or, where the target is not required, the end of the target.
  private mutating func refuse(_ reason: String, row: Int) throws(FireTreeError) {
    let reason = placed(reason)
    switch policy {
    case .classes(_, required: false), .values(required: false): ignoredBecause = "row \(row): \(reason)"
    default: throw .data(file: path, row: row, reason)
    }
  }

  private func placed(_ reason: String) -> String { place.isEmpty ? reason : "\(place): \(reason)" }

  private var hint: String {
    if case .training(nil) = policy { return " as the labels above are (for classes, set the task)" }
    return ""
  }

  private func label(_ text: UnsafePointer<CChar>, _ count: Int) -> String {
    quoted(String(text, count: count))
  }

  // MARK: The decision

  /// The target, or nil when it is ignored, and a note where a default decided.
  ///
  /// Throws a data error for numbers among which there is text, unless the task is given.
  consuming func finish() throws(FireTreeError) -> (target: Target?, note: String?) {
    if let ignoredBecause { return (nil, "target ignored: \(ignoredBecause)") }
    switch policy {
    case .classes(let names, _): return (.classes(names: names, indices: indices), nil)
    case .values, .training(.regression): return (.values(values ?? []), nil)
    case .training(.classification): return (try classes(), nil)
    case .training(nil):
      if spellingIndex != nil {
        try checkTexts()
        let target = try classes()
        if case .classes(let names, _) = target, !allNumbers || areClasses(names) {
          let number = counted(names.count, "class", "classes")
          let hint =
            names.count == 1
            ? ": all labels are the same"
            : names.count > 20 && allNumbers ? "; for numbers, set the task" : ""
          return (target, "task: classification (\(number)\(hint))")
        }
      }
      return (.values(values ?? []), "task: regression")
    }
  }

  /// Whole numbers are classes when they are few, and lie close together or come several times each.
  private func areClasses(_ names: [String]) -> Bool {
    guard names.count <= mostInferredClasses else { return false }
    let numbers = names.compactMap { NumberText.double($0) }
    let spread = (numbers.max() ?? 0) - (numbers.min() ?? 0)
    return 2 * names.count <= indices.count || spread < Double(2 * mostInferredClasses)
  }

  private func checkTexts() throws(FireTreeError) {
    guard let firstText else { return }
    var reason: String?
    if spellings.allSatisfy(NumberText.hasDecimalComma) {
      reason = "is its comma a decimal one? then set the decimal option"
    } else if hasFractions || numbers > mostInferredClasses {
      reason = "as other labels are (for classes, set the task)"
    }
    guard let reason else { return }
    let separator = reason.hasPrefix("is ") ? ": " : " "
    throw .data(
      file: path, row: firstText.row,
      placed("\(quoted(firstText.label)) is not a number\(separator)\(reason)"))
  }

  /// The classes in order: by number when all are numbers, else by name. Spellings of one number are one
  /// class.
  private mutating func classes() throws(FireTreeError) -> Target {
    var names = spellings
    if allNumbers { names = spellings.map(NumberText.canonicalName) }
    var ordered = Array(Set(names))
    if allNumbers {
      let numbers = Dictionary(
        ordered.map { ($0, NumberText.double($0) ?? 0) }, uniquingKeysWith: { a, _ in a })
      ordered.sort { (numbers[$0] ?? 0, $0) < (numbers[$1] ?? 0, $1) }
    } else {
      ordered.sort()
    }
    let position = Dictionary(zip(ordered, Int32(0)...), uniquingKeysWith: { a, _ in a })
    let renumbered = names.map { position[$0] ?? 0 }
    // The builder may have another owner, from which the indices are copied now.
    try Memory.ask(for: indices.count, of: Int32.self)
    for point in indices.indices { indices[point] = renumbered[Int(indices[point])] }
    return .classes(names: ordered, indices: indices)
  }
}
