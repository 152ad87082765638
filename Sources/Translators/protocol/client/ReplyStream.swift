import CPosix
import Glibc
import TranslatorCore
import WireProtocol

/// Takes what a brick sends off a socket: heads by way of a small buffer, the payload of READ replies straight into
/// iobufs. Used by the connection's thread alone.
struct ReplyStream: ~Copyable {
    /// Taken at once while no payload is due.
    private static let bufferBytes = 64 * 1024
    /// Taken at once while READs are under way: room for a reply's head. What comes of payload with it is copied.
    private static let headBytes = 1024

    /// What came whole.
    enum Arrival {
        /// Results are those behind the reply's head; of READ, without its payload.
        case reply(xid: UInt32, ReplyHeader.Outcome, results: [UInt8], Payload)
        case callback(ServerCallback)
        /// A call that cannot be read, or that no brick has for a client; for the log.
        case unreadable(String)
    }
    /// How a look at the socket ended.
    enum Ending: Equatable {
        case wouldBlock, endOfStream
        case failed(String)
    }
    /// A reply whose payload is still coming.
    private struct Landing {
        let xid: UInt32, results: [UInt8]
        /// All of the draft's memory.
        let place: UnsafeMutableRawBufferPointer
        var filledBytes: Int
    }
    private enum Head {
        case reply(xid: UInt32, ReplyHeader.Outcome, results: [UInt8])
        case other(Arrival)
    }

    private let pool: IobufPool
    private let owner: String
    private var reader = RecordReader()
    private var landing: Landing?
    /// Where it lands; its own field, because it is not to be copied.
    private var draft: IobufDraft?
    private let buffer: UnsafeMutableRawBufferPointer

    init(pool: IobufPool, owner: String) {
        (self.pool, self.owner) = (pool, owner)
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
    }
    deinit { buffer.deallocate() }

    /// Takes what is there, once. `payloadBytesMax` says how much payload an xid may bring, nil for none; `isReading`
    /// whether any may. Nil: look again. Throws for a stream that cannot be read on.
    mutating func receive(
        from socket: StreamSocket, isReading: Bool, payloadBytesMax: (UInt32) -> Int?, _ arrive: (Arrival) -> Void
    ) throws(CodecError) -> Ending? {
        let count: Int
        switch read(socket, bufferBytes: isReading ? Self.headBytes : Self.bufferBytes) {
        case .bytes(let some): count = some
        case .wouldBlock: return .wouldBlock
        case .endOfStream: return .endOfStream
        case .failed(let why): return .failed(why)
        }
        let landed = min(count, reader.payloadBytesToLand)
        if landed > 0 {
            reader.landed(landed)
            landing?.filledBytes += landed
            deliverIfWhole(arrive)
        }
        var stream = ByteReader(UnsafeRawBufferPointer(rebasing: buffer[..<(count - landed)]))
        while reader.payloadBytesLeft == 0, try step(&stream, payloadBytesMax, arrive) {}
        return nil
    }

    /// Into the payload's place first, then into the buffer.
    private func read(_ socket: StreamSocket, bufferBytes: Int) -> StreamSocket.Transfer {
        let landBytes = reader.payloadBytesToLand
        var vector = [iovec(iov_base: buffer.baseAddress, iov_len: bufferBytes)]
        if landBytes > 0, let landing {
            let rest = landing.place.baseAddress! + landing.filledBytes
            vector = [
                iovec(iov_base: rest, iov_len: landBytes), iovec(iov_base: buffer.baseAddress, iov_len: Self.headBytes),
            ]
        }
        return socket.receive(into: vector)
    }

    /// False when the stream is used up.
    private mutating func step(
        _ stream: inout ByteReader, _ payloadBytesMax: (UInt32) -> Int?, _ arrive: (Arrival) -> Void
    ) throws(CodecError) -> Bool {
        var payloadBytes = 0
        let head = try reader.next(
            &stream, extent: { record throws(CodecError) in try Self.extent(record, payloadBytesMax) }
        ) { head throws(CodecError) in
            payloadBytes = head.payloadBytes
            return try Self.head(head, payloadBytesMax)
        }
        guard let head else { return false }
        switch head {
        case .other(let arrival): arrive(arrival)
        case .reply(let xid, let outcome, let results) where payloadBytes == 0:
            arrive(.reply(xid: xid, outcome, results: results, .empty))
        case .reply(let xid, _, let results):
            let draft = pool.draft(bytes: payloadBytes, owner: owner, fop: .readv)
            let place = draft.bytes
            self.draft = consume draft
            let here = try reader.takePayload(from: &stream, into: place)
            landing = Landing(xid: xid, results: results, place: place, filledBytes: here)
            deliverIfWhole(arrive)
            return reader.payloadBytesLeft == 0
        }
        return true
    }

    private mutating func deliverIfWhole(_ arrive: (Arrival) -> Void) {
        guard reader.payloadBytesLeft == 0, let whole = landing, let draft = draft.take() else { return }
        landing = nil
        let iobuf = draft.freeze(count: whole.filledBytes)
        arrive(.reply(xid: whole.xid, .success, results: whole.results, Payload(iobuf)))
    }

    /// A record of a READ that nobody waits for any more is taken whole, and dropped.
    private static func extent(
        _ record: UnsafeRawBufferPointer, _ payloadBytesMax: (UInt32) -> Int?
    ) throws(CodecError) -> HeadExtent {
        try HeadExtent.reply(record) { payloadBytesMax($0) != nil }
    }

    private static func head(
        _ record: RecordHead, _ payloadBytesMax: (UInt32) -> Int?
    ) throws(CodecError) -> Head {
        var xdr = XDRReader(record.bytes)
        switch try RPCMessage(from: &xdr) {
        case .reply(let header):
            if record.payloadBytes > 0, let most = payloadBytesMax(header.xid), record.payloadBytes > most {
                throw CodecError("READ reply: \(record.payloadBytes) bytes of payload, \(most) were asked for")
            }
            return .reply(xid: header.xid, header.outcome, results: Array(try xdr.raw(xdr.remaining, "results")))
        case .call(let header) where header.program == .callback:
            do throws(CodecError) {
                return .other(.callback(try ServerCallback(procedure: header.procedure, from: &xdr)))
            } catch { return .other(.unreadable("\(error)")) }
        case .call(let header):
            return .other(.unreadable("a call of \(header.program), which no client has"))
        }
    }
}
