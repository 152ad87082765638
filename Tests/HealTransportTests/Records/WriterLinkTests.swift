import CPosix
import Glibc
import HealProtocol
import Synchronization
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealTransport

@Suite struct WriterLinkTests {
    private let a = Gfid.file(0xA1, 1)

    /// A writer's address on loopback, where the kernel had three free ports in a row a moment ago.
    private func freeAddress() throws -> WriterAddress {
        for _ in 0..<200 {
            let port = UInt16.random(in: 20_000...32_000)
            if (port..<port + 3).allSatisfy(isFree) { return try WriterAddress("tcp://127.0.0.1:\(port)") }
        }
        throw TransportError(.inUse, "no three free ports in a row")
    }

    /// Not by a ZeroMQ socket, which lets go of its port only some time after its close.
    private func isFree(_ port: UInt16) -> Bool {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(number) }
        var name = sockaddr_in()
        (name.sin_family, name.sin_port) = (sa_family_t(AF_INET), port.bigEndian)
        name.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_bind(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    /// Two hosts: runtime directories that do not see each other, and keys in files, as operators have them.
    private struct Hosts {
        let writer = try! TransportScene(), healer = try! TransportScene()
        let address: WriterAddress
        var writerKey: CurveKey, healerKey: CurveKey

        init(_ address: WriterAddress) throws {
            self.address = address
            writerKey = try KeyFile.makePair(writer.scratch.appending("key"))
            healerKey = try KeyFile.makePair(healer.scratch.appending("key"))
        }
        func publisher(
            admitting keys: [CurveKey], onConfirmation: @escaping @Sendable (HealConfirmation) -> Void = { _ in }
        ) throws -> RecordPublisher {
            let path = writer.scratch.appending("healers")
            try write(keys.map { "\($0.z85)\n" }.joined(), to: path)
            var options = TransportScene.fastOptions
            options.link = try .listening(
                at: "\(address)", secretKeyFile: writer.scratch.appending("key"), healerKeysFile: path)
            return try writer.publisher(options: options, onConfirmation: onConfirmation)
        }
        func links(to keys: [CurveKey], as name: String = "key") throws -> [WriterLink] {
            let path = healer.scratch.appending("writers")
            try write("# a writer\n\(address) \(keys.map(\.z85).joined(separator: " "))\n", to: path)
            return try WriterLink.writers(in: path, secretKeyFile: healer.scratch.appending(name))
        }
    }

    private static func write(_ text: String, to path: String) throws {
        unlink(path)
        let descriptor = cposix_open(path, O_WRONLY | O_CREAT, 0o600)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
    }

    @Test func `healers on other hosts hear a writer, ask it again, and are heard; those beside it need no keys`()
        async throws
    {
        let hosts = try Hosts(try freeAddress())
        let confirmed = Mutex<Set<Int32>>([])
        let publisher = try hosts.publisher(admitting: [hosts.healerKey]) { confirmation in
            confirmed.withLock { _ = $0.insert(confirmation.generation) }
        }
        defer { publisher.close() }
        var options = RecordSubscriber.Options()
        options.remotes = try hosts.links(to: [hosts.writerKey])
        let far = Heard(), near = Heard()
        let remote = try RecordSubscriber(directory: hosts.healer.directory, options: options) { far.take($0) }
        let local = try RecordSubscriber(directory: hosts.writer.directory) { near.take($0) }
        defer { for subscriber in [remote, local] { subscriber.close() } }
        #expect(await eventually { !far.now.appeared.isEmpty && !near.now.appeared.isEmpty })
        let sequence = publisher.writeBegins(a, generation: 1, offset: 0, bytes: 1)
        publisher.writeEnded(a, generation: 1, sequence: sequence, offset: 0, bytes: 1)
        #expect(await eventually { far.ranges == [sequence] && near.ranges == [sequence] })
        #expect(await remote.replay(a, of: publisher.identity.writer)?.map(\.sequence) == [sequence])
        #expect(await local.replay(a, of: publisher.identity.writer)?.map(\.sequence) == [sequence])

        let healer = Gfid.random()
        let distant = try HealerPublisher(directory: hosts.healer.directory, healer: healer, remotes: options.remotes)
        let neighbour = try HealerPublisher(directory: hosts.writer.directory, healer: .random())
        defer { for healer in [distant, neighbour] { healer.close() } }
        #expect(
            await eventually {
                distant.confirm(hosts.healer.confirmation(a, 1))
                neighbour.confirm(hosts.writer.confirmation(a, 2))
                return confirmed.withLock { $0 == [1, 2] }
            })
        // Where it is itself, its events need no keys either.
        _ = try HealEventListener(directory: hosts.healer.directory, healer: healer)
    }

