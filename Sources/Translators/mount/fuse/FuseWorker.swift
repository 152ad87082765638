import CPosix
import FuseProtocol
import Glibc
import Synchronization
import TranslatorCore

/// A thread that reads requests from its queue and runs them: on this very thread until a translator suspends, then
/// the request goes on on the I/O executor and the worker reads the next.
///
/// A request is read into two buffers: 80 bytes for the header and a WRITE's arguments, and an iobuf of 1 MiB, where a
/// WRITE's payload therefore begins at a page boundary and goes down frozen, never copied. The kernel wants room for
/// the largest write whatever it sends. A small write hands over the whole big buffer: the pool gives the next one from
/// a list (some 50 ns), while a copy into a fitting one would cost as much and touch the data; of a buffer that only
/// small writes used only the first pages are resident. Other requests leave the iobuf with the worker.
struct FuseWorker: ~Copyable {
    private let session: FuseSession
    private let queue: FuseQueue
    private let header: UnsafeMutableRawBufferPointer
    /// For arguments that do not fit `header`, put together with the rest. Touched only as far as needed.
    private let joined: UnsafeMutableRawBufferPointer
    private var draft: IobufDraft

    init(_ session: FuseSession, _ queue: FuseQueue) {
        (self.session, self.queue) = (session, queue)
        header = .allocate(byteCount: FuseRequestHeader.writeBytes, alignment: 16)
        joined = .allocate(byteCount: FuseRequestHeader.writeBytes + FuseInitReply.maxWriteBytes, alignment: 16)
        draft = session.environment.pool.draft(bytes: FuseInitReply.maxWriteBytes)
    }

    deinit {
        header.deallocate()
        joined.deallocate()
    }

    /// Returns when the mount is gone.
    mutating func run() {
        while let bytes = receive() {
            guard bytes >= FuseRequestHeader.bytes else { continue }
            handle(bytes: bytes)
        }
    }

    /// The next request's length; nil when there will be none.
    private func receive() -> Int? {
        while true {
            let bytes = withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                parts[0] = iovec(iov_base: header.baseAddress, iov_len: header.count)
                parts[1] = iovec(iov_base: draft.bytes.baseAddress, iov_len: FuseInitReply.maxWriteBytes)
                return readv(queue.descriptor, parts.baseAddress, 2)
            }
            if bytes >= 0 { return bytes }
            switch errno {
            case EINTR, EAGAIN, ENOENT: continue  // ENOENT: the request was aborted while it was copied
            case ENODEV: return nil
            default:
                session.environment.log.write(.error, volume: "fuse") { "reading requests: \(FopError.last)" }
                return nil
            }
        }
    }

    private mutating func handle(bytes: Int) {
        var reader = ByteReader(UnsafeRawBufferPointer(header))
        guard let request = try? FuseRequestHeader(from: &reader), request.messageBytes == bytes else {
            session.environment.log.write(.error, volume: "fuse") {
                "a request of \(bytes) bytes that is none; dropped"
            }
            return
        }
        let call = FuseCall(request, queue: queue)
        if session.isEnding.load(ordering: .relaxed) {
            if request.known?.hasReply ?? true { queue.reply(call.unique, error: .notConnected) }
            return
        }
        switch request.known {
        case .write: return write(&reader, bytes: bytes, call)
        case .read: return read(&reader, bytes: bytes, call)
        default: break
        }
        other(request, bytes: bytes, call)
    }

    private mutating func write(_ reader: inout ByteReader, bytes: Int, _ call: FuseCall) {
        guard bytes >= FuseRequestHeader.writeBytes, let write = try? FuseWrite(from: &reader),
            write.bytes == bytes - FuseRequestHeader.writeBytes
        else {
            queue.reply(call.unique, error: .invalid)
            return
        }
        let payload = Payload(takeDraft().freeze(count: write.bytes))
        start(call) { [session] in await session.write(write, payload, call) }
    }

    /// As `other` does it, without the detour through a value that holds any request.
    private func read(_ reader: inout ByteReader, bytes: Int, _ call: FuseCall) {
        guard bytes <= header.count, let read = try? FuseRead(from: &reader) else {
            queue.reply(call.unique, error: .invalid)
            return
        }
        start(call) { [session] in await session.read(read, call) }
    }

    private mutating func takeDraft() -> IobufDraft {
        var next = session.environment.pool.draft(bytes: FuseInitReply.maxWriteBytes)
        swap(&next, &draft)
        return next
    }

    private func other(_ request: FuseRequestHeader, bytes: Int, _ call: FuseCall) {
        var reader = ByteReader(arguments(request, bytes: bytes))
        let decoded: FuseRequest
        do throws(CodecError) {
            decoded = try FuseRequest(
                opcode: request.opcode, from: &reader,
                isSetxattrExtended: session.features.contains(.setxattrExtended))
        } catch {
            session.environment.log.write(.error, volume: "fuse") { "request \(request.opcode): \(error)" }
            if request.known?.hasReply ?? true { queue.reply(call.unique, error: .invalid) }
            return
        }
        switch decoded {
        case .forget(let lookups): session.forget(call.node, lookups: lookups)
        case .batchForget(let forgets): forgets.forEach { session.forget($0.node, lookups: $0.lookups) }
        case .interrupt(let unique):
            session.lockWaits.interrupt(unique)
            session.environment.waits.interrupt(unique)
        case .setlkw:
            session.lockWaits.begin(call.unique)
            let task = start(call) { [session] in await session.serve(decoded, call) }
            session.lockWaits.waits(call.unique, task)
        default: start(call) { [session] in await session.serve(decoded, call) }
        }
    }

    /// What follows the 40 bytes of header, in one piece, without extensions.
    private func arguments(_ request: FuseRequestHeader, bytes: Int) -> UnsafeRawBufferPointer {
        let end = bytes - request.extensionBytes
        if bytes <= header.count { return UnsafeRawBufferPointer(rebasing: header[FuseRequestHeader.bytes..<end]) }
        joined.copyMemory(from: UnsafeRawBufferPointer(header))
        UnsafeMutableRawBufferPointer(rebasing: joined[header.count...]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: draft.bytes[..<(bytes - header.count)]))
        return UnsafeRawBufferPointer(rebasing: joined[FuseRequestHeader.bytes..<end])
    }

    /// Inline until the first suspension; a chain that never suspends is over when this returns.
    @discardableResult
    private func start(_ call: FuseCall, _ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        queue.underWay.add(1, ordering: .relaxed)
        return Task.immediate(executorPreference: session.environment.executor) { [queue] in
            await body()
            queue.underWay.subtract(1, ordering: .relaxed)
        }
    }
}
