import CZeroMQ
import HealProtocol
import Synchronization
import TranslatorCore

/// What a healer says to everybody: confirmations to writers, events to `healctl events` (DESIGN §3.2). Any thread may
/// publish; nobody is waited for.
public final class HealerPublisher: Sendable {
    /// Messages that wait for the thread; more are dropped, which a confirmation allows.
    private static let queueMax = 100_000

    private struct State {
        var queue: [[UInt8]] = []
        var isClosed = false
    }
    private let volume: Gfid
    private let state = Mutex(State())
    private let wakeup = Wakeup()
    private let thread = Mutex<ServiceThread?>(nil)

    /// Binds `<healer id>.confirm` in the runtime directory, and connects to writers on other hosts. Throws when it is
    /// in use.
    /// `patience`: after which a connection to a writer that does not listen is begun anew.
    public init(
        directory: RuntimeDirectory, healer: Gfid, remotes: [WriterLink] = [], patience: Duration = .seconds(3)
    ) throws(TransportError) {
        volume = directory.volume
        try directory.create()
        // XPUB, because it greets: then a listener knows that it will miss nothing from now on.
        let socket = ZMQSocket(.xpub, messageBytesMax: 1_024, queueMax: Self.queueMax)
        socket.set(ZMQ_XPUB_WELCOME_MSG, bytes: HealerTopic.events(of: directory.volume))
        try socket.bind(directory.endpoint(healer, .confirm))
        let clock = SystemTimeSource()
        var mouths: [RemoteMouth] = []
        for link in remotes { mouths.append(try RemoteMouth(link, patience: patience, now: clock.now())) }
        let remote = mouths
        thread.withLock { $0 = ServiceThread(name: "confirm") { [self] in run(socket, remote, clock) } }
    }

    public func confirm(_ confirmation: HealConfirmation) { send(confirmation.encoded) }
    public func publish(_ event: HealEvent) { send(HealerTopic.message(event, volume: volume)) }

    private func send(_ message: [UInt8]) {
        let wasEmpty: Bool = state.withLock { state in
            if state.queue.count < Self.queueMax, !state.isClosed { state.queue.append(message) }
            return state.queue.count == 1
        }
        if wasEmpty { wakeup.signal() }
    }

    private func run(_ socket: ZMQSocket, _ remotes: [RemoteMouth], _ clock: SystemTimeSource) {
        let pause = remotes.map(\.patience).min()
        while true {
            // Who subscribed is of no interest, but must be looked at before sending, or it does not count yet.
            while socket.receive({ _ in }) != nil {}
            for remote in remotes { remote.look(at: clock.now()) }
            let (messages, isClosed) = state.withLock { state in
                defer { state.queue = [] }
                return (state.queue, state.isClosed)
            }
            for message in messages {
                socket.send(message)
                for remote in remotes { remote.socket.send(message) }
            }
            if isClosed { break }
            ZMQPoll.wait(
                sockets: [socket] + remotes.map(\.socket), descriptors: [wakeup.descriptor], timeout: pause)
            wakeup.drain()
        }
        for each in [socket] + remotes.map(\.socket) { each.close(lingering: .milliseconds(500)) }
    }

    /// Nothing is published any more. What is queued is still sent, for half a second.
    public func close() {
        state.withLock { $0.isClosed = true }
        wakeup.signal()
        thread.withLock { $0.take() }?.join()
    }
}

/// Hears a healer's events: for `healctl`. Used by one thread.
public final class HealEventListener {
    private let socket: ZMQSocket
    private let volume: Gfid

    /// Returns when the healer knows that we listen, so that no later event is missed; throws after `timeout`.
    public init(directory: RuntimeDirectory, healer: Gfid, timeout: Duration = .seconds(2)) throws(TransportError) {
        volume = directory.volume
        socket = ZMQSocket(.sub, messageBytesMax: ControlFrame.bytesMax, queueMax: 100_000)
        socket.subscribe(HealerTopic.events(of: volume))
        let endpoint = try directory.endpoint(healer, .confirm)
        try socket.connect(endpoint)
        let clock = SystemTimeSource(), deadline = clock.now() + timeout
        while socket.receive({ _ in }) == nil {
            guard clock.now() < deadline else {
                throw TransportError(
                    .noAnswer, "healer \(healer) does not publish events at \(endpoint): is it stopping?")
            }
            ZMQPoll.wait(sockets: [socket], timeout: max(.zero, deadline - clock.now()))
        }
    }
    deinit { socket.close() }

    /// The next event, or nil after `timeout`. Events that this version does not know are passed over.
    public func next(timeout: Duration) -> HealEvent? {
        let clock = SystemTimeSource(), deadline = clock.now() + timeout
        while true {
            while let message = socket.receive({ Array($0) }) {
                if let event = try? HealerTopic.event(in: message) { return event }
            }
            guard clock.now() < deadline else { return nil }
            ZMQPoll.wait(sockets: [socket], timeout: max(.zero, deadline - clock.now()))
        }
    }
}
