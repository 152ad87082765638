import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// Volumes of a genuine glusterd.
@Suite(.serialized, .enabled(if: GlusterdCluster.isAvailable, GlusterdCluster.needs))
struct GlusterdVolumeTests {
    @Test func `the volfiles it writes load, whatever options are set`() async throws {
        let glusterd = try await GlusterdCluster()
        try glusterd.makeVolume("v")
        func load(_ file: String, top: String) throws {
            let text = try glusterd.volfile(file, of: "v")
            let lines = LogLines()
            // As if a person had written it: an unknown option is an error then.
            let graph = try Graph(
                Volfile(text, file: file, top: top), registry: InTreeTranslators.registry,
                environment: GraphEnvironment(log: lines.log))
            #expect(graph.translators.count { $0 is ClientTranslator } == 2)
            #expect(!lines.all.contains { $0.contains("not known") }, "\(lines.all)")
        }
        for (file, top) in [("v.tcp-fuse.vol", "v-replicate-0"), ("trusted-v.tcp-fuse.vol", "v-replicate-0")] {
            try load(file, top: top)
        }
        try glusterd.gluster(
            "volume", "set", "v", "network.ping-timeout", "11", "network.frame-timeout", "600", "network.remote-dio",
            "enable", "network.tcp-window-size", "256KB", "client.event-threads", "4", "client.tcp-user-timeout", "15",
            "client.keepalive-time", "7", "client.keepalive-interval", "3", "client.keepalive-count", "5",
            "client.strict-locks", "on", "client.send-gids", "off", "client.bind-insecure", "on",
            "cluster.quorum-type", "fixed", "cluster.quorum-count", "1", "cluster.choose-local", "off",
            "cluster.eager-lock", "off", "cluster.data-self-heal", "on", "cluster.read-hash-mode", "2",
            "cluster.favorite-child-policy", "mtime", "cluster.halo-enabled", "on", "cluster.locking-scheme",
            "granular", "diagnostics.client-log-level", "DEBUG", "diagnostics.latency-measurement", "on",
            "diagnostics.count-fop-hits", "on", "ssl.certificate-depth", "2", "ssl.cipher-list", "HIGH")
        for (file, top) in [("v.tcp-fuse.vol", "v-replicate-0"), ("v-shd.vol", "v")] { try load(file, top: top) }
    }

    /// The replicas of a volfile that it wrote, changed by `adjust`, started.
    private func graph(
        _ glusterd: GlusterdCluster, _ file: String, log: Log = .silent, _ adjust: (String) -> String = { $0 }
    ) async throws -> Graph {
        let text = adjust(try glusterd.volfile(file, of: "v"))
        let graph = try Graph(
            Volfile(text, file: file, top: "v-replicate-0", writer: .glusterd), registry: InTreeTranslators.registry,
            environment: GraphEnvironment(log: log))
        try await graph.start()
        return graph
    }

    private func clients(_ graph: Graph) -> [ClientTranslator] {
        graph.translators.compactMap { $0 as? ClientTranslator }
    }

    private func address(_ client: ClientTranslator) -> BrickAddress? {
        client.state.withLock { $0.session?.brick.settings.address }
    }

    @Test func `bricks are found by the ports that glusterd tells, and at another one after they died`() async throws {
        let glusterd = try await GlusterdCluster()
        let bricks = try glusterd.makeVolume("v")
        let graph = try await graph(glusterd, "v.tcp-fuse.vol")
        let clients = clients(graph)
        #expect(await eventually(within: .seconds(30)) { clients.allSatisfy(\.isUp) })
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let frame = Frame(caller: .root, time: SystemTimeSource().wallClock())
        let fd = Fd(inode: graph.environment.inodes.inode(.random(), type: .regular), flags: .readWrite)
        _ = try await graph.top.create(
            CreateRequest(entry: NewEntry(parent: root, name: "file", inode: fd.inode), fd: fd, mode: 0o644), in: frame)
        func write(_ text: String, at offset: UInt64) async throws {
            let draft = graph.environment.pool.draft(bytes: text.utf8.count)
            draft.bytes.copyBytes(from: Array(text.utf8))
            let payload = Payload(draft.freeze(count: text.utf8.count))
            _ = try await graph.top.writev(WriteRequest(fd: fd, offset: offset, payload: payload), in: frame)
        }
        try await write("one", at: 0)
        for brick in bricks { #expect(try TextFile.read(brick + "/file") == "one") }

        let before = try #require(address(clients[1]))
        try glusterd.killBrick(bricks[1], of: "v")
        #expect(await eventually { !clients[1].isUp })
        try await write("two", at: 3)
        try glusterd.gluster("volume", "start", "v", "force")
        #expect(await eventually(within: .seconds(30)) { clients[1].isUp })
        #expect(try #require(address(clients[1])) != before)
        try await write("three", at: 6)
        #expect(try TextFile.read(bricks[0] + "/file") == "onetwothree")
        // It missed the second, as is marked, and has the third in its place.
        #expect(try TextFile.bytes(bricks[1] + "/file") == Array("one\0\0\0three".utf8))
        await graph.top.release(fd)
        await graph.stop()
    }

    @Test(.enabled(if: TestAuthority.isAvailable, TestAuthority.needs))
    func `a volume with TLS on is reached by the certificates that its options name`() async throws {
        let authority = try TestAuthority()
        let identity = try authority.identity("everybody")
        let glusterd = try await GlusterdCluster()
        let bricks = try glusterd.makeVolume(
            "v",
            options: [
                ("ssl.own-cert", identity.certificate), ("ssl.private-key", identity.key),
                ("ssl.ca-list", authority.certificate), ("client.ssl", "on"), ("server.ssl", "on"),
            ])
        let lines = LogLines()
        let graph = try await graph(glusterd, "v.tcp-fuse.vol", log: lines.log)
        let clients = clients(graph)
        #expect(await eventually(within: .seconds(20)) { clients.allSatisfy(\.isUp) }, "\(lines.all)")
        #expect(clients.allSatisfy { $0.settings.tls != nil })
        let root = graph.environment.inodes.inode(.root, type: .directory)
        let folder = graph.environment.inodes.inode(.random(), type: .directory)
        let entry = NewEntry(parent: root, name: "d", inode: folder)
        _ = try await graph.top.mkdir(MkdirRequest(entry: entry, mode: 0o755), in: Frame(caller: .root))
        for brick in bricks { #expect(XattrReading.gfid(at: brick + "/d") == folder.gfid) }
        await graph.stop()
    }

    @Test func `a brick lets in by name and password whom it would not by address`() async throws {
        let glusterd = try await GlusterdCluster()
        try glusterd.makeVolume("v", options: [("auth.allow", "192.0.2.1")])
        let trusted = try await graph(glusterd, "trusted-v.tcp-fuse.vol")
        #expect(await eventually(within: .seconds(30)) { clients(trusted).allSatisfy(\.isUp) })
        await trusted.stop()
        for (file, wrong) in [("v.tcp-fuse.vol", nil), ("trusted-v.tcp-fuse.vol", "option password nobody's")] {
            let lines = LogLines()
            let graph = try await graph(glusterd, file, log: lines.log) { text in
                guard let wrong else { return text }
                return text.replacing(/option password .*/, with: wrong)
            }
            #expect(await eventually { lines.all.contains { $0.contains("Authentication failed") } }, "\(lines.all)")
            #expect(clients(graph).allSatisfy { !$0.isUp })
            await graph.stop()
        }
    }
}
