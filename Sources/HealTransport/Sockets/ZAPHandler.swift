import Synchronization
import TranslatorCore

/// Whose public keys a CURVE server admits. Keys are rotated by admitting the new one, changing the clients, and
/// dismissing the old one; connections that stand are not cut.
public final class CurveGuests: Sendable {
    /// Old and new: more than two at once would be a forgotten rotation.
    public static let keysMax = 2

    /// What ZAP calls it; unique in the process.
    let domain = "guests-\(UniqueNumber.next())"
    private let keys = Mutex<Set<CurveKey>>([])

    public init(_ keys: [CurveKey]) throws(TransportError) {
        try admit(keys)
        ZAPHandler.register(self)
    }
    deinit { ZAPHandler.forget(domain) }

    /// Replaces the keys that are admitted: one, or two while they are rotated.
    public func admit(_ keys: [CurveKey]) throws(TransportError) {
        guard (1...Self.keysMax).contains(Set(keys).count) else {
            throw TransportError(
                .notAllowed,
                "\(Set(keys).count) public keys were given: one is needed, and two are valid at once for rotation")
        }
        self.keys.withLock { $0 = Set(keys) }
    }
    func admits(_ key: [UInt8]) -> Bool { keys.withLock { $0.contains { $0.bytes == key } } }
}

/// Answers libzmq's question who may connect (ZeroMQ RFC 27). One for the process's context.
enum ZAPHandler {
    private struct WeakGuests: Sendable {
        weak let guests: CurveGuests?
    }
    private static let domains = Mutex<[String: WeakGuests]>([:])

    static func register(_ guests: CurveGuests) { domains.withLock { $0[guests.domain] = WeakGuests(guests: guests) } }
    static func forget(_ domain: String) { domains.withLock { $0[domain] = nil } }

    private static let isStarted: Bool = {
        let socket = ZMQSocket(.rep, messageBytesMax: 65_536)
        guard socket.bindInProcess("inproc://zeromq.zap.01") else { fatalError("a second ZAP handler in this process") }
        WorkerThread.start(name: "zap") {
            while true {
                ZMQPoll.wait(sockets: [socket], timeout: nil)
                while let request = socket.receiveFrames(framesMax: 16) { answer(request, on: socket) }
            }
        }
        return true
    }()

    /// Before the first CURVE server listens.
    static func start() { _ = isStarted }

    /// Request: version, request id, domain, address, identity, mechanism, credentials. Reply: version, request id,
    /// status code, status text, user id, metadata.
    private static func answer(_ request: [[UInt8]], on socket: ZMQSocket) {
        let id = request.count > 1 ? request[1] : []
        let isAdmitted =
            request.count == 7 && request[5] == Array("CURVE".utf8) && admits(request[6], domain: request[2])
        let reply: [[UInt8]] = [
            Array("1.0".utf8), id, Array((isAdmitted ? "200" : "400").utf8),
            Array((isAdmitted ? "OK" : "this public key is not admitted").utf8), [], [],
        ]
        for (position, frame) in reply.enumerated() { socket.send(frame, more: position < reply.count - 1) }
    }

    private static func admits(_ key: [UInt8], domain: [UInt8]) -> Bool {
        domains.withLock { $0[String(decoding: domain, as: UTF8.self)]?.guests }?.admits(key) ?? false
    }
}
