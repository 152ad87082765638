import CPosix
import Glibc
import Synchronization
import TranslatorCore
import WireProtocol

/// One socket to a brick, or to glusterd: calls go out as they come, answers come in any order, and whoever waits for
/// one is suspended and keeps no thread. One thread of its own hears the socket.
///
/// States: open → closed, for good, by the peer, by silence longer than the ping-timeout, by a message that cannot be
/// read, or by `close`. Then every call under way fails with ENOTCONN, `closed` is told once, and after that nothing.
/// What became of writes under way is unknown. Source: gluster-wire.md §1, §4.
final class BrickConnection: Sendable {
    struct Settings: Sendable {
        var address: BrickAddress
        /// Who it is for, in leak reports and the thread's name.
        var name = "brick"
        /// GlusterFS `ping-timeout`: silence of the peer after which it counts as gone; 0: never.
        var pingTimeout = Duration.seconds(42)
        /// GlusterFS `frame-timeout`: a call without an answer fails with ENOTCONN; locks may wait for longer;
        /// 0: all may.
        var frameTimeout = Duration.seconds(1800)
        /// How long name and connection may take.
        var connectTimeout = Duration.seconds(10)
        var socket = StreamSocket.Options()
        /// Nil: plain.
        var tls: TLSSettings?
        /// Callers' supplementary groups go with their fops. Source: GlusterFS `send-gids`.
        var sendsGroups = true
        /// Calls under way at once; one more is ENOBUFS. A mount has far fewer.
        var callsMax = 16 * 1024
        /// Where the payload of READs goes.
        var pool: IobufPool

        init(_ address: BrickAddress, pool: IobufPool) { (self.address, self.pool) = (address, pool) }
    }
    /// What comes without being asked for. Told on the connection's thread, in order; must not block.
    enum Event: Sendable {
        case callback(ServerCallback)
        /// Something that is only worth a line in the log.
        case remark(String)
        /// The last event: why it ended, for people.
        case closed(String)
    }
    /// Results behind an accepted reply's head; READ's payload.
    struct Answer: Sendable {
        let results: [UInt8]
        let payload: Payload
    }
    private typealias Waiter = CheckedContinuation<Result<Answer, FopError>, Never>

    /// Between two looks through the calls for those that are late, at most.
    private static let expiryPauseMax = Duration.seconds(10)

    let settings: Settings
    private let socket: StreamSocket
    private let outbox: Outbox
    private let calls: Mutex<CallTable<Waiter>>
    /// Those of the settings, until others are adopted.
    private let timeouts: Mutex<(ping: Duration, frame: Duration)>
    /// Why it was closed from this side, if it was.
    private let closeReason = Mutex<String?>(nil)
    private let wake: Int32
    private let tell: @Sendable (Event) -> Void

    private init(
        _ settings: Settings, _ socket: StreamSocket, wake: Int32, _ tell: @escaping @Sendable (Event) -> Void
    ) {
        (self.settings, self.socket, self.wake, self.tell) = (settings, socket, wake, tell)
        outbox = Outbox(socket)
        calls = Mutex(CallTable(callsMax: settings.callsMax))
        timeouts = Mutex((settings.pingTimeout, settings.frameTimeout))
    }
    deinit { Glibc.close(wake) }

    /// Connects, on the thread that then belongs to the connection until `Event.closed`. Throws when nobody listens.
    /// It stays until somebody closes it: letting go of it is not enough.
    static func connect(
        _ settings: Settings, _ tell: @escaping @Sendable (Event) -> Void
    ) async throws(BrickUnreachable) -> BrickConnection {
        let result = await withCheckedContinuation {
            (made: CheckedContinuation<Result<BrickConnection, BrickUnreachable>, Never>) in
            WorkerThread.start(name: settings.name) {
                do throws(BrickUnreachable) {
                    let socket = try StreamSocket.connect(
                        to: settings.address, within: settings.connectTimeout, settings.socket, tls: settings.tls)
                    let wake = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
                    guard wake >= 0 else {
                        throw BrickUnreachable(address: settings.address, reason: "eventfd: \(FopError.last)")
                    }
                    let connection = BrickConnection(settings, socket, wake: wake, tell)
                    made.resume(returning: .success(connection))
                    connection.run()
                } catch { made.resume(returning: .failure(error)) }
            }
        }
        return try result.get()
    }

    /// Ends it, from any thread; `Event.closed` follows. Again: nothing.
    func close(because reason: String = "closed by this side") {
        closeReason.withLock { if $0 == nil { $0 = reason } }
        socket.shutDown()
        wakeUp()
    }

    /// Other timeouts from now on; calls under way keep theirs.
    func adopt(ping: Duration, frame: Duration) {
        timeouts.withLock { $0 = (ping, frame) }
        wakeUp()
    }

    /// Calls under way.
    var callCount: Int { calls.withLock { $0.count } }

    /// Sends what `record` makes of a fresh xid, with `payload` right behind it, and waits for the answer.
    ///
    /// `payloadBytesMax`: what the answer may bring, nil for all but READ. `isPatient`: it may wait for as long as it
    /// likes. Throws ENOTCONN when the connection is or gets lost or the answer is late, ENOBUFS for one call too
    /// many, EOPNOTSUPP for a program or procedure that the server has not, EIO for what it cannot read. A cancelled
    /// task waits on: there is no way to take a call back.
    func exchange(
        payload: Payload = .empty, payloadBytesMax: Int? = nil, isPatient: Bool = false,
        _ record: (_ xid: UInt32) -> [UInt8]
    ) async throws(FopError) -> Answer {
        let limit = timeouts.withLock { $0.frame }
        let deadline = isPatient || limit == .zero ? nil : SystemTimeSource().now() + limit
        let result: Result<Answer, FopError> = await withCheckedContinuation { waiter in
            let begun = calls.withLock { calls -> Result<UInt32, FopError> in
                do throws(FopError) {
                    return .success(
                        try calls.begin(waiter, payloadBytesMax: payloadBytesMax, deadline: deadline))
                } catch { return .failure(error) }
            }
            switch begun {
            case .failure(let error): waiter.resume(returning: .failure(error))
            case .success(let xid): if outbox.send(record(xid), payload: payload) { wakeUp() }
            }
        }
        return try result.get()
    }

