import Glibc

/// What this process may have: the least of what the machine has free, of what its control groups allow and of the
/// limits of the process itself.
///
/// Control groups of both versions (Linux: cgroups(7)) are read from the process's own up to the root. A file that is
/// missing or does not hold a number limits nothing.
package struct SystemLimits {
  /// Where the system shows processes, and control groups.
  private let processes: String
  private let groups: String
  /// Bytes of address space (RLIMIT_AS).
  private let addressSpace: ByteCount

  package init(
    processes: String = "/proc", groups: String = "/sys/fs/cgroup",
    addressSpace: ByteCount = SystemLimits.addressSpace
  ) {
    (self.processes, self.groups, self.addressSpace) = (processes, groups, addressSpace)
  }

  /// What the process may address at most; `Int.max` bytes when nothing is set.
  package static var addressSpace: ByteCount {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return ByteCount(.max) }
    return ByteCount(Int(exactly: limit.rlim_cur) ?? .max)
  }

  /// Whether so many bytes in one piece would still be mapped.
  package static func hasAddresses(for size: ByteCount) -> Bool {
    guard size.bytes > 0 else { return true }
    let place = mmap(nil, size.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let place, place != MAP_FAILED else { return false }
    munmap(place, size.bytes)
    return true
  }

  /// Memory that the process can be given now, without swapping.
  package var memory: ByteCount {
    let page = sysconf(Int32(_SC_PAGESIZE))
    let available = word(after: "MemAvailable:", in: "\(processes)/meminfo").flatMap { Int($0) }
    var least = ByteCount(1024) * (available ?? .max)
    if least.bytes == .max { least = ByteCount(page) * sysconf(Int32(_SC_PHYS_PAGES)) }
    for group in folders(of: "memory") {
      if let room = room(in: group) { least = min(least, room) }
    }
    guard addressSpace.bytes < .max else { return least }
    let used = ByteCount(page) * (numbers(in: "\(processes)/self/statm").first ?? 0)
    return min(least, ByteCount(addressSpace.bytes - min(used, addressSpace).bytes))
  }

  /// What a group has left: its limit less its use, in which the cache of files that the system can drop does not
  /// count. Above `memory.high` a process is not ended but brought nearly to a halt, so it is a limit too.
  private func room(in group: String) -> ByteCount? {
    let limits = ["memory.max", "memory.high", "memory.limit_in_bytes"].compactMap {
      numbers(in: "\(group)/\($0)").first
    }
    guard let limit = limits.filter({ $0 >= 0 }).min() else { return nil }
    let used = ["memory.current", "memory.usage_in_bytes"].compactMap { numbers(in: "\(group)/\($0)").first }
    let cache = ["total_inactive_file", "inactive_file"].compactMap {
      word(after: $0, in: "\(group)/memory.stat").flatMap { Int($0) }
    }
    let kept = max(0, (used.first ?? 0) - (cache.first ?? 0))
    return ByteCount(limit - min(kept, limit))
  }

  /// Processors whose time the process may use: those that are online and that it may run on, or fewer by the quotas of
  /// its groups, a part counted as a whole one. At least 1.
  package var processors: Int {
    var least = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    if let affinity { least = min(least, affinity) }
    for group in folders(of: "cpu") {
      var share = numbers(in: "\(group)/cpu.max")
      if share.isEmpty {
        share = ["cpu.cfs_quota_us", "cpu.cfs_period_us"].flatMap { numbers(in: "\(group)/\($0)") }
      }
      if share.count == 2, share[0] > 0, share[1] > 0 { least = min(least, (share[0] - 1) / share[1] + 1) }
    }
    return max(1, least)
  }

  /// How many processors the process may run on: the bits of a mask in hexadecimal digits.
  private var affinity: Int? {
    word(after: "Cpus_allowed:", in: "\(processes)/self/status")?.reduce(0) {
      $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount
    }
  }

  // MARK: Files

  /// The folders of the process's groups that have a controller, each followed by those above it.
  private func folders(of controller: String) -> [String] {
    var folders: [String] = []
    for line in text("\(processes)/self/cgroup").split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isUnified = fields[1].isEmpty
      guard isUnified || fields[1].split(separator: ",").contains(Substring(controller)) else { continue }
      var path = fields[2]
      while let slash = path.lastIndex(of: "/") {
        for root in isUnified ? ["", "/unified"] : ["/\(fields[1])", "/\(controller)"] {
          folders.append("\(groups)\(root)\(path)")
        }
        path = slash == path.startIndex && path.count > 1 ? path.prefix(1) : path[..<slash]
      }
    }
    return folders
  }

  /// The word after `key`, which starts a line.
  private func word(after key: String, in path: String) -> Substring? {
    for line in text(path).split(separator: "\n") {
      let words = line.split { $0 == " " || $0 == "\t" }
      if words.count > 1, words[0] == key { return words[1] }
    }
    return nil
  }

  /// The words of a file that are whole numbers; none if any word is not.
  private func numbers(in path: String) -> [Int] {
    let words = text(path).split { $0 == " " || $0 == "\n" }
    let numbers = words.compactMap { Int($0) }
    return numbers.count == words.count ? numbers : []
  }

  /// The start of a file; empty when it cannot be read.
  private func text(_ path: String) -> String {
    guard let file = fopen(path, "re") else { return "" }
    defer { fclose(file) }
    let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
      count = fread(buffer.baseAddress, 1, buffer.count, file)
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
