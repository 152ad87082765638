import CPosix
import Glibc
import HealProtocol
import Testing
import TranslatorCore
import TranslatorTesting

@testable import HealTransport

@Suite struct EndpointTests {
    @Test func `endpoints read back, and what is none is refused with a sentence`() throws {
        #expect(try Endpoint("ipc:///run/x.records") == .ipc(path: "/run/x.records"))
        #expect(try Endpoint("tcp://host:5000") == .tcp(host: "host", port: 5000))
        #expect(try Endpoint("tcp://[::1]:80").description == "tcp://[::1]:80")
        for wrong in ["", "tcp://host", "tcp://:80", "tcp://host:99999", "udp://x:1", "ipc://relative"] {
            #expect(throws: TransportError.self) { try Endpoint(wrong) }
        }
    }

    @Test func `a path too long for a socket is told before anything starts`() {
        do {
            _ = try RuntimeDirectory(volume: .random(), base: "/run/" + String(repeating: "x", count: 60))
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("the kernel allows 107"))
            #expect(error.reason == .badEndpoint)
        }
    }

    @Test func `a live endpoint is in use, a stale one is replaced, and a file in the way is left alone`() throws {
        let scene = try TransportScene()
        let id = Gfid.random(), endpoint = try scene.directory.endpoint(id, .control)
        guard case .ipc(let path) = endpoint else { return }
        let first = ZMQSocket(.router, messageBytesMax: 100)
        try first.bind(endpoint)
        do {
            try ZMQSocket(.router, messageBytesMax: 100).bind(endpoint)
            Issue.record("accepted")
        } catch {
            #expect(error.reason == .inUse)
            #expect(error.description.contains(path))
        }
        first.close()
        #expect(access(path, F_OK) != 0)

        // What kill -9 leaves: a socket file that nobody listens on.
        let stale = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                cposix_bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(stale)
        #expect(Endpoint.probe(path) == .stale)
        scene.directory.removeStaleSockets()
        #expect(access(path, F_OK) == 0, "a young one may be about to listen")
        let second = ZMQSocket(.router, messageBytesMax: 100)
        try second.bind(endpoint)
        second.close()

        close(open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: TransportError.self) { try ZMQSocket(.router, messageBytesMax: 100).bind(endpoint) }
        #expect(access(path, F_OK) == 0)
    }

    @Test func `a socket that other hosts could reach needs keys`() throws {
        let socket = ZMQSocket(.pub, messageBytesMax: 100)
        for open in ["tcp://0.0.0.0:1", "tcp://*:1", "tcp://10.0.0.1:1", "tcp://127.example.org:1"] {
            do {
                try socket.bind(try Endpoint(open))
                Issue.record("accepted \(open)")
            } catch { #expect(error.reason == .notAllowed) }
        }
        #expect(try Endpoint("tcp://127.0.0.1:1").isLocal)
        #expect(try Endpoint("tcp://[::1]:1").isLocal)
    }

    @Test func `only guests with an admitted key are let in, two keys at once, and a dismissed one not again`()
        async throws
    {
        let server = CurveKey.makePair(), old = CurveKey.makePair(), new = CurveKey.makePair(),
            stranger = CurveKey.makePair()
        let guests = try CurveGuests([old.publicKey, new.publicKey])
        let stream = ZMQSocket(.pub, messageBytesMax: 100)
        let port = UInt16.random(in: 20_000...60_000)
        let endpoint = Endpoint.tcp(host: "127.0.0.1", port: port)
        try stream.bind(endpoint, security: .server(secretKey: server.secretKey, guests: guests))
        func listener(_ keys: (publicKey: CurveKey, secretKey: CurveKey)) throws -> ZMQSocket {
            let socket = ZMQSocket(.sub, messageBytesMax: 100)
            socket.subscribe([])
            try socket.connect(
                endpoint,
                security: .client(serverKey: server.publicKey, publicKey: keys.publicKey, secretKey: keys.secretKey))
            return socket
        }
        let first = try listener(old), second = try listener(new), third = try listener(stranger)
        var got: Set<Int> = []
        let bothHear = await eventually {
            stream.send([1])
            for (position, socket) in [first, second, third].enumerated() where socket.receive({ _ in }) != nil {
                got.insert(position)
            }
            return got.isSuperset(of: [0, 1])
        }
        #expect(bothHear)
        #expect(!got.contains(2))
        try guests.admit([new.publicKey])
        let again = try listener(old), fresh = try listener(new)
        var late: Set<Int> = []
        let freshHears = await eventually {
            stream.send([1])
            for (position, socket) in [again, fresh].enumerated() where socket.receive({ _ in }) != nil {
                late.insert(position)
            }
            return late.contains(1)
        }
        #expect(freshHears)
        #expect(!late.contains(0))
        #expect(throws: TransportError.self) { try guests.admit([old.publicKey, new.publicKey, stranger.publicKey]) }
        #expect(throws: TransportError.self) { try CurveKey(z85: "short") }
        #expect(try CurveKey(z85: old.publicKey.z85) == old.publicKey)
    }
}