    /// A line for the log.
    func remark(_ line: String) { tell(.remark(line)) }

    private func wakeUp() {
        var one: UInt64 = 1
        _ = Glibc.write(wake, &one, 8)
    }
}

// The connection's thread.
extension BrickConnection {
    private func run() {
        let time = SystemTimeSource()
        var stream = ReplyStream(pool: settings.pool, owner: settings.name)
        var liveness = Liveness(pingTimeout: settings.pingTimeout, now: time.now())
        var expiry = time.now() + expiryPause
        while true {
            let now = time.now()
            liveness.pingTimeout = timeouts.withLock { $0.ping }
            if now >= expiry {
                expiry = now + expiryPause
                fail(calls.withLock { $0.expire(at: now) }, "no answer within the frame-timeout")
            }
            var pause = expiry - now
            switch liveness.next(at: now) {
            case .giveUp:
                return end("no answer for \(liveness.pingTimeout.inSeconds) s (ping-timeout)")
            case .ping:
                ping()
                continue
            case .wait(let limit): if let limit { pause = min(pause, limit) }
            }
            guard wait(for: pause) else { continue }
            do throws(CodecError) {
                guard let ending = try receive(&stream) else {
                    liveness.heard(at: time.now())
                    continue
                }
                switch ending {
                case .wouldBlock: continue
                case .endOfStream: return end("the other side closed the connection")
                case .failed(let why): return end(why)
                }
            } catch { return end("a message that cannot be read: \(error)") }
        }
    }

    private var expiryPause: Duration {
        let limit = timeouts.withLock { $0.frame }
        return limit == .zero ? Self.expiryPauseMax : min(Self.expiryPauseMax, max(limit / 4, .milliseconds(1)))
    }

    /// True when the socket may have something to read; false at a timeout, or when room to send was all there was.
    private func wait(for pause: Duration) -> Bool {
        if socket.hasPending { return true }
        let receivingWantsRoom = socket.receivingWantsRoom
        let room: Int32 = outbox.isFull || receivingWantsRoom ? POLLOUT : 0
        var entries = [
            pollfd(fd: socket.descriptor, events: Int16(POLLIN | room), revents: 0),
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        ]
        let nanoseconds = max(0, pause.wholeNanoseconds)
        var limit = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        let count = ppoll(&entries, 2, &limit, nil)
        guard count > 0 else {
            precondition(count == 0 || errno == EINTR, "ppoll: \(FopError.last)")
            return false
        }
        if entries[1].revents != 0 {
            var drained: UInt64 = 0
            _ = Glibc.read(wake, &drained, 8)
        }
        let hasRoom = entries[0].revents & Int16(POLLOUT) != 0
        if hasRoom { _ = outbox.roomCame() }
        return entries[0].revents & ~Int16(POLLOUT) != 0 || hasRoom && receivingWantsRoom
    }

    private func receive(_ stream: inout ReplyStream) throws(CodecError) -> ReplyStream.Ending? {
        let isReading = calls.withLock { $0.readCount > 0 }
        return try stream.receive(
            from: socket, isReading: isReading,
            payloadBytesMax: { xid in calls.withLock { $0.payloadBytesMax(of: xid) } }
        ) { arrival in
            switch arrival {
            case .callback(let callback): tell(.callback(callback))
            case .unreadable(let what): tell(.remark(what))
            case .reply(let xid, let outcome, let results, let payload):
                let call = calls.withLock { $0.end(xid) }
                guard let call else {
                    if xid == CallTable<Waiter>.pingXid { return }
                    tell(.remark("an answer to call \(xid), for which nobody waits"))
                    return
                }
                if outcome != .success { tell(.remark("call \(xid): \(outcome)")) }
                let result =
                    outcome.error.map { .failure($0) } ?? Result.success(Answer(results: results, payload: payload))
                call.waiter.resume(returning: result)
            }
        }
    }

    /// Not in the table, which may be full of locks that wait: that something comes is enough.
    private func ping() {
        _ = outbox.send(PingArguments().call(xid: CallTable<Waiter>.pingXid, credential: .none), payload: .empty)
    }

    private func fail(_ late: [CallTable<Waiter>.Call], _ reason: String) {
        guard !late.isEmpty else { return }
        tell(.remark("\(late.count) calls: \(reason)"))
        for call in late { call.waiter.resume(returning: .failure(.notConnected)) }
    }

    private func end(_ reason: String) {
        let lost = calls.withLock { $0.close() }
        socket.shutDown()
        outbox.close()
        for call in lost { call.waiter.resume(returning: .failure(.notConnected)) }
        tell(.closed(closeReason.withLock { $0 } ?? reason))
    }
}

extension ReplyHeader.Outcome {
    /// What a call that came to nothing is to who made it; nil for success.
    fileprivate var error: FopError? {
        switch self {
        case .success: nil
        case .programUnavailable, .programMismatch, .procedureUnavailable, .rpcMismatch: .notSupported
        case .garbageArguments, .systemError: .io
        case .authError: .accessDenied
        }
    }
}
