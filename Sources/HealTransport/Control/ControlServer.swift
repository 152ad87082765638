import HealProtocol
import Synchronization
import TranslatorCore

/// Answers `healctl`: a ROUTER with a thread of its own. Requests are handled as tasks, so that one that waits for a
/// heal holds up no other.
public final class ControlServer: Sendable {
    /// Requests under way; more are told that the healer is busy.
    public static let requestsMax = 64

    private struct State {
        var answers: [(asker: [UInt8], frame: ControlFrame)] = []
        var underWay = 0
        /// Messages that were none of ours.
        var refused = 0
        var isClosed = false
    }
    private let state = Mutex(State())
    private let wakeup = Wakeup()
    private let handler: @Sendable (ControlRequest) async -> ControlReply
    private let log: Log
    private let thread = Mutex<ServiceThread?>(nil)

    /// Binds `<healer id>.control` in the runtime directory, or `endpoint`. Throws when it is in use. `handler` runs on
    /// the default executor and must not block.
    public init(
        directory: RuntimeDirectory, healer: Gfid, endpoint: Endpoint? = nil, security: SocketSecurity = .none,
        log: Log = .silent, handler: @escaping @Sendable (ControlRequest) async -> ControlReply
    ) throws(TransportError) {
        (self.handler, self.log) = (handler, log)
        try directory.create()
        let socket = ZMQSocket(.router, messageBytesMax: 1 << 20)
        let place: Endpoint
        if let endpoint { place = endpoint } else { place = try directory.endpoint(healer, .control) }
        try socket.bind(place, security: security)
        thread.withLock { $0 = ServiceThread(name: "control") { [self] in serve(socket) } }
    }

    /// Ends the thread. Requests under way are not answered any more.
    public func close() {
        state.withLock { $0.isClosed = true }
        wakeup.signal()
        thread.withLock { $0.take() }?.join()
    }

    private func serve(_ socket: ZMQSocket) {
        while true {
            let (answers, isClosed) = state.withLock { state in
                defer { state.answers = [] }
                return (state.answers, state.isClosed)
            }
            for (asker, frame) in answers {
                socket.send(asker, more: true)
                socket.send(frame.encoded)
            }
            if isClosed { break }
            ZMQPoll.wait(sockets: [socket], descriptors: [wakeup.descriptor], timeout: nil)
            wakeup.drain()
            while let frames = socket.receiveFrames(framesMax: 2) {
                if frames.count == 2 { take(frames[1], from: frames[0]) }
            }
        }
        socket.close(lingering: .milliseconds(500))
    }

    private func take(_ message: [UInt8], from asker: [UInt8]) {
        let frame: ControlFrame, request: ControlRequest
        do throws(CodecError) {
            frame = try ControlFrame(decoding: message)
        } catch {
            // There is no number to answer to. Told once: whoever sends one such message may send many.
            let isFirst = state.withLock { state in
                state.refused += 1
                return state.refused == 1
            }
            if isFirst {
                log.write(.warning, volume: "control") { "\(error); it is passed over, and so are others, unsaid" }
            }
            return
        }
        do throws(CodecError) { request = try ControlRequest(json: frame.json) } catch {
            return answer(.failed(ControlFailure(.badRequest, error.description)), to: asker, frame.number)
        }
        let isAdmitted: Bool = state.withLock { state in
            guard state.underWay < Self.requestsMax else { return false }
            state.underWay += 1
            return true
        }
        guard isAdmitted else {
            let busy = ControlFailure(
                .busy, "the healer has \(Self.requestsMax) requests under way: try again in a moment")
            return answer(.failed(busy), to: asker, frame.number)
        }
        Task { [self, handler] in
            let reply = await handler(request)
            state.withLock { $0.underWay -= 1 }
            answer(reply, to: asker, frame.number)
        }
    }

    private func answer(_ reply: ControlReply, to asker: [UInt8], _ number: UInt64) {
        var frame = ControlFrame(number: number, json: reply.json)
        if frame.encoded.count > ControlFrame.bytesMax {
            frame.json =
                ControlReply.failed(
                    ControlFailure(
                        .badRequest, "the answer has more than \(ControlFrame.bytesMax) bytes: ask for fewer files")
                ).json
        }
        state.withLock { $0.answers.append((asker, frame)) }
        wakeup.signal()
    }
}
