import TranslatorCore

/// The socket on which a writer on another host is told of confirmations. Whether it listens, its subscriptions tell;
/// while it does not, the connection is begun anew, as that of `RemoteEar` is. Confined to the publisher's thread.
final class RemoteMouth: @unchecked Sendable {
    // Safe because it is made by one thread and then used by the one that it is handed to alone.
    let patience: Duration
    private(set) var socket: ZMQSocket
    private let link: WriterLink
    private var topics: Set<[UInt8]> = []
    private var renewal: RenewalPause

    init(_ link: WriterLink, patience: Duration, now: MonotonicTime) throws(TransportError) {
        (self.link, self.patience) = (link, patience)
        socket = Self.makeSocket()
        renewal = RenewalPause(first: patience, now: now)
        try socket.connect(link.address.confirmations, security: link.security)
    }

    private static func makeSocket() -> ZMQSocket { ZMQSocket(.xpub, messageBytesMax: 1_024, queueMax: 100_000) }

    /// Takes notice of who listens, before anything is sent, or it does not count yet (zmq_socket(3), ZMQ_XPUB).
    func look(at now: MonotonicTime) {
        while let message = socket.receive({ Array($0) }) {
            guard let kind = message.first else { continue }
            if kind == 1 {
                topics.insert(Array(message.dropFirst()))
            } else {
                topics.remove(Array(message.dropFirst()))
            }
        }
        guard topics.isEmpty else { return renewal.restart(at: now) }
        guard renewal.isDue(at: now) else { return }
        socket.close()
        socket = Self.makeSocket()
        // What an address refuses, it refused the first time.
        try? socket.connect(link.address.confirmations, security: link.security)
    }
}
