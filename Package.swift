// swift-tools-version: 6.3
// The architecture: targets in layer order. Arrows point down only (STYLE §2); the build checks the imports.
import PackageDescription

let swift: [SwiftSetting] = [
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    // The toolchain's Glibc module must see the same declarations as CPosix, or clang finds fd_set defined twice.
    .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
]
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let orderedCollections: Target.Dependency = .product(name: "OrderedCollections", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")

let package = Package(
    name: "bypass",
    products: [
        .executable(name: "volmount", targets: ["volmount"]),
        .executable(name: "healer", targets: ["healer"]),
        .executable(name: "healctl", targets: ["healctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // C edges: headers and shims, no decisions.
        .target(name: "CPosix"),
        .target(name: "CFuse"),
        .target(
            name: "CChecksums",
            linkerSettings: [.linkedLibrary("xxhash"), .linkedLibrary("z"), .linkedLibrary("crypto")]),
        // OpenSSL 3's TLS.
        .target(
            name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CAllocationCount"),
        .target(name: "CLastWords"),
        .target(name: "CPayloadPath"),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),

        // What every translator stands on. Knows no translator, no heal, no socket; imports no third-party package.
        .target(name: "TranslatorCore", dependencies: ["CPosix"], swiftSettings: swift),

        // Pure: bytes or counts in, values out.
        .target(name: "Checksums", dependencies: ["CChecksums", "TranslatorCore"], swiftSettings: swift),
        .target(name: "ReplicaState", dependencies: ["TranslatorCore"], swiftSettings: swift),
        .target(name: "RangeMapping", dependencies: ["TranslatorCore"], swiftSettings: swift),
        .target(name: "WireProtocol", dependencies: ["TranslatorCore"], swiftSettings: swift),
        .target(name: "FuseProtocol", dependencies: ["CFuse", "TranslatorCore"], swiftSettings: swift),
        .target(name: "HealProtocol", dependencies: ["Checksums", "TranslatorCore"], swiftSettings: swift),

        // The folder is the volfile type; never one another.
        .target(
            name: "Translators",
            dependencies: [
                "TranslatorCore", "Checksums", "ReplicaState", "RangeMapping", "WireProtocol", "CPosix", "COpenSSL",
                orderedCollections, heap, deque,
            ],
            exclude: ["mount"], swiftSettings: swift),

        // The only one that opens /dev/fuse; the only ones that open ZeroMQ sockets; the engine knows neither.
        .target(
            name: "FuseMount", dependencies: ["TranslatorCore", "FuseProtocol", "CFuse", "CPosix"],
            path: "Sources/Translators/mount/fuse", swiftSettings: swift),
        .target(
            name: "HealTransport", dependencies: ["TranslatorCore", "HealProtocol", "CZeroMQ", "CPosix"],
            swiftSettings: swift),
        .target(
            name: "HealEngine",
            dependencies: ["TranslatorCore", "ReplicaState", "RangeMapping", "HealProtocol", orderedCollections],
            swiftSettings: swift),

        // A volume of a real cluster: what glusterd says of it, and what of that we serve.
        .target(
            name: "GlusterVolume", dependencies: ["TranslatorCore", "Translators", "CPosix"], swiftSettings: swift),

        // Fakes for the true edges only: disk, network, kernel, clock.
        .target(
            name: "TranslatorTesting",
            dependencies: [
                "TranslatorCore", "ReplicaState", "Translators", "CPosix", "CAllocationCount", "CPayloadPath",
            ],
            swiftSettings: swift),

        // What volmount and healer have as processes: a log file, a refusal in one sentence.
        .target(
            name: "DaemonProcess", dependencies: ["TranslatorCore", "CPosix", "CLastWords", argumentParser, logging],
            swiftSettings: swift),

        // Parse, compose, run: the only place where two sides meet.
        .executableTarget(
            name: "volmount",
            dependencies: [
                "TranslatorCore", "Translators", "GlusterVolume", "ReplicaState", "FuseMount", "HealProtocol",
                "HealTransport", "DaemonProcess", "CLastWords", argumentParser, logging, lifecycle, unixSignals,
            ], swiftSettings: swift),
        .executableTarget(
            name: "healer",
            dependencies: [
                "TranslatorCore", "Translators", "GlusterVolume", "HealEngine", "HealProtocol", "HealTransport",
                "DaemonProcess", "CLastWords", argumentParser, logging, lifecycle, unixSignals,
            ], swiftSettings: swift),
        .executableTarget(
            name: "healctl",
            dependencies: ["TranslatorCore", "HealProtocol", "HealTransport", "CPosix", argumentParser],
            swiftSettings: swift),

        // A test lives at its subject's path.
        .testTarget(
            name: "TranslatorCoreTests",
            dependencies: ["TranslatorCore", "TranslatorTesting", "CPosix"],
            swiftSettings: swift),
        .testTarget(
            name: "TranslatorTestingTests",
            dependencies: ["TranslatorTesting", "TranslatorCore", "ReplicaState", "CPosix"],
            swiftSettings: swift),
        .testTarget(
            name: "ReplicaStateTests", dependencies: ["ReplicaState", "TranslatorCore"],
            resources: [.copy("Vectors")], swiftSettings: swift),
        .testTarget(
            name: "RangeMappingTests",
            dependencies: ["RangeMapping", "TranslatorCore", "CPosix"],
            swiftSettings: swift),
        .testTarget(
            name: "WireProtocolTests", dependencies: ["WireProtocol", "TranslatorCore"],
            resources: [.copy("Golden")], swiftSettings: swift),
        .testTarget(
            name: "FuseProtocolTests",
            dependencies: ["FuseProtocol", "TranslatorCore", "CFuse"],
            swiftSettings: swift),
        .testTarget(
            name: "HealProtocolTests",
            dependencies: ["HealProtocol", "TranslatorCore", "Checksums"],
            swiftSettings: swift),
        // A process that takes locks as a test tells it; spawned several times over.
        .executableTarget(
            name: "LockExerciser", dependencies: ["Translators", "TranslatorCore", "CPosix"],
            path: "Tests/LockExerciser", swiftSettings: swift),
        .testTarget(
            name: "TranslatorsTests",
            dependencies: [
                "LockExerciser", "Translators", "TranslatorCore", "TranslatorTesting", "ReplicaState", "RangeMapping",
                "WireProtocol", "Checksums", "CPosix",
            ],
            resources: [.copy("Vectors")], swiftSettings: swift),
        .testTarget(
            name: "GlusterVolumeTests",
            dependencies: ["GlusterVolume", "Translators", "TranslatorCore", "TranslatorTesting", "CPosix"],
            resources: [.copy("Volfiles")], swiftSettings: swift),
        .testTarget(
            name: "HealTransportTests",
            dependencies: [
                "HealTransport", "HealProtocol", "TranslatorCore", "TranslatorTesting", "CPosix", "CZeroMQ",
                "TransportProbe",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "HealctlTests",
            dependencies: [
                "healctl", "HealTransport", "HealProtocol", "TranslatorCore", "TranslatorTesting", "CPosix",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "HealerTests",
            dependencies: [
                "healer", "HealEngine", "HealTransport", "HealProtocol", "DaemonProcess", "ReplicaState",
                "TranslatorCore", "TranslatorTesting", "CPosix",
            ],
            swiftSettings: swift),
        // A process of its own for tests that kill -9 a writer.
        .executableTarget(
            name: "TransportProbe", dependencies: ["HealTransport", "HealProtocol", "TranslatorCore", "CPosix"],
            path: "Tests/TransportProbe", swiftSettings: swift),
        .testTarget(
            name: "HealEngineTests",
            dependencies: [
                "HealEngine", "HealProtocol", "ReplicaState", "RangeMapping", "Translators", "TranslatorCore",
                "TranslatorTesting", "CPosix",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "HealSimulationTests",
            dependencies: [
                "HealEngine", "HealProtocol", "ReplicaState", "Translators", "TranslatorCore", "TranslatorTesting",
            ],
            swiftSettings: swift),
        .testTarget(
            name: "MountTests",
            dependencies: [
                "volmount", "FuseMount", "FuseProtocol", "HealTransport", "ReplicaState", "Translators",
                "TranslatorCore",
                "TranslatorTesting", "CPosix", "DaemonProcess",
            ],
            swiftSettings: swift),
        // Against GlusterFS's own brick process.
        .testTarget(
            name: "CompatibilityTests",
            dependencies: [
                "GlusterVolume", "HealEngine", "HealProtocol", "Translators", "ReplicaState", "WireProtocol",
                "TranslatorCore", "TranslatorTesting", "CPosix",
            ],
            swiftSettings: swift),
        // Nanoseconds of the small steps; not a product. `Benchmarks/run micro` builds and runs it.
        .executableTarget(
            name: "MicroBenchmark",
            dependencies: ["TranslatorCore", "TranslatorTesting", "HealProtocol", "HealTransport", "CPosix"],
            path: "Benchmarks/Micro", swiftSettings: swift),
        .testTarget(
            name: "TidyTests", dependencies: ["TranslatorCore", "Translators", "CPosix"], swiftSettings: swift),
    ]
)
