import HealProtocol
import TranslatorCore

/// Asks one healer: for `healctl`. Used by one thread, which it blocks.
public final class ControlClient {
    public let healer: Gfid
    public let directory: RuntimeDirectory
    private let endpoint: Endpoint
    private let socket: ZMQSocket
    private var lastNumber: UInt64 = 0

    /// Connects to `<healer id>.control`. Throws when nobody listens there.
    public init(directory: RuntimeDirectory, healer: Gfid) throws(TransportError) {
        (self.directory, self.healer) = (directory, healer)
        endpoint = try directory.endpoint(healer, .control)
        socket = ZMQSocket(.dealer, messageBytesMax: ControlFrame.bytesMax)
        try checkAlive()
        try socket.connect(endpoint)
    }
    deinit { socket.close() }

    /// One request and its reply. Throws when the healer ends meanwhile, or does not answer within `timeout`; nil waits
    /// as long as the healer lives.
    public func ask(_ request: ControlRequest, timeout: Duration? = .seconds(2)) throws(TransportError) -> ControlReply
    {
        lastNumber += 1
        socket.send(ControlFrame(number: lastNumber, json: request.json).encoded)
        let clock = SystemTimeSource(), deadline = timeout.map { clock.now() + $0 }
        while true {
            while let frames = socket.receiveFrames(framesMax: 1) {
                do throws(CodecError) {
                    let frame = try ControlFrame(decoding: frames[0])
                    // An answer that came too late for its question.
                    guard frame.number == lastNumber else { continue }
                    return try ControlReply(json: frame.json)
                } catch {
                    throw TransportError(.badMessage, "healer \(healer) gave an answer that cannot be read: \(error)")
                }
            }
            try checkAlive()
            let left = deadline.map { $0 - clock.now() } ?? .seconds(1)
            guard left > .zero else {
                throw TransportError(
                    .noAnswer, "healer \(healer) does not answer at \(endpoint): is it stopped or overloaded?")
            }
            ZMQPoll.wait(sockets: [socket], timeout: min(left, .seconds(1)))
        }
    }

    private func checkAlive() throws(TransportError) {
        guard case .ipc(let path) = endpoint else { return }
        switch Endpoint.probe(path) {
        case .live: return
        case .nothing: throw TransportError(.ended, "healer \(healer) has ended")
        case .stale:
            throw TransportError(.ended, "healer \(healer) has died and left \(path) behind: start it again")
        case .notASocket: throw TransportError(.badEndpoint, "\(path) is no socket: move it away")
        }
    }
}