    @Test func `while keys are changed both are good at both ends, and a stranger hears nothing`() async throws {
        let hosts = try Hosts(try freeAddress())
        let stranger = try KeyFile.makePair(hosts.healer.scratch.appending("stranger"))
        let publisher = try hosts.publisher(admitting: [CurveKey.makePair().publicKey, hosts.healerKey])
        defer { publisher.close() }
        var options = RecordSubscriber.Options()
        options.remotes = try hosts.links(to: [CurveKey.makePair().publicKey, hosts.writerKey])
        #expect(options.remotes.count == 2)
        var strange = RecordSubscriber.Options()
        strange.remotes = try hosts.links(to: [hosts.writerKey], as: "stranger")
        #expect(stranger != hosts.healerKey)
        let heard = Heard(), nothing = Heard()
        let out = try RecordSubscriber(directory: hosts.healer.directory, options: strange) { nothing.take($0) }
        let guest = try RecordSubscriber(directory: hosts.healer.directory, options: options) { heard.take($0) }
        defer { for subscriber in [out, guest] { subscriber.close() } }
        #expect(await eventually { !heard.now.appeared.isEmpty })
        #expect(nothing.now.appeared.isEmpty)
    }

    @Test(arguments: Imposter.speeches.indices)
    func `a writer whose port another program held is heard and told again`(speech: Int) async throws {
        // Goal: what a connection met once does not make a healer deaf, nor dumb, for ever; and it knows that it is.
        // Method: strangers at all three ports; when they have gone, the writer comes.
        let scene = try TransportScene(), address = try freeAddress()
        let words = Imposter.speeches[speech]
        let strangers = try (0..<3).map { try #require(Imposter(port: address.port + $0, saying: words)) }
        var options = RecordSubscriber.Options()
        options.remotes = [WriterLink(address, security: .none)]
        options.silence = .milliseconds(300)
        let heard = Heard(), log = LogLines()
        let elsewhere = try TransportScene()
        let subscriber = try RecordSubscriber(directory: elsewhere.directory, options: options, log: log.log) {
            heard.take($0)
        }
        let healer = try HealerPublisher(
            directory: elsewhere.directory, healer: .random(), remotes: options.remotes, patience: options.silence)
        defer { (subscriber.close(), healer.close()) }
        #expect(subscriber.unheard == [address], "nothing was heard so far")
        #expect(
            await eventually {
                // More than once: sockets, and the question whether anybody listens at all.
                strangers[0].accepted.load(ordering: .relaxed) > 2 && strangers[2].accepted.load(ordering: .relaxed) > 0
            })
        #expect(subscriber.unheard == [address] && heard.now.appeared.isEmpty)
        #expect(await eventually { strangers.allSatisfy { $0.stop() } })

        var publishing = TransportScene.fastOptions
        publishing.link = options.remotes[0]
        let confirmed = Mutex<Set<Int32>>([])
        let identity = try scene.identity()
        let publisher = try RecordPublisher(
            identity: identity, journal: nil, directory: scene.directory, options: publishing
        ) { confirmation in confirmed.withLock { _ = $0.insert(confirmation.generation) } }
        defer { publisher.close() }
        #expect(await eventually(within: .seconds(20)) { heard.now.appeared == [identity.writer] })
        #expect(await eventually { subscriber.unheard.isEmpty })
        #expect(
            await eventually(within: .seconds(20)) {
                healer.confirm(scene.confirmation(a, 7))
                return confirmed.withLock { $0 == [7] }
            })
        #expect(await eventually { log.all.contains { $0.contains("the writer at \(address) is heard") } })
        #expect(log.all.contains { $0.contains("nothing is heard of a writer at \(address)") })
    }

    @Test(arguments: Imposter.speeches)
    func `where nobody listens no writer is missed; where one was asked in vain, it is asked anew`(
        speech: [UInt8]
    ) async throws {
        let scene = try TransportScene(), address = try freeAddress()
        var options = RecordSubscriber.Options()
        options.remotes = [WriterLink(address, security: .none)]
        (options.silence, options.replayTimeout) = (.milliseconds(300), .milliseconds(200))
        let elsewhere = try TransportScene(), heard = Heard()
        let subscriber = try RecordSubscriber(directory: elsewhere.directory, options: options) { heard.take($0) }
        defer { subscriber.close() }
        #expect(subscriber.unheard == [address])
        #expect(await eventually { subscriber.unheard.isEmpty })

        // Its records are heard, and a stranger answers for it.
        let identity = try scene.identity()
        let stream = ZMQSocket(.pub, messageBytesMax: 1 << 20)
        try stream.bind(address.records)
        let stranger = try #require(Imposter(port: address.port + 1, saying: speech))
        let beat = WriteRecord(
            volume: scene.volume, replicaSet: 0, target: 1, writer: identity.writer, boot: identity.boot, gfid: .none,
            generation: 0, sequence: 0, kind: .heartbeat(sequences: [UInt64](repeating: 0, count: 256)))
        #expect(
            await eventually {
                stream.send(beat.encoded)
                return !heard.now.appeared.isEmpty
            })
        #expect(await subscriber.replay(a, of: identity.writer) == nil)
        #expect(stranger.accepted.load(ordering: .relaxed) > 0)
        #expect(await eventually { stranger.stop() })
        stream.close()

        var publishing = TransportScene.fastOptions
        publishing.link = options.remotes[0]
        // The stream's port is free only when libzmq has let go of it.
        let publisher = try await eventuallyMade {
            try RecordPublisher(identity: identity, journal: nil, directory: scene.directory, options: publishing) {
                _ in
            }
        }
        defer { publisher.close() }
        let sequence = publisher.writeBegins(a, generation: 1, offset: 0, bytes: 1)
        publisher.writeEnded(a, generation: 1, sequence: sequence, offset: 0, bytes: 1)
        #expect(
            await eventually(within: .seconds(20)) {
                await subscriber.replay(a, of: identity.writer)?.map(\.sequence) == [sequence]
            })
    }

    private func eventuallyMade<Made>(_ make: () throws -> Made) async throws -> Made {
        var made: Made?
        _ = await eventually {
            made = try? make()
            return made != nil
        }
        return try #require(made)
    }

    @Test func `what operators get wrong is told with file and line`() throws {
        let hosts = try Hosts(try freeAddress())
        let path = hosts.healer.scratch.appending("file"), key = hosts.healer.scratch.appending("key")
        func sentence(_ text: String, _ body: () throws -> Void) throws -> String {
            try Self.write(text, to: path)
            do { try body() } catch { return "\(error)" }
            return "accepted"
        }
        let writers = { _ = try WriterLink.writers(in: path, secretKeyFile: key) }
        let good = hosts.writerKey.z85
        #expect(try sentence("\n# none\n", writers).hasPrefix("\(path) names no writer"))
        let far = "tcp://10.0.0.1:65534"
        #expect(try sentence("\(far) \(good)\n", writers).hasPrefix("\(path):1: \"\(far)\""))
        #expect(try sentence("#\ntcp://10.0.0.1:1\n", writers).contains("\(path):2: endpoint tcp://10.0.0.1:1 can be"))
        #expect(try sentence("tcp://10.0.0.1:1 x\n", writers).hasPrefix("\(path):1: not a CURVE key"))
        #expect(try sentence("tcp://10.0.0.1:1 \(good) \(good) \(good)\n", writers).contains("3 keys"))
        #expect(
            try sentence("tcp://10.0.0.1:1 \(good)\n") {
                _ = try WriterLink.writers(in: path, secretKeyFile: nil)
            }.contains("give --curve-key"))
        #expect(try sentence("tcp://127.0.0.1:1\n", writers) == "accepted")
        let secret = { _ = try KeyFile.secretKey(in: path) }
        #expect(try sentence("\(good)\n\(good) \(good)\n", secret).contains(":2: not a"))
        #expect(try sentence("\(good)\n\(good)\n", secret).contains("2 keys"))
        let listening = {
            _ = try WriterLink.listening(at: "tcp://0.0.0.0:1", secretKeyFile: key, healerKeysFile: path)
        }
        #expect(try sentence("", listening).hasPrefix("\(path): 0 public keys"))
        #expect(try sentence(good, listening) == "accepted")
        chmod(key, 0o640)
        #expect(try sentence(good, listening) == "the secret key in \(key) is open to others: chmod 600 \(key)")
        #expect(throws: TransportError.self, "nothing is overwritten") { try KeyFile.makePair(key) }
    }

    @Test func `a pair of key files belongs together, and no key begins like a comment`() throws {
        let scene = try TransportScene()
        let path = scene.scratch.appending("key")
        let shown = try KeyFile.makePair(path)
        #expect(try KeyFile.publicKeys(in: "\(path).pub") == [shown])
        #expect(try KeyFile.secretKey(in: path).publicHalf == shown)
        #expect(throws: TransportError.self) { try CurveKey(z85: "#" + String(repeating: "0", count: 39)) }
        try Self.write("#\n# a comment\n#\(shown.z85)\n\(shown.z85)\n", to: path)
        #expect(try KeyFile.publicKeys(in: path) == [shown])
    }
}
