import CPosix
import Glibc
import Synchronization
import TranslatorCore

/// What is to be sent over one socket, in order. Whoever hands in a record sends, if nobody does already; when the
/// socket is full, the connection's own thread goes on as soon as there is room. Payload is sent from where it lies.
///
/// Bounded by the calls that may be under way: each has one record here at most, and its payload is held by its caller
/// anyway.
final class Outbox: Sendable {
    /// Records without payload that follow one another become one send, up to this.
    fileprivate static let mergedBytesMax = 64 * 1024

    /// One or more records; only the last one has payload, which is sent behind `head`.
    struct Parcel: Sendable {
        var head: [UInt8]
        var payload: Payload
        var sentBytes = 0
        var isSent: Bool { sentBytes == head.count + payload.count }
    }
    fileprivate struct State: Sendable {
        var parcels: [Parcel] = []
        /// The parcel that the socket took a part of.
        var started: Parcel?
        var isSending = false
        var isFull = false
        var isClosed = false
    }
    fileprivate enum Step {
        case done, full
        case send(Parcel)
    }
    private let state = Mutex(State())
    private let socket: StreamSocket

    init(_ socket: StreamSocket) { self.socket = socket }

    /// Whether the connection's thread is to wait for room.
    var isFull: Bool { state.withLock { $0.isFull } }

    /// True: the socket is full now, and the connection's thread is to hear of it.
    func send(_ record: [UInt8], payload: Payload) -> Bool {
        state.withLock { $0.add(record, payload) }
        return drain()
    }

    /// The socket has room again. True: it is full once more.
    func roomCame() -> Bool {
        state.withLock { $0.isFull = false }
        return drain()
    }

    /// Forgets what was not sent.
    func close() {
        state.withLock { state in
            state.isClosed = true
            (state.parcels, state.started, state.isFull) = ([], nil, false)
        }
    }

    /// Sends until nothing is left or the socket is full. One thread at a time; the others leave it to that one.
    private func drain() -> Bool {
        guard state.withLock({ $0.beginSending() }) else { return false }
        while true {
            switch state.withLock({ $0.next() }) {
            case .done: return false
            case .full: return true
            case .send(var parcel):
                let hasRoom = send(&parcel)
                state.withLock { $0.sent(parcel, hasRoom: hasRoom) }
            }
        }
    }

    /// False when the socket is full. A broken one takes everything: its reader hears of the end.
    private func send(_ parcel: inout Parcel) -> Bool {
        while !parcel.isSent {
            switch parcel.withIovecs({ socket.send($0) }) {
            case .bytes(let count): parcel.sentBytes += count
            case .wouldBlock: return false
            case .endOfStream, .failed:
                parcel.sentBytes = parcel.head.count + parcel.payload.count
                socket.shutDown()
            }
        }
        return true
    }
}

extension Outbox.State {
    fileprivate mutating func add(_ record: [UInt8], _ payload: Payload) {
        guard !isClosed else { return }
        if let last = parcels.indices.last, parcels[last].payload.count == 0,
            parcels[last].head.count + record.count <= Outbox.mergedBytesMax
        {
            parcels[last].head += record
            parcels[last].payload = payload
        } else {
            parcels.append(Outbox.Parcel(head: record, payload: payload))
        }
    }

    fileprivate mutating func beginSending() -> Bool {
        guard !isSending, !isFull else { return false }
        isSending = true
        return true
    }

    fileprivate mutating func next() -> Outbox.Step {
        if isFull {
            isSending = false
            return .full
        }
        if let started {
            self.started = nil
            return .send(started)
        }
        guard !parcels.isEmpty else {
            isSending = false
            return .done
        }
        return .send(parcels.removeFirst())
    }

    fileprivate mutating func sent(_ parcel: Outbox.Parcel, hasRoom: Bool) {
        guard !isClosed, !hasRoom else { return }
        (started, isFull) = (parcel, true)
    }
}

extension Outbox.Parcel {
    /// IOV_MAX (sendmsg(2)): no more pieces go with one call.
    private static let piecesMax = 1024

    /// What is not yet sent, in place; valid during the call.
    func withIovecs<Result>(_ body: (UnsafeMutableBufferPointer<iovec>) -> Result) -> Result {
        head.withUnsafeBytes { head in
            payload.withIovecs { slices in
                withUnsafeTemporaryAllocation(of: iovec.self, capacity: min(slices.count + 1, Self.piecesMax)) { out in
                    var (skipped, count) = (sentBytes, 0)
                    func add(_ base: UnsafeRawPointer?, _ bytes: Int) {
                        let skip = min(skipped, bytes)
                        skipped -= skip
                        guard skip < bytes, count < out.count, let base else { return }
                        out[count] = iovec(
                            iov_base: UnsafeMutableRawPointer(mutating: base + skip), iov_len: bytes - skip)
                        count += 1
                    }
                    add(head.baseAddress, head.count)
                    for slice in slices { add(UnsafeRawPointer(slice.iov_base), slice.iov_len) }
                    return body(UnsafeMutableBufferPointer(rebasing: out[..<count]))
                }
            }
        }
    }
}
