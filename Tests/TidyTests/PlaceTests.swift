import Testing
import TranslatorCore
import Translators

/// STYLE §1: a stranger knows where everything lives.
@Suite struct PlaceTests {
    /// Test targets whose subject is called otherwise, and those whose subject is the whole system.
    private static let subjects = [
        "MountTests": "Sources/Translators/mount/fuse", "HealctlTests": "Sources/healctl",
        "HealerTests": "Sources/healer",
    ]
    private static let whole: Set<String> = ["HealSimulationTests", "TidyTests", "CompatibilityTests"]
    /// Folders that stand beside subjects: a suite over all of them, captured bytes, and what tests share.
    private static let besides: Set<String> = ["Conformance", "Golden", "Vectors", "Scenes"]

    @Test func `the folder of a translator is its volfile type`() {
        let bad = Repository.sources.filter { $0.path.hasPrefix("Sources/Translators/") }.flatMap { file in
            file.places { line in
                guard line.contains("static let type: TranslatorType = \"") else { return false }
                let type = line.split(separator: "\"")[1]
                return file.folder != "Sources/Translators/\(type)"
            }
        }
        #expect(bad == [])
    }

    @Test func `a test stands at its subject's path`() {
        let bad = Repository.tests.filter { $0.name.hasSuffix("Tests.swift") }.filter { file in
            let parts = file.path.split(separator: "/").map(String.init)
            guard parts[1].hasSuffix("Tests"), !Self.whole.contains(parts[1]) else { return false }
            let subject = Self.subjects[parts[1]] ?? "Sources/\(parts[1].dropLast(5))"
            let inner = parts.dropFirst(2).dropLast()
            if let first = inner.first, Self.besides.contains(first) { return false }
            return !Repository.isFolder(([subject] + inner).joined(separator: "/"))
        }
        #expect(bad.map(\.path) == [])
    }

    @Test func `every volfile parses, and those without a network build a graph`() throws {
        for file in Repository.volfiles {
            let volfile = try Volfile(file.text, file: file.path)
            #expect(volfile.unused.isEmpty, "\(file.path)")
            guard !volfile.volumes.contains(where: { $0.type == "protocol/client" }) else { continue }
            _ = try Graph(volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
        }
    }

    @Test func `the ready volfiles write through a bypass above a replicate whose indices watch its keys`() throws {
        for count in [2, 3] {
            let file = try #require(Repository.volfiles.first { $0.name == "replica\(count).vol" })
            let graph = try Graph(
                Volfile(file.text, file: file.path), registry: InTreeTranslators.registry,
                environment: GraphEnvironment(log: .silent))
            let set = try #require(graph["vol-replicate-0"] as? any ReplicaSet)
            #expect(set.pendingKeys == (0..<count).map { "trusted.afr.vol-client-\($0)" })
            for position in 0..<count {
                let watched = graph["vol-client-\(position)"]?.volume.options.list("xattrop-pending-watchlist")
                #expect(watched == set.pendingKeys)
                #expect(set.replicas[position].localBrick?.brickDirectory == "/srv/bypass/brick-\(position)")
            }
            #expect(graph["vol-bypass"]?.volume.options.text("target") == "vol-client-0")
        }
    }
}
