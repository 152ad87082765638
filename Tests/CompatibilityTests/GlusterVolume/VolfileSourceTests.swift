import GlusterVolume
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Volfiles from GlusterFS's own glusterd.
@Suite(.serialized, .enabled(if: GlusterdCluster.isAvailable, GlusterdCluster.needs))
struct VolfileSourceTests {
    /// Nobody listens there: the glusterd of these tests has one address alone.
    private static let deadHosts = ["127.1.1.8", "127.1.1.9"]

    private func volume(_ name: String, at hosts: [String]) throws -> ClusterVolume {
        try ClusterVolume("\(hosts.joined(separator: ",")):/\(name)")
    }

    private func source(_ volume: ClusterVolume, log: Log = .silent) -> VolfileSource {
        VolfileSource(volume, environment: GraphEnvironment(log: log))
    }

    @Test func `a graph is built of what glusterd hands out, from the first server that answers`() async throws {
        let glusterd = try await GlusterdCluster()
        try glusterd.makeVolume("v")
        for hosts in [[glusterd.host], Self.deadHosts + [glusterd.host]] {
            let source = source(try volume("v", at: hosts))
            defer { source.close() }
            let served = try ServedVolfile(try Volfile(try await source.fetch(), file: "v", writer: .glusterd))
            let graph = try Graph(
                served.volfile, registry: InTreeTranslators.registry, environment: GraphEnvironment(log: .silent))
            #expect(graph.top.name == "v")
            #expect(graph.translators.count { $0 is ClientTranslator } == 2)
        }
    }

    @Test func `a volume that there is not, and servers that are not, are told apart`() async throws {
        let glusterd = try await GlusterdCluster()
        let unknown = try volume("none", at: [glusterd.host])
        await #expect(throws: VolfileProblem.unknown(unknown, unknown.servers[0])) {
            let source = source(unknown)
            defer { source.close() }
            _ = try await source.fetch()
        }
        let dead = try volume("v", at: Self.deadHosts)
        let sentence =
            "127.1.1.8,127.1.1.9:/v: no glusterd answers (\(dead.servers[0]): Connection refused (errno 111); \(dead.servers[1]): Connection refused (errno 111)); start one, or name another host"
        await #expect {
            let source = source(dead)
            defer { source.close() }
            _ = try await source.fetch()
        } throws: {
            "\($0)" == sentence
        }
    }

    @Test func `a changed volfile is followed, also after glusterd was killed and came again`() async throws {
        let glusterd = try await GlusterdCluster()
        try glusterd.makeVolume("v")
        let lines = LogLines()
        let source = source(try volume("v", at: [glusterd.host]), log: lines.log)
        let first = try await source.fetch()
        let seen = Mutex<[String]>([])
        let following = Task { await source.follow(first) { text in seen.withLock { $0.append(text) } } }
        try glusterd.gluster("volume", "set", "v", "network.ping-timeout", "21")
        #expect(await eventually { seen.withLock { $0.last?.contains("ping-timeout 21") == true } })

        try glusterd.killGlusterd()
        #expect(await eventually { lines.all.contains { $0.contains("no glusterd answers") } })
        try await glusterd.startGlusterd()
        #expect(await eventually(within: .seconds(60)) { lines.all.contains { $0.contains("glusterd answers again") } })
        try glusterd.gluster("volume", "set", "v", "network.ping-timeout", "22")
        #expect(await eventually { seen.withLock { $0.last?.contains("ping-timeout 22") == true } })
        #expect(lines.all.count { $0.contains("no glusterd answers") } == 1, "each loss is told once")

        source.close()
        await following.value
    }

    @Test func `what changes in another volume is no change of this one`() async throws {
        let glusterd = try await GlusterdCluster()
        try glusterd.makeVolume("v")
        let source = source(try volume("v", at: [glusterd.host]))
        defer { source.close() }
        let first = try await source.fetch()
        let count = Mutex(0)
        let following = Task { await source.follow(first) { _ in count.withLock { $0 += 1 } } }
        // Another volume's change reaches every client; then one of ours, so that the first is known to have passed.
        try glusterd.makeVolume("other")
        try glusterd.gluster("volume", "set", "other", "network.ping-timeout", "23")
        try glusterd.gluster("volume", "set", "v", "network.ping-timeout", "24")
        #expect(await eventually { count.withLock { $0 } > 0 })
        #expect(count.withLock { $0 } == 1)
        following.cancel()
    }
}
