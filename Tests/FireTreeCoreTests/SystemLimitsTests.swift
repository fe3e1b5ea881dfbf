import FireTreeCore
import Foundation
import Testing

/// Limits read from folders that look like those of the system.
@Suite final class SystemLimitsTests {
  private let root = FileManager.default.temporaryDirectory.appending(path: "firetree-\(UUID().uuidString)")

  deinit { try? FileManager.default.removeItem(at: root) }

  /// Writes the files, and what the process says of its groups; 8 GB of the machine are available.
  private func limits(
    groups: String, _ files: [String: String] = [:], addressSpace: Int = .max
  ) throws -> SystemLimits {
    let process = [
      "proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n", "proc/self/cgroup": groups,
      "proc/self/statm": "1000 10 5 0 0 0 0\n",
    ]
    let groupFiles = files.map { ("groups/\($0)", $1) }
    for (path, text) in process.merging(groupFiles, uniquingKeysWith: { $1 }) {
      let file = root.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    return SystemLimits(
      processes: root.path + "/proc", groups: root.path + "/groups", addressSpace: ByteCount(addressSpace))
  }

  private static let machine = 8_000_000 * 1024

  @Test func withoutGroupsTheMachineCounts() throws {
    #expect(try limits(groups: "").memory.bytes == Self.machine)
    #expect(try limits(groups: "").processors == sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    #expect(
      SystemLimits(processes: "/nowhere", groups: "/nowhere", addressSpace: ByteCount(.max)).memory
        > ByteCount(1 << 20))
  }

  /// The unified hierarchy, where a mixed system mounts it too; the least of all groups above counts.
  @Test(arguments: ["", "unified/"]) func versionTwo(mount: String) throws {
    let limits = try limits(
      groups: "0::/a/b/c\n",
      [
        "\(mount)a/b/c/memory.max": "max\n", "\(mount)a/b/c/memory.current": "900\n",
        "\(mount)a/b/memory.max": "1000000\n", "\(mount)a/b/memory.current": "700000\n",
        "\(mount)a/b/memory.stat": "anon 5\ninactive_file 100000\nactive_file 7\n",
        "\(mount)a/memory.max": "2000000\n", "\(mount)a/memory.current": "1000000\n",
        "\(mount)a/b/c/cpu.max": "max 100000\n", "\(mount)a/cpu.max": "50000 100000\n",
      ])
    #expect(limits.memory.bytes == 400_000)
    #expect(limits.processors == 1)
  }

  @Test func aThrottleIsALimit() throws {
    let files = ["memory.max": "max\n", "memory.high": "5000\n", "memory.current": "1000\n"]
    #expect(try limits(groups: "0::/\n", files).memory.bytes == 4000)
  }

  @Test func versionOne() throws {
    let limits = try limits(
      groups: "9:name=systemd:/x\n4:memory:/job/1\n3:cpu,cpuacct:/job\n0::/\n",
      [
        "memory/job/1/memory.limit_in_bytes": "9223372036854771712\n",
        "memory/job/1/memory.usage_in_bytes": "1\n",
        "memory/job/memory.limit_in_bytes": "3000000\n", "memory/job/memory.usage_in_bytes": "2500000\n",
        "memory/job/memory.stat": "inactive_file 9\ntotal_inactive_file 500000\n",
        "cpu,cpuacct/job/cpu.cfs_quota_us": "100001\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        "cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      ])
    #expect(limits.memory.bytes == 1_000_000)
    #expect(limits.processors == min(2, SystemLimits().processors))
  }

  /// In a container the path is often that of the machine, and only the group's own folder is there, as the root.
  @Test func aPathThatIsNotThere() throws {
    let files = [
      "memory/memory.limit_in_bytes": "70000\n", "memory/memory.usage_in_bytes": "10000\n",
      "cpu/cpu.cfs_quota_us": "100\n", "cpu/cpu.cfs_period_us": "100000\n",
    ]
    let limits = try limits(groups: "5:memory:/docker/0a1b\n6:cpu:/docker/0a1b\n", files)
    #expect(limits.memory.bytes == 60_000 && limits.processors == 1)
  }

  /// Files that hold something else limit nothing; use above the limit leaves nothing.
  @Test(
    arguments: [
      ("", "", machine), ("x\n", "5\n", machine), ("-1 -1 -1\n", "5\n", machine),
      ("99999999999999999999\n", "5", machine),
      ("100\n", "x", 100), ("100\n", "101\n", 0), ("0\n", "0\n", 0),
    ]) func unexpectedContents(limit: String, current: String, expected: Int) throws
  {
    let files = [
      "memory.max": limit, "memory.current": current, "memory.stat": "\u{0}\u{FF}inactive_file\n",
      "cpu.max": "\(limit) 0",
    ]
    let limits = try limits(groups: "no colons\n0::/\n:::\n0::\n", files)
    #expect(limits.memory.bytes == expected)
    #expect(limits.processors == SystemLimits().processors)
  }

  @Test func theAffinityOfTheProcess() throws {
    func processors(_ mask: String) throws -> Int {
      try limits(
        groups: "", ["../proc/self/status": "Name:\tx\nCpus_allowed:\t\(mask)\nCpus_allowed_list:\t0\n"]
      )
      .processors
    }
    #expect(try processors("00000000,00000001") == 1)
    #expect(try processors("0") == 1)
    #expect(try processors("ffffffff,ffffffff") == sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }

  @Test func theAddressSpaceOfTheProcess() throws {
    let page = sysconf(Int32(_SC_PAGESIZE))
    #expect(try limits(groups: "", addressSpace: 1500 * page).memory.bytes == 500 * page)
    #expect(try limits(groups: "", addressSpace: 10).memory.bytes == 0)
    #expect(SystemLimits.addressSpace > ByteCount(1 << 20))
  }
}
