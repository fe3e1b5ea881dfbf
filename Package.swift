// swift-tools-version: 6.2

import PackageDescription

/// The library and the modules that it exports again. A target sees the types of all of them, so it has to depend on each:
/// a target that names FireTree alone is not built again when only the others change.
let library: [Target.Dependency] = [
  "FireTree", "FireTreeCore", "CorrelationTrees", "FireTreeTraining", "FireTreeData",
]

// What `make` says of the sources. SwiftPM's own `Context.gitInformation` is kept from the first build.
let commit = Context.environment["FIRETREE_COMMIT"] ?? "unknown"

let package = Package(
  name: "firetree",
  products: [
    .library(name: "FireTree", targets: ["FireTree"]),
    .executable(name: "firetree", targets: ["FireTreeCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
  ],
  targets: [
    // System libraries.
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLibCSV", providers: [.apt(["libcsv-dev"])]),

    // Inner loops in C.
    .target(name: "CKernels"),

    // The library, from the ground up. `ImportRuleTests` holds who may import whom.
    .target(
      name: "FireTreeCore",
      dependencies: ["COpenBLAS", "CKernels", .product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "CorrelationTrees",
      dependencies: ["FireTreeCore", .product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "FireTreeTraining",
      dependencies: [
        "FireTreeCore", "CorrelationTrees", .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(name: "FireTreeData", dependencies: ["FireTreeCore", "CZlib", "CLibCSV"]),
    .target(
      name: "FireTree",
      dependencies: ["FireTreeCore", "CorrelationTrees", "FireTreeTraining", "FireTreeData"]),

    // The papers' claims, measured: not part of the library product.
    .target(
      name: "FireTreeStudy",
      dependencies: library + [.product(name: "RealModule", package: "swift-numerics")]),

    .target(
      name: "TestSupport", dependencies: ["FireTreeCore", "CorrelationTrees", "FireTreeTraining"],
      path: "Tests/TestSupport"),
    .testTarget(name: "FireTreeCoreTests", dependencies: ["FireTreeCore", "TestSupport"]),
    .testTarget(
      name: "CorrelationTreesTests", dependencies: ["CorrelationTrees", "FireTreeCore", "TestSupport"]),
    .testTarget(
      name: "FireTreeTrainingTests",
      dependencies: ["FireTreeTraining", "CorrelationTrees", "FireTreeCore", "TestSupport"],
      exclude: ["Golden"]),

    // The command.
    .target(name: "CProcess", cSettings: [.define("FIRETREE_COMMIT", to: "\"\(commit)\"")]),
    .executableTarget(
      name: "FireTreeCLI",
      dependencies: library + [
        "FireTreeStudy", "CProcess", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // Examples.
    .executableTarget(name: "TenLines", dependencies: library, path: "Examples/TenLines"),

    // Tests.
    .testTarget(
      name: "DocumentationTests",
      dependencies: library + ["FireTreeStudy", "FireTreeCLI", "TenLines", "TestSupport"]),
    .testTarget(
      name: "FireTreeDataTests", dependencies: ["FireTreeData", "FireTreeCore", "CZlib", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(name: "FireTreeTests", dependencies: library + ["TestSupport"]),
    .testTarget(name: "FireTreeStudyTests", dependencies: library + ["FireTreeStudy", "TestSupport"]),
    .testTarget(
      name: "FireTreeCLITests", dependencies: library + ["FireTreeCLI", "CZlib", "TestSupport"],
      exclude: ["Snapshots", "Cases"]),
  ],
  swiftLanguageModes: [.v6]
)
