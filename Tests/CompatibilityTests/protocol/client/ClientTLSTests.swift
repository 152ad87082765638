import Glibc
import Testing
import TranslatorCore
import TranslatorTesting

@testable import Translators

/// TLS with GlusterFS's own brick process: each side has a certificate of an authority that the other trusts.
@Suite(
    .serialized, .enabled(if: BrickProcess.isAvailable, BrickProcess.needs),
    .enabled(if: TestAuthority.isAvailable, TestAuthority.needs))
struct ClientTLSTests {
    private static let blockBytes = 128 * 1024
    private let authority: TestAuthority
    private let client: TLSSettings
    private let server: TestAuthority.Identity

    init() throws {
        authority = try TestAuthority()
        server = try authority.identity("brick")
        client = Self.settings(try authority.identity("client"), trusting: authority)
    }

    private static func settings(_ identity: TestAuthority.Identity, trusting authority: TestAuthority) -> TLSSettings {
        var settings = TLSSettings()
        (settings.certificate, settings.privateKey) = (identity.certificate, identity.key)
        settings.authorities = authority.certificate
        return settings
    }

    private func brick() throws -> BrickProcess {
        try BrickProcess(tls: .init(identity: server, authorities: authority.certificate))
    }

    private static func payload(_ bytes: [UInt8], _ pool: IobufPool) -> Payload {
        let draft = pool.draft(bytes: bytes.count)
        draft.bytes.copyBytes(from: bytes)
        return Payload(draft.freeze(count: bytes.count))
    }

    private static func random(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// Goal: the thread that hears and those that send do not meet in the session. Method: 64 writes and as many reads
    /// of 128 KiB at once, many more bytes than a socket takes.
    @Test func `64 writes and 64 reads at once come to their own places`() async throws {
        let brick = try brick()
        let client = try await BrickClient(brick) { $0.tls = self.client }
        let pool = IobufPool()
        let file = try await client.create("file"), other = try await client.create("other")
        let blocks = (0..<64).map { Self.random(Self.blockBytes - $0, seed: UInt64($0)) }
        let all = blocks.flatMap(\.self)
        #expect(try await client.write(Self.payload(all, pool), to: other, at: 0) == all.count)
        #expect(try TextFile.bytes(brick.directory + "/other") == all)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, block) in blocks.enumerated() {
                let payload = Self.payload(block, pool)
                let offset = UInt64(blocks[..<number].reduce(0) { $0 + $1.count })
                group.addTask {
                    let written = try await client.write(payload, to: file, at: offset)
                    #expect(written == block.count)
                }
                group.addTask {
                    let reply = try await client.read(block.count, of: other, at: offset)
                    #expect(reply.payload.copiedBytes() == block, "block \(number)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try TextFile.bytes(brick.directory + "/file") == all)
        #expect(client.ends == [])
    }

    @Test func `a brick that does not read fills the socket, and gets all once it does`() async throws {
        let brick = try brick()
        let client = try await BrickClient(brick) { $0.tls = self.client }
        let pool = IobufPool()
        let file = try await client.create("file")
        let block = Self.random(1 << 20, seed: 3)
        try brick.send(SIGSTOP)
        let writes = (0..<16).map { number in
            let payload = Self.payload(block, pool)
            return Task { try await client.write(payload, to: file, at: UInt64(number << 20)) }
        }
        #expect(await eventually { client.connection.callCount == 16 })
        try brick.send(SIGCONT)
        for write in writes { #expect(try await write.value == block.count) }
        #expect(try TextFile.bytes(brick.directory + "/file") == Array((0..<16).map { _ in block }.joined()))
    }

    @Test func `a graph reaches a brick by TLS, and again after the brick died`() async throws {
        let brick = try brick()
        let scene = try await ClientScene(
            brick,
            options: """
                option transport.socket.ssl-enabled on
                option transport.socket.ssl-own-cert \(client.certificate)
                option transport.socket.ssl-private-key \(client.privateKey)
                option transport.socket.ssl-ca-list \(client.authorities)
                """)
        let fd = try await scene.create("file")
        try await scene.write("one", to: fd, at: 0)
        brick.kill()
        #expect(await eventually { !scene.client.isUp })
        try brick.start()
        #expect(await eventually(within: .seconds(30)) { scene.client.isUp })
        try await scene.write("two", to: fd, at: 3)
        #expect(try await scene.read(fd) == "onetwo")
        #expect(try TextFile.read(brick.directory + "/file") == "onetwo")
        await scene.graph.stop()
    }

    private func refusal(_ brick: BrickProcess, _ settings: TLSSettings?) async throws -> String {
        // Until it listens.
        _ = try await BrickClient(brick, introduced: false) { $0.tls = self.client }
        var connection = BrickConnection.Settings(brick.address, pool: IobufPool())
        connection.tls = settings
        do {
            let made = try await BrickConnection.connect(connection) { _ in }
            defer { made.close() }
            _ = try await made.introduce(BrickClient.introduction(brick))
            Issue.record("it was let in")
            return ""
        } catch { return "\(error)" }
    }

    @Test func `a brick whose certificate another authority signed is refused, and so is our own there`() async throws {
        let brick = try brick()
        let stranger = try TestAuthority()
        var settings = client
        settings.authorities = stranger.certificate
        let refusal = try await refusal(brick, settings)
        #expect(
            refusal.hasPrefix("cannot connect to \(brick.address): TLS: the other side's certificate is not trusted: "),
            "\(refusal)")
        #expect(
            refusal.hasSuffix(
                "; transport.socket.ssl-ca-list, \(stranger.certificate), must have the authority that signed it"),
            "\(refusal)")
        settings = Self.settings(try stranger.identity("client"), trusting: authority)
        let answer = try await self.refusal(brick, settings)
        #expect(answer.contains("that it trusts who signed"), "\(answer)")
    }

    @Test func `who does not speak TLS is told so, on either side`() async throws {
        let brick = try brick()
        let plain = try await refusal(brick, nil)
        #expect(plain.contains("transport.socket.ssl-enabled"), "\(plain)")
        let plainBrick = try BrickProcess()
        _ = try await BrickClient(plainBrick)
        var settings = BrickConnection.Settings(plainBrick.address, pool: IobufPool())
        (settings.tls, settings.connectTimeout) = (client, .seconds(2))
        let error = await #expect(throws: BrickUnreachable.self) {
            _ = try await BrickConnection.connect(settings) { _ in }
        }
        #expect("\(try #require(error))".contains("TLS"), "\(error!)")
    }

    @Test func `a file that is not there is named with its option`() async throws {
        var settings = client
        settings.privateKey = "/nowhere/glusterfs.key"
        let error = #expect(throws: TLSProblem.self) { _ = try settings.makeSession() }
        let sentence = "\(try #require(error))"
        #expect(sentence.hasPrefix("TLS: /nowhere/glusterfs.key cannot be used: "), "\(sentence)")
        #expect(sentence.hasSuffix("; check option transport.socket.ssl-private-key"))
    }
}
