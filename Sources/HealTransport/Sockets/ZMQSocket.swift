import CPosix
import CZeroMQ
import Glibc

/// A ZeroMQ socket that closes itself. What a peer sends never traps: oversized messages are refused by libzmq
/// (`messageBytesMax`), and every call reports or returns nil.
///
/// Confined to one thread at a time: made by one, handed to another when that starts, or guarded by a mutex.
final class ZMQSocket: @unchecked Sendable {
    // Safe because of the confinement above; a handover through a thread's start or a mutex is the full fence that
    // zmq(7) asks for.
    let pointer: UnsafeMutableRawPointer
    private let message: UnsafeMutablePointer<zmq_msg_t>
    private var socketFile: String?
    /// Kept while the socket may ask who is admitted.
    private var guests: CurveGuests?

    /// A MESSAGE command's name, nonce, flags and box (ZeroMQ RFC 26). A peer that sends one byte too many is not
    /// connected to again.
    private static let curveBytes = 8 + 8 + 1 + 16

    enum Kind {
        case pub, xpub, sub, router, dealer, rep
        fileprivate var code: Int32 {
            switch self {
            case .pub: ZMQ_PUB
            case .xpub: ZMQ_XPUB
            case .sub: ZMQ_SUB
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .rep: ZMQ_REP
            }
        }
    }

    /// `queueMax`: messages kept for a peer that is slow, and from one; beyond it PUB drops.
    init(_ kind: Kind, messageBytesMax: Int, queueMax: Int = 1_000) {
        guard let pointer = zmq_socket(ZMQContext.pointer, kind.code) else {
            fatalError("zmq_socket: \(String(cString: zmq_strerror(zmq_errno())))")
        }
        self.pointer = pointer
        message = .allocate(capacity: 1)
        zmq_msg_init(message)
        set(ZMQ_LINGER, 0)  // closing never waits for a peer
        set(ZMQ_SNDHWM, Int32(queueMax))
        set(ZMQ_RCVHWM, Int32(queueMax))
        set(ZMQ_RECONNECT_IVL, 10)
        set(ZMQ_RECONNECT_IVL_MAX, 1_000)
        // libzmq counts what CURVE adds to a message, and the messages of its handshake, of up to some 600 bytes, too.
        let bytesMax = max(messageBytesMax + Self.curveBytes, 1_024)
        withUnsafeBytes(of: Int64(bytesMax)) { set(ZMQ_MAXMSGSIZE, bytes: Array($0)) }
        set(ZMQ_IPV6, 1)
    }
    deinit { close() }

    private var isOpen = true

    /// Returns at once; libzmq goes on sending what is queued for as long as told. The socket's file goes too, without
    /// waiting for libzmq's own thread to remove it.
    func close(lingering time: Duration = .zero) {
        guard isOpen else { return }
        isOpen = false
        set(ZMQ_LINGER, Int32(time.milliseconds))
        zmq_msg_close(message)
        message.deallocate()
        zmq_close(pointer)
        if let socketFile { unlink(socketFile) }
    }

    /// Most options are a C int.
    func set(_ option: Int32, _ value: Int32) { withUnsafeBytes(of: value) { set(option, bytes: Array($0)) } }
    func set(_ option: Int32, bytes: [UInt8]) {
        let failed = zmq_setsockopt(pointer, option, bytes, bytes.count)
        precondition(failed == 0, "zmq_setsockopt \(option): \(String(cString: zmq_strerror(zmq_errno())))")
    }

    /// Binds. A stale socket file is replaced; a live one throws `.inUse`.
    func bind(_ endpoint: Endpoint, security: SocketSecurity = .none) throws(TransportError) {
        try prepare(for: endpoint, security)
        try endpoint.makeWay()
        guard zmq_bind(pointer, endpoint.description) == 0 else { throw .zmq("listen on", endpoint.description) }
        if case .ipc(let path) = endpoint { socketFile = path }
    }

    /// Connects, now or whenever the peer appears.
    func connect(_ endpoint: Endpoint, security: SocketSecurity = .none) throws(TransportError) {
        try prepare(for: endpoint, security)
        guard zmq_connect(pointer, endpoint.description) == 0 else { throw .zmq("connect to", endpoint.description) }
    }
    /// Between threads of this process.
    func bindInProcess(_ name: String) -> Bool { zmq_bind(pointer, name) == 0 }
    func disconnect(_ endpoint: Endpoint) { zmq_disconnect(pointer, endpoint.description) }

    private func prepare(for endpoint: Endpoint, _ security: SocketSecurity) throws(TransportError) {
        try security.check(endpoint)
        security.apply(to: self)
        if case .server(_, let guests) = security { self.guests = guests }
        guard case .tcp = endpoint else { return }
        // Without these a half-open connection never reconnects after a network cut.
        set(ZMQ_HEARTBEAT_IVL, 1_000)
        set(ZMQ_HEARTBEAT_TIMEOUT, 3_000)
    }

    func subscribe(_ prefix: [UInt8]) { set(ZMQ_SUBSCRIBE, bytes: prefix) }

    /// False when it could not be queued (PUB drops by itself instead) or the peer is gone.
    @discardableResult func send(_ bytes: UnsafeRawBufferPointer, more: Bool = false) -> Bool {
        zmq_send(pointer, bytes.baseAddress, bytes.count, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0
    }
    @discardableResult func send(_ bytes: [UInt8], more: Bool = false) -> Bool {
        bytes.withUnsafeBytes { send($0, more: more) }
    }

    /// The next message of one frame, in place; nil when none is there. Messages of several frames are passed over.
    func receive<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        while zmq_msg_recv(message, pointer, ZMQ_DONTWAIT) >= 0 {
            if zmq_msg_more(message) == 0 {
                return body(UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message)))
            }
            while zmq_msg_more(message) != 0, zmq_msg_recv(message, pointer, ZMQ_DONTWAIT) >= 0 {}
        }
        return nil
    }

    /// The frames of the next message, at most `framesMax` of them; nil when none is there. Longer ones are passed
    /// over.
    func receiveFrames(framesMax: Int = 4) -> [[UInt8]]? {
        while zmq_msg_recv(message, pointer, ZMQ_DONTWAIT) >= 0 {
            var frames = [frame]
            var isTooLong = false
            while zmq_msg_more(message) != 0, zmq_msg_recv(message, pointer, ZMQ_DONTWAIT) >= 0 {
                if frames.count < framesMax { frames.append(frame) } else { isTooLong = true }
            }
            if !isTooLong { return frames }
        }
        return nil
    }
    private var frame: [UInt8] {
        Array(UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message)))
    }
}

/// Waits until one of several sockets and descriptors is readable, or for `timeout` (zmq_poll(3)).
enum ZMQPoll {
    static func wait(sockets: [ZMQSocket] = [], descriptors: [Int32] = [], timeout: Duration?) {
        var items = sockets.map { zmq_pollitem_t(socket: $0.pointer, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0) }
        items += descriptors.map { zmq_pollitem_t(socket: nil, fd: $0, events: Int16(ZMQ_POLLIN), revents: 0) }
        zmq_poll(&items, Int32(items.count), timeout.map { Int($0.milliseconds) } ?? -1)
    }
}
